"""Aligned samples derived from single pictures."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from gantk.cli import main
from gantk.config import load_pipeline
from gantk.data import PreparedDataset, batch_shapes, prepare, training_batches
from gantk.data.options import PreparationOptions
from gantk.errors import ConfigError, PluginError, RunFailed


def picture(number, size=8):
    """What the source `made` makes."""
    rows = np.arange(size)[:, None, None] + np.arange(3) + np.zeros((1, size, 1), int)
    return ((7 * number + rows) % 256).astype(np.uint8)


@pytest.fixture
def single(source):
    return lambda **options: source(**{"kind": "single", "train": 5, "test": 2, **options})


@pytest.fixture
def derived(single, transform, tmp_path):
    """A data set whose A is half as large as B, and a mask of one channel."""

    def make(folder="out", derive=None, made=None, **settings):
        fields = {"A": (transform("half"),), "B": (), "mask": (transform("negative", channels=1),)}
        prepare(made or single(), directory=tmp_path / folder, derive=derive or fields, **settings)
        return PreparedDataset.open(tmp_path / folder)

    return make


def test_each_picture_becomes_a_pair_with_a_field_for_every_list(derived):
    dataset = derived()
    assert dataset.layout == "aligned"
    assert (dataset.domains("train"), dataset.domains("test")) == (("AB",), ("AB",))
    assert dataset.fields("train", "AB") == ("A", "B", "mask")
    sample = dataset.records("train", "AB")[3]
    assert sample["key"] == "train/image/000003"
    np.testing.assert_array_equal(sample["B"], picture(3))
    np.testing.assert_array_equal(sample["A"], picture(3)[::2, ::2])
    np.testing.assert_array_equal(sample["mask"], 255 - picture(3)[..., :1])
    part = dataset.manifest["splits"]["train"]["AB"]["fields"]
    assert {name: (field["height"], field["channels"]) for name, field in part.items()} == {
        "A": ([4, 4], [3, 3]),
        "B": ([8, 8], [3, 3]),
        "mask": ([8, 8], [1, 1]),
    }


def test_the_manifest_says_how_the_fields_were_made(derived):
    manifest = derived(derive=None).manifest
    assert manifest["derive"] == {
        "A": [{"type": "tiny_data/half", "limit": 1000}],
        "B": [],
        "mask": [{"type": "tiny_data/negative", "channels": 1}],
    }


def test_nothing_is_derived_unasked(single, tmp_path):
    prepare(single(), directory=tmp_path / "out")
    manifest = PreparedDataset.open(tmp_path / "out").manifest
    assert (manifest["layout"], manifest["derive"]) == ("single", None)


def test_transforms_come_first_and_randomness_is_by_place_and_name(derived, transform):
    noise, half = transform("noise"), transform("half")
    sample = derived("once", {"A": (noise,), "B": ()}, transforms=(noise,)).records("train", "AB")[1]
    # The same transform at another place draws other numbers.
    first = sample["B"].astype(int) - picture(1)
    second = sample["A"].astype(int) - sample["B"]
    assert (first >= 0).all()
    assert (first < 8).all()
    assert (first != second).any()
    # At the same place both fields draw the same.
    pair = derived("alike", {"A": (noise,), "B": (noise, half)}).records("train", "AB")[1]
    np.testing.assert_array_equal(pair["A"][::2, ::2], pair["B"])
    assert (pair["A"] != picture(1)).any()


def test_batches_and_their_shapes_have_both_sides(derived, transform):
    dataset = derived()
    assert batch_shapes(dataset) == {"A": (4, 4, 3), "B": (8, 8, 3)}
    batch = next(training_batches(dataset, batch_size=2, threads=0))
    assert {name: value.shape for name, value in batch.items()} == {"A": (2, 4, 4, 3), "B": (2, 8, 8, 3)}
    # Of the same picture: A is every second pixel of B.
    np.testing.assert_array_equal(batch["A"], batch["B"][:, ::2, ::2])


def test_splits_are_those_of_the_single_pictures(source, tmp_path, single):
    prepare(single(), directory=tmp_path / "plain")
    prepare(single(), directory=tmp_path / "pairs", derive={"A": (), "B": ()})
    for split in ("train", "test"):
        keys = [record["key"] for record in PreparedDataset.open(tmp_path / "plain").records(split, "image")]
        pairs = [record["key"] for record in PreparedDataset.open(tmp_path / "pairs").records(split, "AB")]
        assert pairs == keys


def test_a_change_of_what_is_derived_prepares_again_and_nothing_else_does(single, transform, tmp_path):
    def skipped(**fields):
        return prepare(single(), directory=tmp_path / "out", derive=fields).skipped_units

    noise = transform("noise")
    assert skipped(A=(noise,), B=()) == 0
    assert skipped(A=(noise,), B=()) == 2
    assert skipped(A=(transform("noise", amplitude=9),), B=()) == 0
    assert skipped(A=(), B=(noise,)) == 0
    assert skipped(A=(), B=(noise,), mask=()) == 0
    assert prepare(single(), directory=tmp_path / "out").skipped_units == 0


def test_changed_code_of_a_deriving_transform_prepares_again(single, transform, tmp_path, monkeypatch):
    from gantk.data import fingerprint

    options = PreparationOptions(source=single(), derive={"A": (transform("noise"),), "B": ()})
    before = fingerprint.content_fingerprint(options, 0)
    original = fingerprint.code_digest
    monkeypatch.setattr(
        fingerprint, "code_digest", lambda part: original(part) + ("!" if part.name.endswith("noise") else "")
    )
    assert fingerprint.content_fingerprint(options, 0) != before


def test_worker_processes_write_the_same_bytes(derived, transform):
    fields = {"A": (transform("noise"),), "B": ()}
    alone = derived("alone", fields, unit_images=2)
    apart = derived("apart", fields, unit_images=2, workers=2)
    assert apart.digest == alone.digest


def test_a_transform_that_fails_rejects_the_picture(single, transform, tmp_path):
    # The first value of picture 4 is 28.
    result = prepare(
        single(test=0),
        directory=tmp_path / "out",
        derive={"A": (transform("half", limit=28),), "B": ()},
        max_reject_fraction=0.2,
    )
    assert result.counts == {"train": {"AB": 4}}
    reject = json.loads((tmp_path / "out" / "rejects.jsonl").read_text())
    assert (reject["domain"], reject["key"], reject["stage"]) == ("AB", "train/image/000004", "transform")


def test_a_source_with_a_field_of_a_derived_name_is_told(single, tmp_path):
    with pytest.raises(RunFailed, match=r"fields \['B'\] are to be derived and must not come from the source"):
        prepare(single(fault="also B"), directory=tmp_path / "out", derive={"A": (), "B": ()})


def test_a_source_of_single_pictures_must_yield_their_domain(single, tmp_path, monkeypatch):
    import tiny_data

    items = tiny_data.Made.items
    monkeypatch.setattr(
        tiny_data.Made, "items", lambda self: (tiny_data.gantk.Item(key=item.key, domain="A") for item in items(self))
    )
    with pytest.raises(PluginError, match="a source of single pictures must yield the domain 'image'"):
        prepare(single(), directory=tmp_path / "out", derive={"A": (), "B": ()})


@pytest.mark.parametrize(
    ("kind", "derive", "message"),
    [
        (
            "unpaired",
            {"A": (), "B": ()},
            r"no `derive` with this source.*Received: the source 'tiny_data/made', which yie",
        ),
        ("aligned", {"A": (), "B": ()}, "which yields aligned data"),
        ("single", {"B": ()}, r"the fields A and B, .*Received: B, without A"),
        ("single", {}, r"Received: none, without A and B"),
        ("single", {"A": (), "B": (), "key": ()}, "not 'key' or 'label', which are taken"),
        ("single", {"A": (), "B": (), "label": ()}, "Received: 'label'"),
        ("single", {"A": (), "B": (), "low/res": ()}, r"letters, digits and '_'.*Received: 'low/res'"),
    ],
)
def test_what_cannot_be_derived_is_refused(source, kind, derive, message):
    with pytest.raises(ValidationError, match=message):
        PreparationOptions(source=source(kind=kind), derive=derive)


PIPELINE = """
name: tiny
stages:
  prepare:
    source: {type: tiny_data/made, kind: KIND, train: 3, test: 1}
    derive: DERIVE
  train: {model: MODEL}
