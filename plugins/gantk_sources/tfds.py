"""Data sets of TensorFlow Datasets, read without TensorFlow.

Reference:
    https://www.tensorflow.org/datasets/data_source (random access to array_record files)
"""

from __future__ import annotations

import contextlib
import importlib
import operator
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gantk import Item, PluginError, RunFailed
from gantk_sources.layout import SPLITS, domain_folder, names_in
from gantk_sources.options import TfdsOptions


class TfdsSource:
    """A data set of TensorFlow Datasets; see `TfdsOptions`.

    `items()` downloads and converts the data set if it is not there yet; `read()` never does, so
    workers do not race for it. Pictures are passed on as the files they came in.

    Raises:
        PluginError: The package tensorflow-datasets is not installed.
    """

    def __init__(self, options: TfdsOptions) -> None:
        self.options = options
        try:
            self._tfds: Any = importlib.import_module("tensorflow_datasets")
        except ImportError as error:
            raise PluginError(
                f"The source 'tfds' needs the package tensorflow-datasets. Received: {error}",
                hint="Install it: pip install 'gantk[tfds]'",
            ) from error
        self._builder: Any = None
        self._examples: dict[str, Any] = {}

    def items(self) -> Iterator[Item]:
        """Yield every example of the chosen splits; keys are `split/number`.

        Raises:
            RunFailed: There is no such data set, split or feature, or it cannot be downloaded.
        """
        builder = self._open()
        try:
            if not builder.is_prepared():
                # It announces its downloads on stdout, which belongs to what a program may read.
                with contextlib.redirect_stdout(sys.stderr):
                    builder.download_and_prepare(file_format="array_record")
        except Exception as error:
            raise RunFailed(
                f"The data set {self.options.name!r} cannot be downloaded and prepared. Received: {_first_line(error)}",
                hint="Check the network and the free disk space, or set `data_dir` to a folder that has it.",
            ) from error
        for feature in [*self._features().values(), *([self.options.labels] if self.options.labels else [])]:
            if feature not in builder.info.features:
                raise RunFailed(
                    f"The data set {self.options.name!r} has the features {sorted(builder.info.features)}. "
                    f"Received: {feature!r}",
                    hint="Name the features in `features` and `labels` of the source.",
                )
        for split, domain, theirs in self._splits(builder):
            info = self._split_info(builder, theirs)
            examples = self._data_source(theirs)
            size = int(info.num_bytes) // max(info.num_examples, 1)
            stamp = f"{builder.info.full_name}-{info.num_examples}-{int(info.num_bytes)}"
            for number in range(info.num_examples):
                yield Item(
                    key=f"{theirs}/{number:07d}",
                    domain=domain,
                    split=split,
                    size=size,
                    stamp=stamp,
                    locator=f"{theirs}:{number}",
                    label=self._label(builder, theirs, examples, number) if self.options.labels else "",
                )

    def _label(self, builder: Any, theirs: str, examples: Any, number: int) -> str:
        feature = str(self.options.labels)
        value = examples[number][feature]
        try:
            place = operator.index(value)
            # Minus one means no label, and `int2str` would take it for the last name.
            if place < 0:
                raise ValueError(f"{place} is no class")
            # A `ClassLabel` knows names; other integers are names of their own.
            return str(getattr(builder.info.features[feature], "int2str", str)(place))
        except (TypeError, ValueError, LookupError) as error:
            raise RunFailed(
                f"The feature {feature!r} of the data set {self.options.name!r} must tell a class of every example. "
                f"Received: {value!r} of the example {theirs}/{number}",
                hint="Name another feature in `labels`, or splits with labels in `splits`.",
            ) from error

    def is_ready(self) -> bool:
        """Whether `items()` lists at once, without a download."""
        return bool(self._open().is_prepared())

    def read(self, items: Sequence[Item]) -> Iterator[tuple[Item, Mapping[str, Any] | Exception]]:
        """Read examples in the order given; see `gantk.Source.read`."""
        for item in items:
            theirs, _, number = item.locator.rpartition(":")
            try:
                example = self._data_source(theirs)[int(number)]
                fields = {field: _value(field, example[name]) for field, name in self._features().items()}
            # One damaged record must not end the unit; a data set that cannot be opened at all must.
            except RunFailed:
                raise
            except Exception as error:
                yield item, error
                continue
            yield item, fields

    def domain_names(self) -> dict[str, str]:
        """Return a name to show for A and B: given, or out of a configuration such as `horse2zebra`.

        Single pictures have the names given alone, for the pairs that a preparation derives from them.
        """
        given = {str(domain): name for domain, name in self.options.domain_names.items()}
        if self.options.pairing in ("single", "text"):
            return given
        configuration = self.options.name.partition("/")[2].partition(":")[0].partition("/")[0]
        return {"A": "A", "B": "B"} | names_in(configuration) | given

    def _features(self) -> dict[str, str]:
        named = {str(field): name for field, name in self.options.features.items()}
        return named or {self.options.layout_field: self.options.layout_field}

    def _open(self) -> Any:
        if self._builder is None:
            try:
                self._builder = self._tfds.builder(self.options.name, data_dir=self.options.data_dir)
            except Exception as error:
                raise RunFailed(
                    f"TensorFlow Datasets does not know {self.options.name!r}. Received: {_first_line(error)}",
                    hint="Look the name up in https://www.tensorflow.org/datasets/catalog/overview",
                ) from error
        return self._builder

    def _splits(self, builder: Any) -> list[tuple[str, str, str]]:
        """Return our split, the domain, and their split or slice."""
        domain = {"aligned": "AB", "text": "text"}.get(self.options.pairing, "image")
        chosen = []
        for ours, theirs in self.options.splits.items():
            split, _, side = ours.partition("/")
            chosen.append((split, side or domain, theirs))
        if chosen:
            return chosen
        available = sorted(builder.info.splits)
        for theirs in available:
            if self.options.pairing == "unpaired":
                if found := domain_folder(theirs):
                    chosen.append((found[0], found[1], theirs))
            elif theirs.lower() in SPLITS:
                chosen.append((SPLITS[theirs.lower()], domain, theirs))
        if not chosen:
            wanted = "trainA, trainB, testA, testB" if self.options.pairing == "unpaired" else "train, validation, test"
            raise RunFailed(
                f"Splits such as {wanted} were expected in the data set {self.options.name!r}. "
                f"Received: {', '.join(available)}",
                hint="Say in `splits` of the source which is which, or choose another `pairing`.",
            )
        return chosen

    def _split_info(self, builder: Any, theirs: str) -> Any:
        try:
            return builder.info.splits[theirs]
        except Exception as error:
            raise RunFailed(
                f"The data set {self.options.name!r} has the splits {', '.join(sorted(builder.info.splits))}. "
                f"Received: {theirs!r}",
                hint="Slices are written as 'train[:1000]' or 'train[90%:]'.",
            ) from error

    def _data_source(self, theirs: str) -> Any:
        if theirs not in self._examples:
            builder = self._open()
            # Text has no encoded form to skip to; pictures stay encoded, for the preparation decodes strictly.
            skip = self.options.pairing != "text"
            decoders = {name: self._tfds.decode.SkipDecoding() for name in self._features().values()} if skip else None
            try:
                self._examples[theirs] = builder.as_data_source(split=theirs, decoders=decoders)
            except NotImplementedError as error:
                raise RunFailed(
                    f"The data set {self.options.name!r} is prepared in a format without random access. "
                    f"Received: {_first_line(error)}",
                    hint="Set `data_dir` of the source to another folder; it is then prepared there as array_record.",
                ) from error
        return self._examples[theirs]


def _first_line(error: Exception) -> str:
    # An unknown name comes with the whole catalogue, some 400 lines.
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _value(field: str, value: Any) -> Any:
    if field == "text":
        return value.decode("utf-8") if isinstance(value, bytes) else str(value)
    if isinstance(value, bytes) or (isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 3):
        return value
    raise ValueError(f"a picture was expected in the feature for {field!r}. Received: {type(value).__name__}")
