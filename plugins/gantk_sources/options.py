"""Options of the built-in sources. Imports no framework."""

from __future__ import annotations

import codecs
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from gantk import Layout, SourceOptions

_SUFFIX = re.compile(r"\.?\w+\Z")
_SPLIT_NAME = re.compile(r"(train|valid|test)(/[AB])?\Z")


def _lower_with_dot(value: Any) -> Any:
    if isinstance(value, str) and _SUFFIX.match(value):
        return "." + value.lower().removeprefix(".")
    raise ValueError(f"a file name suffix such as '.dng' was expected. Received: {value!r}")


def _sequence(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class PictureOptions(SourceOptions):
    """What the sources of picture files have in common."""

    pairing: Literal["unpaired", "aligned", "single"] = "unpaired"
    """`unpaired`: two domains, A and B, in sub-folders `trainA` `trainB` `testA` `testB` (also `valA` `valB`), or `A`
    and `B`, or `train/A` and `train/B`. `aligned`: pairs, in the same sub-folders matched by name without suffix, or
    as side-by-side pictures split in the middle. `single`: one domain, every picture found."""
    suffixes: tuple[Annotated[str, BeforeValidator(_lower_with_dot)], ...] = ()
    "File name suffixes to take for pictures beside the usual ones (jpg, png, webp, bmp, gif, tif, …). Example: `[.dng]`."
    left: Literal["A", "B"] = "A"
    "Which domain the left half of a side-by-side picture is (aligned)."
    domain_names: dict[Literal["A", "B"], str] = Field(default_factory=dict)
    "Names to show for the domains. Example: `{A: horse, B: zebra}`. By default the names of the folders."
    labels: Literal["folders"] | None = None
    """`folders`: the sub-folder that a picture lies in, at whatever depth below it, names its class (single). Folders called
    `train`, `valid`, `val` or `test` may stand around the classes or inside each of them."""

    @model_validator(mode="after")
    def _labels_of_single_pictures(self) -> PictureOptions:
        if self.labels is not None and self.pairing != "single":
            raise ValueError(
                f"`labels` are for single pictures: set `pairing: single`. Received: pairing {self.pairing!r}"
            )
        return self

    @property
    def layout(self) -> Layout:
        """The layout of the samples."""
        return self.pairing


class FolderOptions(PictureOptions):
    """Options of `folder`.

    Sub-folders are searched, links are followed, hidden files and `__MACOSX` are passed over. Pictures
    below a sub-folder called `train`, `valid`, `val` or `test` belong to that split.

    Example: `{type: folder, root: data/horse2zebra}`, `{type: folder, a: photos, b: paintings}`,
    `{type: folder, root: data/facades, pairing: aligned}` or `{type: folder, root: data/digits, pairing: single, labels: folders}`.
    """

    root: str | None = Field(None, min_length=1)
    "The folder that holds the data, relative to the current folder."
    a: str | None = Field(None, min_length=1)
    "Folder of domain A, where the sub-folders are not named as above; relative to `root` if that is given."
    b: str | None = Field(None, min_length=1)
    "Folder of domain B, likewise."

    @model_validator(mode="after")
    def _one_place(self) -> FolderOptions:
        if (self.a is None) != (self.b is None):
            raise ValueError(f"`a` and `b` are given together. Received: a={self.a!r}, b={self.b!r}")
        if self.pairing == "single" and self.a is not None:
            raise ValueError("pairing 'single' takes `root` alone. Received: `a` and `b`")
        if self.root is None and self.a is None:
            raise ValueError("a folder is expected: `root`, or `a` and `b`. Received: neither")
        return self


class ArchiveOptions(PictureOptions):
    """Options of `archive`.

    A compressed tar can only be read from its beginning: listing it is one pass over the whole archive,
    and reading it about one more for each worker. Zip files and plain tars are read at random.

    Example: `{type: archive, path: downloads/horse2zebra.zip}`.
    """

    path: str = Field(min_length=1)
    "A zip, tar, tar.gz, tar.bz2 or tar.xz file; told by its content, not its name."
    max_member_mib: float = Field(256, gt=0)
    "Members larger than this, in MiB unpacked, are rejected."


class TextOptions(SourceOptions):
    """Options of `text`.

    Files called `train`, `valid`, `val` or `test` (whatever the suffix) belong to that split; equal
    lines always end in the same split.

    Example: `{type: text, path: data/coco_captions}` or `{type: text, path: [train.txt, valid.txt]}`.
    """

    path: Annotated[
        tuple[str, ...],
        Field(min_length=1),
        BeforeValidator(_sequence, json_schema_input_type=str | tuple[str, ...]),
    ]
    "A text file, a folder of `.txt` files, or a list of both."
    min_length: int = Field(1, ge=0)
    "Shorter lines are no samples; in characters. The default leaves out empty lines."
    max_length: int | None = Field(None, ge=1)
    "Longer lines are no samples; in characters."
    strip: bool = True
    "Remove white space from both ends of a line."
    encoding: str = "utf-8"
    "Encoding of the files. A line that does not decode is rejected."
    max_line_mib: float = Field(1, gt=0)
    "Lines longer than this, in MiB, are rejected unread: such a file is hardly text."

    @property
    def layout(self) -> Layout:
        """The layout of the samples."""
        return "text"

    @field_validator("encoding")
    @classmethod
    def _encoding_with_plain_line_ends(cls, value: str) -> str:
        try:
            plain = "\n".encode(value) == b"\n"
        except (LookupError, UnicodeError):
            raise ValueError(f"a text encoding such as 'utf-8' was expected. Received: {value!r}") from None
        if not plain:
            raise ValueError(f"an encoding whose line end is one byte (not UTF-16 or UTF-32). Received: {value!r}")
        return codecs.lookup(value).name

    @model_validator(mode="after")
    def _lengths_in_order(self) -> TextOptions:
        if self.max_length is not None and self.max_length < self.min_length:
            raise ValueError(
                f"max_length >= min_length was expected. Received: min_length={self.min_length}, "
                f"max_length={self.max_length}"
            )
        return self


class TfdsOptions(SourceOptions):
    """Options of `tfds`.

    The data set is downloaded and converted to its random-access format when the data is prepared for
    the first time.

    Example: `{type: tfds, name: cycle_gan/horse2zebra}` or
    `{type: tfds, name: tf_flowers, pairing: single, splits: {train: "train[:90%]", test: "train[90%:]"}}`.
    """

    name: str = Field(min_length=1)
    "Name in the catalogue, with configuration and version as needed. Example: `cycle_gan/horse2zebra`."
    pairing: Literal["unpaired", "aligned", "single", "text"] = "unpaired"
    "`unpaired`: splits for A and B. `aligned`: two picture features of one example. `single`, `text`: one feature."
    data_dir: str | None = Field(None, min_length=1)
    "Where data sets are kept; by default `~/tensorflow_datasets` or `TFDS_DATA_DIR`."
    splits: dict[str, str] = Field(default_factory=dict)
    """Which split or slice of the data set is which of ours: `train`, `valid` or `test`, for unpaired data with `/A` or
    `/B`. Example: `{train/A: trainA, train/B: "trainB[:1000]"}`. By default the splits called so."""
    features: dict[Literal["A", "B", "image", "text"], str] = Field(default_factory=dict)
    "Names of the features. Example: `{A: photo, B: label_map}`. By default `image` or `text`; aligned needs both."
    labels: str | None = Field(None, min_length=1)
    "Name of the feature that tells the class, such as `label`; listing then reads every example once. Not for unpaired data."
    domain_names: dict[Literal["A", "B"], str] = Field(default_factory=dict)
    "Names to show for the domains; by default taken from a configuration such as `horse2zebra`."

    @property
    def layout(self) -> Layout:
        """The layout of the samples."""
        return self.pairing

    @model_validator(mode="after")
    def _splits_and_features_fit(self) -> TfdsOptions:
        if self.labels is not None and self.pairing == "unpaired":
            raise ValueError("`labels` are for samples that stand alone. Received: pairing 'unpaired'")
        for name in self.splits:
            match = _SPLIT_NAME.match(name)
            if match is None or (match[2] is not None) != (self.pairing == "unpaired"):
                wanted = "'train/A', 'test/B', …" if self.pairing == "unpaired" else "'train', 'valid' or 'test'"
                raise ValueError(f"keys of `splits` are {wanted} with pairing {self.pairing!r}. Received: {name!r}")
        wanted_features = {"unpaired": {"image"}, "aligned": {"A", "B"}}.get(self.pairing, {self.layout_field})
        if not set(self.features) <= wanted_features or (self.pairing == "aligned" and len(self.features) < 2):
            raise ValueError(
                f"keys of `features` are {sorted(wanted_features)} with pairing {self.pairing!r}. "
                f"Received: {sorted(self.features)}"
            )
        return self

    @property
    def layout_field(self) -> str:
        """The field that holds a sample of one feature."""
        return "text" if self.pairing == "text" else "image"
