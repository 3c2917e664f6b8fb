"""Options of the preparation. Imports no framework."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from gantk.config.components import Component, SourceChoice, TransformChoice
from gantk.errors import PluginError
from gantk.specs import Layout, Options, SourceOptions

SPLITS = ("train", "valid", "test")
"""The names a split can have, in the order in which they are kept."""


MAX_PIXELS = 89_000_000
"""Larger images are refused by default: a small file can claim any size. It is about Pillow's own limit."""

_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


class BeamOptions(Options):
    """Another Beam runner than the local one.

    Every machine must see the dataset's folder and the source under the same paths, and have the same gantk and plugins.
    A worker that dies there is noticed by the runner or, with some, by `stall_seconds` alone.

    Example: `{runner: DaskRunner, options: {dask_client_address: "host:8786"}}`; or, where every machine runs
    `python -m apache_beam.runners.worker.worker_pool_main --service_port=50000` in gantk's environment (activated, since
    it starts `python`), `{runner: FnApiRunner, options: {environment_type: EXTERNAL, environment_config: "one:50000,two:50000"}}`.
    """

    runner: str = Field(min_length=1)
    "Name of the runner, as Beam's `--runner`: `DaskRunner` (with gantk[dask]), `FnApiRunner`, `FlinkRunner`, `SparkRunner`, …"
    options: dict[str, Any] = Field(default_factory=dict)
    "Beam's pipeline options for it, by their names in Python (`dask_client_address`, …)."


class PatchOptions(Options):
    """Pictures cut into patches, each a sample of its own. Example: `{size: 192}` or `{size: 480, stride: 240}`.

    A patch has the key of its picture, `#`, and row and column of its upper left pixel: `photo.jpg#192,0`. All patches
    of a picture are in its split. The fields of a pair are cut alike.
    """

    size: int = Field(ge=1)
    "Height and width of a patch in pixels."
    stride: int | None = Field(None, ge=1)
    "Pixels from one patch to the next, across and down; by default `size`: side by side without overlap."
    splits: tuple[Literal["train", "valid", "test"], ...] = Field(("train",), min_length=1)
    "Splits whose pictures are cut; the others keep whole pictures, as evaluation wants them."
    remainder: Literal["drop", "shift"] = "drop"
    "What lies behind the last whole patch: `drop` leaves it out, `shift` adds a patch that ends at the picture's edge."
    smaller: Literal["reject", "keep"] = "reject"
    "A picture smaller than a patch: `reject` lists it with the rejects, `keep` makes it a sample as it is."
    minimum_detail: float = Field(0.0, ge=0, le=255)
    """Patches with less are left out and counted; a picture without any other is rejected. It is the mean difference of
    neighbouring pixels, in grey levels: 0 for one flat colour, about 1 for sky, 5 and more for leaves and grass."""


class PyramidOptions(Options):
    """Pictures stored at every resolution, each half the one above, for models that grow. Example: `{smallest: 4}`.

    The pictures must be square, all of one size, and that a power of two: add `resize`, `crop` or `pad` to the transforms.
    A pixel is the mean of two by two of the level above, before that is rounded. Every resolution has shards of its own:
    training at a low one reads nothing of the others.
    """

    smallest: int = Field(4, ge=1)
    "Side of the smallest in pixels, a power of two."

    @field_validator("smallest")
    @classmethod
    def _is_a_power_of_two(cls, value: int) -> int:
        if value & (value - 1):
            raise ValueError(f"a power of two. Received: {value}")
        return value


