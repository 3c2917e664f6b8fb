"""The tfds source against a small stand-in with the interface of tensorflow_datasets 4.9.10.

The stand-in does what `tfds.builder`, `DatasetBuilder.is_prepared`, `download_and_prepare`, `info` and
`as_data_source` were seen to do with a data set built locally.
"""

import re
import sys
import types

import numpy as np
import pytest
from pydantic import ValidationError

from gantk import PluginError, RunFailed
from gantk_sources.options import TfdsOptions
from gantk_sources.tfds import TfdsSource


class Size(int):
    """A number of bytes, which prints with its unit, as tfds's does."""

    def __str__(self):
        return f"{int(self)} bytes"

    __repr__ = __str__


class SplitDict(dict):
    """Splits by name; slices such as `train[:2]` are looked up too."""

    def __getitem__(self, name):
        match = re.fullmatch(r"(\w+)(?:\[(\d*):(\d*)\])?", name)
        if match is None or match[1] not in self:
            raise ValueError(f"Unknown split {name!r}")
        examples = super().__getitem__(match[1])
        if match[2] is not None:
            examples = examples[int(match[2] or 0) : int(match[3]) if match[3] else None]
        return types.SimpleNamespace(num_examples=len(examples), num_bytes=Size(100 * len(examples)), examples=examples)


class Builder:
    def __init__(self, name, splits, features, prepared="array_record"):
        self.info = types.SimpleNamespace(full_name=f"{name}/1.0.0", splits=SplitDict(splits), features=features)
        self.prepared = prepared

    def is_prepared(self):
        return self.prepared is not None

    def download_and_prepare(self, *, file_format=None):
        print("Downloading and preparing dataset")
        self.prepared = file_format or "tfrecord"

    def as_data_source(self, split=None, *, decoders=None):
        if self.prepared != "array_record":
            raise NotImplementedError("Random access data source for file format TFRECORD is not supported.")
        skipped = {name for name, decoder in (decoders or {}).items() if isinstance(decoder, SkipDecoding)}
        return [
            {
                name: value
                if name in skipped or not name.startswith(("image", "left", "right"))
                else np.zeros((1, 1, 3))
                for name, value in example.items()
            }
            for example in self.info.splits[split].examples
        ]


class SkipDecoding:
    pass


@pytest.fixture
def catalogue(monkeypatch):
    """An installed tensorflow_datasets with the data sets put into this dictionary."""
    builders = {}
    module = types.ModuleType("tensorflow_datasets")

    def builder(name, *, data_dir=None):
        if name not in builders:
            raise LookupError(f"Dataset {name} not found.\nAvailable datasets:\n\t- " + "\n\t- ".join("abc"))
        builders[name].data_dir = data_dir
        return builders[name]

    module.builder = builder
    module.decode = types.SimpleNamespace(SkipDecoding=SkipDecoding)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)
    return builders


def pictures(name, count):
    return [{"image": f"{name}{number}".encode(), "label": 0} for number in range(count)]


@pytest.fixture
def horses(catalogue):
    splits = {name: pictures(name, count) for name, count in (("trainA", 3), ("trainB", 2), ("testA", 1), ("testB", 1))}
    catalogue["cycle_gan/horse2zebra"] = Builder("cycle_gan/horse2zebra", splits, ["image", "label"], prepared=None)
    return catalogue["cycle_gan/horse2zebra"]


def source_of(name, **options):
    return TfdsSource(TfdsOptions(name=name, **options))


def test_cyclegan_splits_are_domains(horses, capsys):
    source = source_of("cycle_gan/horse2zebra", data_dir="cache")
    items = list(source.items())
    assert horses.prepared == "array_record"
    assert horses.data_dir == "cache"
    assert [(item.key, item.domain, item.split) for item in items] == [
        ("testA/0000000", "A", "test"),
        ("testB/0000000", "B", "test"),
        ("trainA/0000000", "A", "train"),
        ("trainA/0000001", "A", "train"),
        ("trainA/0000002", "A", "train"),
        ("trainB/0000000", "B", "train"),
        ("trainB/0000001", "B", "train"),
    ]
    assert (items[2].size, items[2].stamp) == (100, "cycle_gan/horse2zebra/1.0.0-3-300")
    assert source.domain_names() == {"A": "horse", "B": "zebra"}
    # What a program may read on stdout is not for download messages.
    output = capsys.readouterr()
    assert output.out == ""
    assert "Downloading" in output.err
    # A worker has only the options and the items; pictures arrive as the files they came in.
    worker = source_of("cycle_gan/horse2zebra", data_dir="cache")
    assert [fields for _, fields in worker.read(items[:1:-1])] == [
        {"image": name} for name in (b"trainB1", b"trainB0", b"trainA2", b"trainA1", b"trainA0")
    ]


def test_chosen_slices(horses):
    source = source_of(
        "cycle_gan/horse2zebra", splits={"train/A": "trainA[1:]", "valid/B": "testB"}, domain_names={"B": "Z"}
    )
    items = list(source.items())
    assert [(item.key, item.domain, item.split) for item in items] == [
        ("trainA[1:]/0000000", "A", "train"),
        ("trainA[1:]/0000001", "A", "train"),
        ("testB/0000000", "B", "valid"),
    ]
    assert next(iter(source.read(items)))[1] == {"image": b"trainA1"}
    assert source.domain_names() == {"A": "horse", "B": "Z"}


