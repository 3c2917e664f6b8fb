"""Samples with classes: from the source's items to the batches of a training."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from gantk.cli import main
from gantk.data import PreparedDataset, batch_shapes, prepare, training_batches
from gantk.data.estimate import estimate_preparation
from gantk.data.labels import natural_order
from gantk.data.listing import Group, list_items
from gantk.data.options import PreparationOptions
from gantk.data.plan import fingerprint_of
from gantk.errors import PluginError, RunFailed
from gantk.evaluation import PreparedEvaluationData
from gantk.protocols import Item


@pytest.fixture
def made(source, tmp_path):
    def make(folder="data", made=None, **settings):
        made = {"kind": "single", "train": 24, "test": 5, "classes": 12, **(made or {})}
        prepare(source(**made), directory=tmp_path / folder, **settings)
        return PreparedDataset.open(tmp_path / folder)

    return make


def test_natural_order_by_hand():
    assert natural_order(["10", "2", "1", "2"]) == ["1", "2", "10"]
    assert natural_order(["b", "a10", "a9", "a9b", "a", "B"]) == ["B", "a", "a9", "a9b", "a10", "b"]
    # Numbers that are equal are told apart by how they are written, in whatever order they come.
    assert natural_order(["1", "01", "001"]) == natural_order(["001", "1", "01"]) == ["001", "01", "1"]
    assert natural_order([]) == []


def test_records_name_their_class_and_the_manifest_all_of_them(made):
    dataset = made()
    assert dataset.classes == tuple(f"c{number}" for number in range(12))
    assert [record["label"] for record in dataset.records("train", "image")[9:13]] == ["c9", "c10", "c11", "c0"]
    assert dataset.manifest["splits"]["train"]["image"]["labels"] == {f"c{number}": 2 for number in range(12)}
    assert dataset.manifest["splits"]["test"]["image"]["labels"] == {f"c{number}": 1 for number in range(5)}
    assert dataset.fields("train", "image") == ("image",)


def test_batches_have_the_number_of_each_class(made):
    dataset = made()
    for batch in itertools.islice(training_batches(dataset, batch_size=5), 6):
        assert set(batch) == {"image", "label"}
        assert (batch["label"].dtype, batch["label"].shape) == (np.int32, (5,))
        numbers = [round((float(image[0, 0, 0]) + 1) * 127.5) // 7 for image in batch["image"]]
        assert batch["label"].tolist() == [number % 12 for number in numbers]
    assert batch_shapes(dataset) == {"image": (8, 8, 3)}


def test_without_labels_nothing_is_different(made):
    dataset = made(made={"classes": 0})
    assert dataset.classes == ()
    assert "labels" not in dataset.manifest["splits"]["train"]["image"]
    assert set(next(training_batches(dataset, batch_size=2, threads=0))) == {"image"}
    assert set(dataset.records("train", "image")[0]) == {"key", "image"}
    with pytest.raises(RunFailed, match="prepared data without classes"):
        dataset.records("train", "image").label(0)


def test_text_and_pairs_have_classes_as_well(made, transform):
    texts = made("texts", {"kind": "text"})
    batch = next(training_batches(texts, batch_size=4, threads=0))
    assert [f"c{int(text.split()[1]) % 12}" for text in batch["text"].tolist()] == [
        texts.classes[number] for number in batch["label"]
    ]
    pairs = made("pairs", derive={"A": (transform("negative"),), "B": ()})
    assert [record["label"] for record in pairs.records("train", "AB")[:2]] == ["c0", "c1"]
    assert set(next(training_batches(pairs, batch_size=4, threads=0))) == {"A", "B", "label"}


def test_patches_have_the_class_of_their_picture(made):
    dataset = made(made={"train": 3}, patches={"size": 4})
    assert [record["label"] for record in dataset.records("train", "image")] == ["c0"] * 4 + ["c1"] * 4 + ["c2"] * 4
    assert dataset.manifest["splits"]["train"]["image"]["labels"] == {"c0": 4, "c1": 4, "c2": 4}


def test_rejected_samples_do_not_count(made):
    dataset = made(made={"train": 6, "test": 0, "classes": 3, "fault": "error"}, max_reject_fraction=0.5)
    assert dataset.manifest["splits"]["train"]["image"]["labels"] == {"c0": 2, "c1": 2, "c2": 1}


def test_metrics_see_the_labels_in_the_order_of_the_pictures(made):
    dataset = made(pyramid={"smallest": 4})
    data = PreparedEvaluationData(dataset, 0)
    assert data.classes == dataset.classes
    labels = data.labels("train", "image")
    assert labels.dtype == np.int32
    assert labels.tolist() == [*range(12), *range(12)]
    assert data.labels("train", "image", 3).tolist() == [0, 1, 2]
    assert not labels.flags.writeable
    with pytest.raises(RunFailed, match=r"'image' of split 'valid'. Received: no such samples"):
        data.labels("valid", "image")
    with pytest.raises(RunFailed, match="Received: data without classes"):
        PreparedEvaluationData(made("plain", {"classes": 0}), 0).labels("train", "image")


def test_a_label_for_some_items_alone_is_an_error(tmp_path):
    items = [Item(key=str(number), domain="image", split="train", label="a") for number in range(3)]
    with pytest.raises(PluginError, match="Received: items with, and then one without, Item"):
        list_items([*items, Item(key="x", domain="image", split="train")], {}, tmp_path)
    with pytest.raises(PluginError, match="Received: items without, and then one with, Item"):
        list_items([Item(key="x", domain="image", split="train"), *items], {}, tmp_path)


def test_unpaired_samples_take_no_labels(source, tmp_path):
    with pytest.raises(PluginError, match="not for unpaired ones"):
        prepare(source(classes=2), directory=tmp_path / "out")


def test_another_label_is_another_unit(tmp_path):
    def fingerprint(*labels):
        group = Group("train", "image", tmp_path)
        return fingerprint_of([[f"{n}", "s", 1, "", "", label] for n, label in enumerate(labels)], group, "content")

    found = {fingerprint(*labels) for labels in (("", ""), ("a", "b"), ("b", "a"), ("ab", ""), ("", "ab"), ("a", "a"))}
    assert len(found) == 6


def test_a_renamed_class_prepares_its_unit_again(source, tmp_path, monkeypatch):
    import tiny_data

    made = source(kind="single", train=8, test=0, classes=2)
    prepare(made, directory=tmp_path / "out")
    assert prepare(made, directory=tmp_path / "out").skipped_units == 1
    whole = tiny_data.Made.items
    monkeypatch.setattr(
        tiny_data.Made, "items", lambda self: (replace(item, label=f"{item.label}!") for item in whole(self))
    )
    assert prepare(made, directory=tmp_path / "out").skipped_units == 0
    assert PreparedDataset.open(tmp_path / "out").classes == ("c0!", "c1!")


def test_a_field_called_label_and_a_label_exclude_each_other(source, tmp_path, monkeypatch):
    import tiny_data

    whole = tiny_data.Made.read
    monkeypatch.setattr(
        tiny_data.Made,
        "read",
        lambda self, items: ((item, {**fields, "label": fields["image"]}) for item, fields in whole(self, items)),
    )
    with pytest.raises(RunFailed, match="read: the field 'label' is taken by the label of the item"):
        prepare(source(kind="single", classes=2), directory=tmp_path / "out")
    # Without labels it is a field like any other, such as a map of what the parts of a picture are.
    prepare(source(kind="single", train=2, test=0), directory=tmp_path / "plain")
    dataset = PreparedDataset.open(tmp_path / "plain")
    assert dataset.records("train", "image")[0]["label"].shape == (8, 8, 3)
    assert set(next(training_batches(dataset, batch_size=1, threads=0))) == {"image"}


def test_inspect_tells_the_classes(made, tmp_path, capsys):
    made(made={"train": 60, "test": 3, "classes": 30})
    assert main(["data", "inspect", str(tmp_path / "data")]) == 0
    shown = capsys.readouterr().out
    assert "train image: 30 classes: c0 2, c1 2, c2 2, " in shown
    assert "c19 2, … 10 more\n" in shown
    assert "test image: 3 classes: c0 1, c1 1, c2 1\n" in shown
    assert main(["data", "inspect", str(tmp_path / "data"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"][9:11] == ["c9", "c10"]


def test_the_estimate_knows_the_classes(source):
    options = PreparationOptions.model_validate({"source": source(kind="single", train=12, test=0, classes=11)})
    estimate = estimate_preparation(options)
    assert estimate.classes == tuple(f"c{number}" for number in range(11))
    assert estimate.shapes == {"image": (8, 8, 3)}