"""


def told(tmp_path, **values):
    path = tmp_path / "tiny.yaml"
    text = PIPELINE
    for name, value in values.items():
        text = text.replace(name, value)
    path.write_text(text)
    try:
        load_pipeline(path)
    except ConfigError as error:
        return str(error).replace(str(path), "tiny.yaml")
    return ""


def test_a_model_for_pairs_trains_on_derived_ones(tmp_path):
    assert told(tmp_path, KIND="single", DERIVE="{A: [tiny_data/half], B: []}", MODEL="pix2pix") == ""


def test_a_model_for_pairs_on_single_pictures_is_told_of_derive(tmp_path):
    message = told(tmp_path, KIND="single", DERIVE="null", MODEL="pix2pix")
    assert "1 problem" in message
    assert (
        "expected a model for single data, which the source 'tiny_data/made' (stages.prepare.source) yields" in message
    )
    assert "`derive` in stages.prepare makes aligned data out of single pictures." in message


def test_another_model_on_derived_pairs_is_an_error(tmp_path):
    message = told(tmp_path, KIND="single", DERIVE="{A: [], B: []}", MODEL="cyclegan")
    assert "expected a model for aligned data, which stages.prepare.derive makes" in message
    assert "Received: 'cyclegan', a model for unpaired data" in message
    assert "1 problem" in message


def test_what_is_wrong_with_derive_is_told_at_its_place_and_once(tmp_path):
    message = told(tmp_path, KIND="unpaired", DERIVE="{A: [], B: []}", MODEL="cyclegan")
    assert "1 problem" in message
    assert "tiny.yaml:6:5: stages.prepare.derive: expected no `derive` with this source" in message
    message = told(tmp_path, KIND="single", DERIVE="{A: [tiny_data/float], B: [tiny_data/haf]}", MODEL="pix2pix")
    assert "stages.prepare.derive.A.0: expected a transform that keeps 8-bit images" in message
    assert "stages.prepare.derive.B.0: transform 'tiny_data/haf'" in message
    assert "2 problems" in message


def test_normalise_among_the_preparation_is_told_once(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(
        "name: x\nstages: {prepare: {source: {type: tiny_data/made, kind: single}, transforms: [normalise]}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_pipeline(path)
    assert "1 problem" in str(caught.value)
    assert "Move it to the transforms of the training stage." in str(caught.value)


def test_inspect_shows_the_derived_fields(derived, tmp_path, capsys):
    derived()
    assert main(["data", "inspect", str(tmp_path / "out"), "--sheet", str(tmp_path / "sheet.png")]) == 0
    shown = capsys.readouterr()
    assert "aligned data from tiny_data/made, 7 inputs, 7 samples" in shown.out
    assert "field A is derived: picture → tiny_data/half\n" in shown.out
    assert "field B is derived: picture\n" in shown.out
    rows = [line.split()[:9] for line in shown.out.splitlines() if line.startswith("train")]
    assert [(row[2], row[5], row[7]) for row in rows] == [("A", "4", "4"), ("B", "8", "8"), ("mask", "8", "8")]
    assert "21 pictures on" in shown.err
