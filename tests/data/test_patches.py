"""Pictures cut into patches."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from gantk.cli import main
from gantk.data import PreparedDataset, prepare, training_batches
from gantk.data.estimate import estimate_preparation
from gantk.data.options import PatchOptions, PreparationOptions
from gantk.data.patches import detail_of, patch_places
from gantk.data.sample import RejectError, SampleEncoder
from gantk.errors import RunFailed
from gantk.protocols import Item


def picture(number, size=8):
    """What the source `made` makes."""
    rows = np.arange(size)[:, None, None] + np.arange(3) + np.zeros((1, size, 1), int)
    return ((7 * number + rows) % 256).astype(np.uint8)


@pytest.fixture
def prepared(source, tmp_path):
    def make(folder="out", patches=None, made=None, **settings):
        made = made or {"kind": "single", "train": 5, "test": 2}
        result = prepare(
            source(**made), directory=tmp_path / folder, patches={"size": 4, **(patches or {})}, **settings
        )
        return result, PreparedDataset.open(tmp_path / folder)

    return make


@pytest.mark.parametrize(
    ("length", "options", "starts"),
    [
        (8, {"size": 4}, [0, 4]),
        (11, {"size": 4}, [0, 4]),
        (11, {"size": 4, "remainder": "shift"}, [0, 4, 7]),
        (8, {"size": 4, "remainder": "shift"}, [0, 4]),
        (9, {"size": 4, "stride": 2}, [0, 2, 4]),
        (9, {"size": 4, "stride": 2, "remainder": "shift"}, [0, 2, 4, 5]),
        (9, {"size": 2, "stride": 4}, [0, 4]),
        (4, {"size": 4, "remainder": "shift"}, [0]),
        (3, {"size": 4, "remainder": "shift"}, []),
    ],
)
def test_places_along_one_side(length, options, starts):
    options = PatchOptions(**options)
    assert patch_places(length, options.size, options) == [(start, 0) for start in starts]
    assert patch_places(options.size, length, options) == [(0, start) for start in starts]


def test_places_go_row_by_row():
    assert patch_places(5, 4, PatchOptions(size=2)) == [(0, 0), (0, 2), (2, 0), (2, 2)]


def test_detail_by_hand():
    assert detail_of(np.full((4, 4, 3), 200, np.uint8)) == 0
    # Across: |0 - 10|, |5 - 255| -> mean 130; down: |0 - 5|, |10 - 255| -> mean 125
    assert detail_of(np.array([[[0], [10]], [[5], [255]]], np.uint8)) == 127.5
    # No neighbours down: 3 and 4 across, halved
    assert detail_of(np.array([[[0], [3], [7]]], np.uint8)) == 1.75
    assert detail_of(np.zeros((1, 1, 1), np.uint8)) == 0


def test_pictures_of_the_named_splits_become_patches_and_others_stay_whole(prepared):
    result, dataset = prepared()
    assert result.counts == {"train": {"image": 20}, "test": {"image": 2}}
    records = dataset.records("train", "image")
    keys = [record["key"] for record in records]
    assert keys[4:9] == [
        "train/image/000001#0,0",
        "train/image/000001#0,4",
        "train/image/000001#4,0",
        "train/image/000001#4,4",
        "train/image/000002#0,0",
    ]
    np.testing.assert_array_equal(records[6]["image"], picture(1)[4:, :4])
    whole = dataset.records("test", "image")[1]
    assert whole["key"] == "test/image/000001"
    np.testing.assert_array_equal(whole["image"], picture(1))


def test_reports_and_manifest_tell_pictures_and_samples_apart(prepared):
    _, dataset = prepared()
    manifest = dataset.manifest
    assert (manifest["inputs"], manifest["used"], manifest["samples"], manifest["rejected"]) == (7, 7, 22, 0)
    assert manifest["patches"] == {
        "size": 4,
        "stride": None,
        "splits": ["train"],
        "remainder": "drop",
        "smaller": "reject",
        "minimum_detail": 0.0,
    }
    train, test = manifest["splits"]["train"]["image"], manifest["splits"]["test"]["image"]
    assert (train["pictures"], train["count"], train["left_out"], train["rejected"]) == (5, 20, 0, 0)
    assert "pictures" not in test
    reports = [json.loads(path.read_text()) for path in (dataset.directory / "reports").glob("train-*.json")]
    assert [(report["inputs"], report["used"], report["samples"]) for report in reports] == [(5, 5, 20)]
    # The moments are those of what is stored: every pixel of the five pictures, once.
    pixels = np.stack([picture(number) for number in range(5)])
    np.testing.assert_allclose(train["fields"]["image"]["mean"], pixels.mean((0, 1, 2)), atol=1e-4)


def test_patches_come_after_the_transforms_and_before_what_is_derived(prepared, transform):
    half = transform("half")
    _, dataset = prepared(patches={"size": 2}, transforms=[half], derive={"A": (half,), "B": ()})
    assert dataset.layout == "aligned"
    records = dataset.records("train", "AB")
    assert len(records) == 20  # 8 × 8, halved to 4 × 4, in four patches
    assert records[7]["key"] == "train/image/000001#2,2"
    np.testing.assert_array_equal(records[7]["B"], picture(1)[::2, ::2][2:, 2:])
    np.testing.assert_array_equal(records[7]["A"], picture(1)[::2, ::2][2:3, 2:3])
    batch = next(training_batches(dataset, batch_size=3, threads=0))
    assert {name: value.shape for name, value in batch.items()} == {"A": (3, 1, 1, 3), "B": (3, 2, 2, 3)}


def test_what_is_random_in_a_derived_field_differs_by_patch(prepared, transform):
    _, dataset = prepared(derive={"A": (transform("noise"),), "B": ()})
    records = dataset.records("train", "AB")
    first, second = (records[place]["A"].astype(int) - records[place]["B"] for place in (0, 1))
    assert (first != second).any()


def test_fields_of_a_pair_are_cut_alike(prepared):
    _, dataset = prepared(made={"kind": "aligned", "train": 2, "test": 1})
    sample = dataset.records("train", "AB")[6]
    assert sample["key"] == "train/AB/000001#4,0"
    np.testing.assert_array_equal(sample["A"], picture(1)[4:, :4])
    np.testing.assert_array_equal(sample["B"], 255 - sample["A"])
    np.testing.assert_array_equal(sample["mask"], sample["A"][..., :1])


def test_patches_without_detail_are_left_out_and_counted(prepared):
    # Down, neighbours differ by 1, across by 0: half a grey level. The 37th picture wraps from 255 to 0.
    assert detail_of(picture(0)) == 0.5
    _, dataset = prepared(
        patches={"minimum_detail": 1}, made={"kind": "single", "train": 38, "test": 1}, max_reject_fraction=0.99
    )
    part = dataset.manifest["splits"]["train"]["image"]
    kept = {
        f"train/image/{number:06d}#{row},{column}"
        for number in range(38)
        for row in (0, 4)
        for column in (0, 4)
        if detail_of(picture(number)[row : row + 4, column : column + 4]) >= 1
    }
    pictures = {key.partition("#")[0] for key in kept}
    assert 0 < len(kept) < 4 * len(pictures)
    assert {record["key"] for record in dataset.records("train", "image")} == kept
    assert (part["pictures"], part["rejected"]) == (len(pictures), 38 - len(pictures))
    assert part["left_out"] == 4 * len(pictures) - len(kept)
    reject = json.loads((dataset.directory / "rejects.jsonl").read_text().splitlines()[0])
    assert (reject["stage"], reject["reason"]) == ("patches", "none of 4 patches has a detail of 1")


def test_a_picture_smaller_than_a_patch_is_a_reject_or_kept_whole(prepared):
    with pytest.raises(RunFailed, match=r"at most 50.00% of the pictures may be rejected. Received: 5 of 7 rejected"):
        prepared(patches={"size": 9}, max_reject_fraction=0.5)
    _, dataset = prepared(patches={"size": 9}, max_reject_fraction=0.8)
    assert dataset.manifest["reject_stages"] == {"patches": 5}
    reject = json.loads((dataset.directory / "rejects.jsonl").read_text().splitlines()[0])
    assert reject == {
        "split": "train",
        "domain": "image",
        "key": "train/image/000000",
        "stage": "patches",
        "reason": "8 × 8 pixels, smaller than a patch of 9",
    }
    _, dataset = prepared("kept", patches={"size": 9, "smaller": "keep"})
    record = dataset.records("train", "image")[3]
    assert record["key"] == "train/image/000003"
    np.testing.assert_array_equal(record["image"], picture(3))


def test_a_failure_in_the_midst_of_a_picture_takes_its_patches_back(prepared, transform):
    # The first values of the patches of picture 1 are 7, 7, 11, 11; those of picture 0 are below 10, others above.
    half = transform("half", limit=10)
    _, dataset = prepared(derive={"A": (half,), "B": ()}, max_reject_fraction=0.9, splits={"train": 1.0})
    manifest = dataset.manifest
    assert (manifest["inputs"], manifest["used"], manifest["rejected"]) == (7, 3, 4)
    assert [record["key"] for record in dataset.records("train", "AB")] == [
        f"train/image/000000#{row},{column}" for row in (0, 4) for column in (0, 4)
    ]
    assert list(dataset.damaged_shards()) == []
    # The moments are those of picture 0 alone.
    expected = picture(0).mean((0, 1))
    np.testing.assert_allclose(manifest["splits"]["train"]["AB"]["fields"]["B"]["mean"], expected, atol=1e-4)


def test_worker_processes_write_the_same_bytes(prepared, transform):
    settings = {"derive": {"A": (transform("noise"),), "B": ()}, "unit_images": 2}
    alone, _ = prepared("alone", **settings)
    apart, _ = prepared("apart", workers=2, **settings)
    assert apart.digest == alone.digest


def test_a_change_of_the_patches_prepares_again_and_nothing_else_does(prepared):
    assert prepared()[0].skipped_units == 0
    assert prepared()[0].skipped_units == 2
    assert prepared(patches={"stride": 2})[0].skipped_units == 0
    assert prepared(patches={"stride": 2, "minimum_detail": 0.25})[0].skipped_units == 0


def test_only_one_patch_is_held_at_a_time(source):
    options = PreparationOptions.model_validate({"source": source(kind="single"), "patches": {"size": 4}})
    seen = []

    def watch(image, random):
        seen.append(image.shape)
        return image.copy()

    encoder = SampleEncoder(options, (), 0, {"A": [("watch", watch)], "B": []})
    item = Item(key="k", domain="image", split="train")
    records = encoder.records(item, {"image": picture(0)})
    next(records)
    assert seen == [(4, 4, 3)]
    assert len(list(records)) == 3
    assert seen == [(4, 4, 3)] * 4
    # Another split, and none at all, as where nobody has decided yet: whole.
    for split in ("test", None):
        assert len(list(encoder.records(Item(key="k", domain="image", split=split), {"image": picture(0)}))) == 1


def test_fields_of_different_sizes_cannot_be_cut(source):
    options = PreparationOptions.model_validate({"source": source(kind="aligned"), "patches": {"size": 4}})
    item = Item(key="k", domain="AB", split="train")
    with pytest.raises(RejectError, match=r"of one size. Received: A 8 × 8, B 9 × 9") as caught:
        list(SampleEncoder(options, (), 0).records(item, {"A": picture(0), "B": picture(0, 9)}))
    assert caught.value.stage == "patches"


def test_texts_have_no_patches(source):
    with pytest.raises(ValidationError, match=r"expected no `patches` with this source.*which yields text"):
        PreparationOptions.model_validate({"source": source(kind="text"), "patches": {"size": 4}})


@pytest.mark.parametrize(
    "wrong", [{}, {"size": 0}, {"size": 4, "stride": 0}, {"size": 4, "splits": []}, {"size": 4, "splits": ["training"]}]
)
def test_impossible_patches_are_refused(source, wrong):
    with pytest.raises(ValidationError):
        PreparationOptions.model_validate({"source": source(kind="single"), "patches": wrong})


def test_the_estimate_counts_patches(source, prepared):
    made = {"kind": "single", "train": 5, "test": 2}
    options = PreparationOptions.model_validate({"source": source(**made), "patches": {"size": 4}})
    estimate = estimate_preparation(options)
    result, dataset = prepared()
    assert estimate.counts == result.counts
    assert (estimate.shapes, estimate.tried) == ({"image": (4, 4, 3)}, 7)
    parts = dataset.manifest["splits"]
    stored = sum(parts[split]["image"]["bytes"] for split in ("train", "test"))
    # Frames of records, 16 bytes each, are not foreseen.
    assert abs(estimate.disk_bytes - (stored - 16 * 22)) <= 22


def test_inspect_tells_of_the_patches(prepared, capsys, tmp_path, transform):
    prepared(derive={"A": (transform("half"),), "B": ()}, patches={"minimum_detail": 0.1})
    assert main(["data", "inspect", str(tmp_path / "out"), "--verify"]) == 0
    shown = capsys.readouterr().out
    assert "7 inputs, 22 samples" in shown
    assert "train AB: 5 pictures cut into 20 samples of 4 × 4, stride 4; 0 left out for want of detail\n" in shown
    assert "field A is derived: patch → tiny_data/half\n" in shown