class PreparationOptions(Options):
    """How raw samples become shards.

    `workers`, `stall_seconds` and `beam` change only the speed; everything else is part of what is
    prepared, and changing it prepares the units again that it touches.
    """

    source: SourceChoice
    "Where the raw samples come from."
    transforms: tuple[TransformChoice, ...] = ()
    "What is done once to every image before it is stored, in this order."
    patches: PatchOptions | None = None
    "Cuts large pictures into patches, after `transforms` and before `derive`. Example: `{size: 192}`."
    derive: dict[str, tuple[TransformChoice, ...]] | None = None
    """Makes an aligned sample out of each single picture: after `transforms` and `patches`, every field named here is the picture sent
    through a list of transforms of its own. Example: `{A: [{type: canny}], B: []}` for edges and photographs."""
    pyramid: PyramidOptions | None = None
    """Stores every picture, after all of the above, at all resolutions from its own down to a small one, for models that grow.
    Example: `{smallest: 4}`."""
    encoding: Literal["png", "jpeg", "raw"] = "png"
    "How images are stored. png: exact. jpeg: smallest and fastest, not exact; fields other than `image`, `A` and `B`, such as masks, stay png. raw: exact and largest."
    jpeg_quality: int = Field(95, ge=1, le=100)
    "Quality of stored JPEG images; colour is kept at full resolution."
    png_level: int = Field(1, ge=0, le=9)
    "Compression of stored PNG images; 1 is some four times faster than 6 and little larger."
    channels: Literal[1, 3, 4] | None = 3
    "Channels of the fields `image`, `A` and `B`: 1 grey, 3 colour, 4 colour and alpha; null keeps what each file has."
    background: tuple[int, int, int] = (255, 255, 255)
    "Colour put under transparent pixels where alpha is not kept."
    max_pixels: int = Field(MAX_PIXELS, ge=1)
    "Images of more pixels are rejected before they are decoded."
    splits: dict[str, float] = Field({"train": 0.9, "test": 0.1})
    "Shares of the splits, for the samples whose split the source leaves open; drawn by a hash of each sample's group, so a sample never moves."
    max_reject_fraction: float = Field(0.01, ge=0, le=1)
    "The stage fails when a larger share of the samples cannot be read, decoded or transformed."
    unit_images: int = Field(256, ge=1)
    "Most inputs of a unit of work, whose samples are a shard (within an eighth)."
    unit_bytes: int = Field(64 * 2**20, ge=1)
    "Most bytes that a unit of work reads (within an eighth)."
    workers: int | None = Field(None, ge=1)
    "Worker processes; by default one for each CPU that this process may use."
    stall_seconds: float = Field(1800, gt=0)
    "End the run when no unit has been finished for this long."
    beam: BeamOptions | None = None
    "Run on another Beam runner than the local one."

    @field_validator("background")
    @classmethod
    def _is_a_colour(cls, value: tuple[int, int, int]) -> tuple[int, int, int]:
        if not all(0 <= channel <= 255 for channel in value):
            raise ValueError(f"a colour has three values from 0 to 255. Received: {list(value)}")
        return value

    @field_validator("splits")
    @classmethod
    def _shares_add_up(cls, value: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(value) - set(SPLITS))
        if unknown:
            raise ValueError(f"splits of {', '.join(SPLITS)}. Received: {', '.join(unknown)}")
        if (
            not value
            or any(not 0 <= share <= 1 for share in value.values())
            or not math.isclose(sum(value.values()), 1)
        ):
            raise ValueError(f"shares from 0 to 1 that add up to 1. Received: {value}")
        return value

    @field_validator("patches", "pyramid")
    @classmethod
    def _has_pictures(cls, value: Any, info: ValidationInfo) -> Any:
        source = info.data.get("source")
        if value is not None and source is not None and source_layout(source) == "text":
            raise ValueError(
                f"expected no `{info.field_name}` with this source: "
                f"{'they are cut out of' if info.field_name == 'patches' else 'it is made of'} pictures. "
                f"Received: the source {source.name!r}, which yields text"
            )
        return value

    @field_validator("derive")
    @classmethod
    def _is_a_pair(cls, value: dict[str, Any] | None, info: ValidationInfo) -> dict[str, Any] | None:
        if value is None:
            return None
        source = info.data.get("source")
        if source is not None and (layout := source_layout(source)) != "single":
            raise ValueError(
                "expected no `derive` with this source: it makes pairs out of single pictures. "
                f"Received: the source {source.name!r}, which yields {layout} data"
            )
        if missing := [name for name in ("A", "B") if name not in value]:
            raise ValueError(
                "expected the fields A and B, each with a list of transforms ([] for the picture itself). "
                f"Received: {', '.join(value) or 'none'}, without {' and '.join(missing)}"
            )
        for name in value:
            if not _FIELD_NAME.match(name) or name in ("key", "label"):
                raise ValueError(
                    "expected field names of letters, digits and '_', and not 'key' or 'label', which are taken. "
                    f"Received: {name!r}"
                )
        return value

    @property
    def layout(self) -> Layout:
        """The layout of the prepared samples: the source's, or `aligned` where pairs are derived."""
        return "aligned" if self.derive is not None else source_layout(self.source)

    def all_transforms(self) -> Iterator[Component]:
        """Yield the transforms, then those of each derived field."""
        yield from self.transforms
        for transforms in (self.derive or {}).values():
            yield from transforms


def source_layout(source: Component) -> Layout:
    """Return the layout of the samples that a source yields.

    Raises:
        PluginError: The source's options model does not say.
    """
    if not isinstance(source.options, SourceOptions):
        raise PluginError(
            f"source {source.name!r}: its options model must derive from gantk.SourceOptions, which tells the layout. "
            f"Received: {type(source.options).__name__}"
        )
    return source.options.layout