def test_aligned_features(catalogue):
    example = {"left": b"L", "right": b"R", "image": b"I"}
    catalogue["pairs"] = Builder("pairs", {"train": [example], "validation": [example]}, list(example))
    source = source_of("pairs", pairing="aligned", features={"A": "left", "B": "right"})
    items = list(source.items())
    assert [(item.key, item.domain, item.split) for item in items] == [
        ("train/0000000", "AB", "train"),
        ("validation/0000000", "AB", "valid"),
    ]
    assert next(iter(source.read(items)))[1] == {"A": b"L", "B": b"R"}


def test_text_and_single(catalogue):
    catalogue["poems"] = Builder("poems", {"train": [{"text": "für".encode()}], "unsupervised": []}, ["text"])
    source = source_of("poems", pairing="text")
    assert [fields for _, fields in source.read(list(source.items()))] == [{"text": "für"}]
    catalogue["flowers"] = Builder("flowers", {"train": pictures("f", 1)}, ["image", "label"])
    source = source_of("flowers", pairing="single")
    ((item, fields),) = source.read(list(source.items()))
    assert (item.domain, fields) == ("image", {"image": b"f0"})
    assert source.domain_names() == {}


def test_a_bad_example_is_a_read_error(catalogue):
    catalogue["odd"] = Builder("odd", {"train": [{"image": 5}, {"image": b"ok"}, {"other": 1}]}, ["image"])
    source = source_of("odd", pairing="single")
    results = [fields for _, fields in source.read(list(source.items()))]
    assert str(results[0]) == "a picture was expected in the feature for 'image'. Received: int"
    assert results[1] == {"image": b"ok"}
    assert isinstance(results[2], KeyError)


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(PluginError, match=r"(?s)needs the package tensorflow-datasets.*pip install 'gantk\[tfds\]'"):
        source_of("mnist")


def test_an_unknown_name_is_not_answered_with_the_catalogue(catalogue):
    with pytest.raises(RunFailed) as caught:
        list(source_of("horse2zebra").items())
    assert caught.value.message == (
        "TensorFlow Datasets does not know 'horse2zebra'. Received: LookupError: Dataset horse2zebra not found."
    )


def test_a_failed_download_is_reported(horses, monkeypatch):
    def fail(**options):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(horses, "download_and_prepare", fail)
    with pytest.raises(RunFailed, match=r"cannot be downloaded and prepared. Received: ConnectionError: no route"):
        list(source_of("cycle_gan/horse2zebra").items())


class ClassLabel:
    """As `tfds.features.ClassLabel`: knows the names of numbers, and takes -1, which means no label, for the last."""

    def int2str(self, number):
        return ["daisy", "rose"][number]


@pytest.fixture
def flowers(catalogue):
    examples = [
        {"image": f"{number}".encode(), "label": np.int64(number % 2), "month": np.int64(number), "name": "x"}
        for number in range(4)
    ]
    features = {"image": None, "label": ClassLabel(), "month": None, "name": None}
    catalogue["flowers"] = Builder("flowers", {"train": examples[:3], "test": examples[3:]}, features)
    return catalogue["flowers"]


def test_labels_are_the_names_of_the_classes(flowers):
    source = source_of("flowers", pairing="single", labels="label")
    items = list(source.items())
    assert [(item.key, item.split, item.label) for item in items] == [
        ("test/0000000", "test", "rose"),
        ("train/0000000", "train", "daisy"),
        ("train/0000001", "train", "rose"),
        ("train/0000002", "train", "daisy"),
    ]
    assert [fields for _, fields in source.read(items)] == [{"image": name} for name in (b"3", b"0", b"1", b"2")]
    months = source_of("flowers", pairing="single", labels="month")
    assert [item.label for item in months.items()] == ["3", "0", "1", "2"]


def test_what_is_no_label_is_told(flowers):
    with pytest.raises(RunFailed, match="Received: 'color'"):
        list(source_of("flowers", pairing="single", labels="color").items())
    with pytest.raises(RunFailed, match=r"must tell a class of every example. Received: 'x' of the example test/0"):
        list(source_of("flowers", pairing="single", labels="name").items())
    for wrong in (-1, 2):
        flowers.info.splits.get("train")[1]["label"] = np.int64(wrong)
        with pytest.raises(RunFailed, match="of the example train/1"):
            list(source_of("flowers", pairing="single", labels="label").items())


def test_a_data_set_without_random_access_is_refused(horses):
    horses.prepared = "tfrecord"
    with pytest.raises(RunFailed, match=r"(?s)without random access.*Set `data_dir`"):
        list(source_of("cycle_gan/horse2zebra").items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": {"image": "photo"}}, r"has the features \['image', 'label'\]. Received: 'photo'"),
        ({"splits": {"train/A": "trainC"}}, "has the splits testA, testB, trainA, trainB. Received: 'trainC'"),
        ({"pairing": "single"}, "train, validation, test were expected .* Received: testA, testB, trainA, trainB"),
    ],
)
def test_what_the_data_set_does_not_have(horses, options, message):
    with pytest.raises(RunFailed, match=message):
        list(source_of("cycle_gan/horse2zebra", **options).items())


@pytest.mark.parametrize(
    "values",
    [
        {"splits": {"train": "trainA"}},
        {"pairing": "single", "splits": {"train/A": "train"}},
        {"splits": {"train/C": "train"}},
        {"pairing": "aligned"},
        {"pairing": "aligned", "features": {"A": "x"}},
        {"features": {"text": "x"}},
        {"labels": "label"},
    ],
)
def test_impossible_options_are_refused(values):
    with pytest.raises(ValidationError):
        TfdsOptions(name="x", **values)
