"""Pictures stored at every resolution, each with shards of its own."""

import io
import itertools
import json

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from gantk.cli import main
from gantk.data import PreparedDataset, batch_shapes, prepare, training_batches
from gantk.data.estimate import estimate_preparation
from gantk.data.options import PreparationOptions, PyramidOptions
from gantk.data.pyramid import pyramid_problem, smaller_images, smaller_resolutions
from gantk.errors import RunFailed


def contents(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def block_means(image, side):
    """Means of whole blocks of the picture itself, in float64, rounded half to even."""
    block = image.shape[0] // side
    blocks = image.astype(np.float64).reshape(side, block, side, block, image.shape[2])
    return np.rint(blocks.mean((1, 3))).astype(np.uint8)


@pytest.fixture
def prepared(source, tmp_path):
    def make(folder="out", smallest=2, made=None, **settings):
        made = {"kind": "single", "train": 11, "test": 3, "classes": 11, **(made or {})}
        result = prepare(source(**made), directory=tmp_path / folder, pyramid={"smallest": smallest}, **settings)
        return result, PreparedDataset.open(tmp_path / folder)

    return make


@pytest.fixture
def pictures(tmp_path):
    """A folder of pictures by name and size."""

    def make(**sizes):
        root = tmp_path / "pictures"
        root.mkdir(exist_ok=True)
        for number, (name, (height, width)) in enumerate(sizes.items()):
            buffer = io.BytesIO()
            Image.fromarray(np.full((height, width, 3), 10 * number, np.uint8)).save(buffer, "PNG")
            (root / f"{name}.png").write_bytes(buffer.getvalue())
        return str(root)

    return make


def test_levels_by_hand():
    blocks = np.array([[[1, 2], [1, 2]], [[1, 2], [1, 2]], [[1, 2], [1, 2]], [[0, 1], [0, 1]]], np.uint8)
    image = np.block([[blocks[0], blocks[1]], [blocks[2], blocks[3]]])[:, :, None]
    first, second = smaller_images(image, 1)
    # 1.5, 1.5, 1.5 and 0.5, halves to even.
    assert first[..., 0].tolist() == [[2, 2], [2, 0]]
    # (1.5 + 1.5 + 1.5 + 0.5) / 4 = 1.25; of the rounded level it would be 6 / 4, rounded to 2.
    assert second[..., 0].tolist() == [[1]]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_level_is_the_mean_of_the_pictures_own_pixels_rounded_once(channels):
    image = np.random.default_rng(channels).integers(0, 256, (64, 64, channels), dtype=np.uint8)
    levels = list(smaller_images(image, 1))
    assert [level.shape for level in levels] == [(side, side, channels) for side in (32, 16, 8, 4, 2, 1)]
    for level in levels:
        assert level.dtype == np.uint8
        np.testing.assert_array_equal(level, block_means(image, len(level)))


def test_levels_are_exact_down_to_four_pixels_of_1024():
    image = np.random.default_rng(0).integers(0, 256, (1024, 1024, 1), dtype=np.uint8)
    np.testing.assert_array_equal(list(smaller_images(image, 4))[-1], block_means(image, 4))


def test_resolutions_below_the_largest():
    assert smaller_resolutions(32, 4) == [16, 8, 4]
    assert smaller_resolutions(8, 8) == []
    assert smaller_resolutions(2, 1) == [1]
    assert smaller_resolutions(1024, 4) == [512, 256, 128, 64, 32, 16, 8, 4]


@pytest.mark.parametrize("shape", [(8, 4), (4, 8), (12, 12), (2, 2)])
def test_a_picture_without_a_pyramid_is_told_why(shape):
    problem = pyramid_problem(np.zeros((*shape, 3), np.uint8), 4)
    assert "square, its side a power of two and at least 4; add `resize`" in problem
    assert problem.endswith(f"Received: {shape[0]} × {shape[1]} pixels")
    assert pyramid_problem(np.zeros((4, 4, 3), np.uint8), 4) == ""


def test_every_resolution_holds_the_same_samples(prepared):
    _, dataset = prepared()
    assert dataset.resolutions == (2, 4, 8)
    whole = dataset.records("train", "image")
    for side in dataset.resolutions:
        records = dataset.records("train", "image", side)
        assert len(records) == 11
        assert [(record["key"], record["label"]) for record in records] == [(r["key"], r["label"]) for r in whole]
        for record, original in zip(records, whole, strict=True):
            assert record["image"].shape == (side, side, 3)
            np.testing.assert_array_equal(record["image"], block_means(original["image"], side))


def test_the_manifest_and_its_moments_are_those_of_each_resolution(prepared):
    _, dataset = prepared()
    manifest = dataset.manifest
    assert (manifest["pyramid"], manifest["resolutions"]) == ({"smallest": 2}, [2, 4, 8])
    part = manifest["splits"]["train"]["image"]
    assert list(part["smaller"]) == ["4", "2"]
    for side, level in ((8, part), (4, part["smaller"]["4"]), (2, part["smaller"]["2"])):
        field = level["fields"]["image"]
        assert (field["height"], field["width"], field["channels"]) == ([side, side], [side, side], [3, 3])
        pixels = np.concatenate([r["image"].reshape(-1, 3) for r in dataset.records("train", "image", side)])
        np.testing.assert_allclose(field["mean"], pixels.mean(0), atol=1e-4)
        np.testing.assert_allclose(field["standard_deviation"], pixels.std(0), atol=1e-4)
    shard = part["shards"][0]
    sizes = [part["bytes"], part["smaller"]["4"]["bytes"], part["smaller"]["2"]["bytes"]]
    assert sizes == [shard["bytes"], shard["smaller"]["4"]["bytes"], shard["smaller"]["2"]["bytes"]]
    shards = dataset.directory / "shards"
    assert [(shards / entry["name"]).stat().st_size for entry in (shard, *shard["smaller"].values())] == [
        entry["bytes"] for entry in (shard, *shard["smaller"].values())
    ]


def test_batches_of_every_resolution_show_the_same_samples_in_the_same_order(prepared):
    _, dataset = prepared()
    streams = {
        side: list(itertools.islice(training_batches(dataset, batch_size=4, seed=3, resolution=side), 5))
        for side in (None, 8, 4, 2)
    }
    for batches in zip(*streams.values(), strict=True):
        for batch in batches[1:]:
            np.testing.assert_array_equal(batch["label"], batches[0]["label"])
    for side, batches in streams.items():
        assert {batch["image"].shape for batch in batches} == {(4, side or 8, side or 8, 3)}
    np.testing.assert_array_equal(streams[None][0]["image"], streams[8][0]["image"])
    assert batch_shapes(dataset) == {"image": (8, 8, 3)}
    assert batch_shapes(dataset, resolution=4) == {"image": (4, 4, 3)}


def test_a_low_resolution_reads_nothing_of_the_others(prepared):
    _, dataset = prepared()
    (expected,) = itertools.islice(training_batches(dataset, batch_size=3, resolution=2), 1)
    for path in (dataset.directory / "shards").iterdir():
        if ".2.tfrecord" not in path.name:
            path.unlink()
    (batch,) = itertools.islice(training_batches(dataset, batch_size=3, resolution=2), 1)
    np.testing.assert_array_equal(batch["image"], expected["image"])
    with pytest.raises(RunFailed, match="cannot read the index"):
        next(training_batches(dataset, batch_size=3, threads=0))


def test_a_resolution_that_was_not_prepared_is_an_error(prepared, source, tmp_path):
    _, dataset = prepared()
    for side in (1, 3, 16):
        with pytest.raises(RunFailed, match=f"at the resolution {side}. Received: 2, 4, 8"):
            training_batches(dataset, batch_size=1, resolution=side)
    prepare(source(kind="single"), directory=tmp_path / "plain")
    plain = PreparedDataset.open(tmp_path / "plain")
    assert plain.resolutions == ()
    with pytest.raises(RunFailed, match="Received: data without a pyramid") as caught:
        batch_shapes(plain, resolution=8)
    assert "pyramid: {smallest: 4}" in caught.value.hint


def test_unpaired_and_aligned_data_have_pyramids_too(prepared):
    _, unpaired = prepared("unpaired", made={"kind": "unpaired", "classes": 0})
    batch = next(training_batches(unpaired, batch_size=2, resolution=4, threads=0))
    assert {name: value.shape for name, value in batch.items()} == {"A": (2, 4, 4, 3), "B": (2, 4, 4, 3)}
    _, aligned = prepared("aligned", made={"kind": "aligned", "classes": 0})
    whole, small = (aligned.records("train", "AB", side)[2] for side in (None, 2))
    assert set(small) == {"key", "A", "B", "mask"}
    for field in ("A", "B", "mask"):
        np.testing.assert_array_equal(small[field], block_means(whole[field], 2))


def test_fields_of_different_sizes_have_no_pyramid_together(prepared, transform):
    with pytest.raises(
        RunFailed, match=r"pyramid: the fields .* with a pyramid must be of one size. Received: A 4 × 4, B 8"
    ):
        prepared(derive={"A": (transform("half"),), "B": ()})


def test_pictures_that_fit_no_pyramid_are_rejected_with_the_reason(source, pictures, tmp_path):
    folder = pictures(A0=(8, 8), A1=(8, 12), A2=(12, 12), A3=(2, 2), A4=(8, 8), B0=(8, 8))
    result = prepare(
        source("files", path=folder),
        directory=tmp_path / "out",
        pyramid={"smallest": 4},
        splits={"train": 1.0},
        max_reject_fraction=0.6,
    )
    assert (result.counts, result.rejected) == ({"train": {"A": 2, "B": 1}}, 3)
    rejects = [json.loads(line) for line in (tmp_path / "out" / "rejects.jsonl").read_text().splitlines()]
    assert [(r["key"], r["stage"], r["reason"].partition("Received: ")[2]) for r in rejects] == [
        ("A1.png", "pyramid", "8 × 12 pixels"),
        ("A2.png", "pyramid", "12 × 12 pixels"),
        ("A3.png", "pyramid", "2 × 2 pixels"),
    ]
    dataset = PreparedDataset.open(tmp_path / "out")
    for side in (4, 8):
        assert [r["key"] for r in dataset.records("train", "A", side)] == ["A0.png", "A4.png"]


def test_pictures_of_two_sizes_have_no_largest_resolution(source, pictures, tmp_path):
    with pytest.raises(RunFailed, match=r"of one size.*Received: 16² of 'A1.png', after pictures of 8²") as caught:
        prepare(
            source("files", path=pictures(A0=(8, 8), A1=(16, 16), B0=(8, 8))),
            directory=tmp_path / "out",
            pyramid={},
            splits={"train": 1.0},
        )
    assert "resize" in caught.value.hint
    assert not list((tmp_path / "out").rglob("*.tfrecord*"))


def test_two_sizes_in_two_units_are_found_at_the_end(source, pictures, tmp_path):
    with pytest.raises(RunFailed, match=r"Received: 8² in the unit train-A-\w+ and 16² in the unit train-B-"):
        prepare(
            source("files", path=pictures(A0=(8, 8), B0=(16, 16))),
            directory=tmp_path / "out",
            pyramid={},
            splits={"train": 1.0},
        )
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_unit_without_samples_hinders_no_resolution(source, pictures, tmp_path):
    folder = pictures(A0=(8, 12), A1=(8, 8), A2=(8, 8), B0=(8, 8))
    prepare(
        source("files", path=folder),
        directory=tmp_path / "out",
        pyramid={"smallest": 4},
        splits={"train": 1.0},
        unit_images=1,
        max_reject_fraction=0.5,
    )
    dataset = PreparedDataset.open(tmp_path / "out")
    assert [shard["count"] for shard in dataset.manifest["splits"]["train"]["A"]["shards"]] == [0, 1, 1]
    assert [r["key"] for r in dataset.records("train", "A", 4)] == ["A1.png", "A2.png"]
    assert not list(dataset.damaged_shards())
    again = prepare(
        source("files", path=folder),
        directory=tmp_path / "out",
        pyramid={"smallest": 4},
        splits={"train": 1.0},
        unit_images=1,
        max_reject_fraction=0.5,
    )
    assert again.skipped_units == again.units == 4


def test_an_unchanged_rerun_keeps_every_byte_and_another_pyramid_redoes_all(prepared):
    first, dataset = prepared()
    before = contents(dataset.directory)
    again, _ = prepared()
    assert again.skipped_units == again.units == first.units
    assert contents(dataset.directory) == before
    other, dataset = prepared(smallest=4)
    assert other.skipped_units == 0
    assert dataset.resolutions == (4, 8)
    # The shards of the resolution that is no longer there are gone.
    assert not list((dataset.directory / "shards").glob("*.2.tfrecord*"))


@pytest.mark.parametrize("damage", ["missing", "short", "no index", "no report"])
def test_damage_to_one_resolution_is_mended_by_a_rerun(prepared, damage):
    _, dataset = prepared()
    before = contents(dataset.directory)
    shard = sorted((dataset.directory / "shards").glob("*.2.tfrecord"))[0]
    if damage == "missing":
        shard.unlink()
    elif damage == "short":
        shard.write_bytes(shard.read_bytes()[:-1])
    elif damage == "no index":
        shard.with_name(f"{shard.name}.idx").unlink()
    else:
        (dataset.directory / "reports" / shard.name.replace(".2.tfrecord", ".json")).unlink()
    result, _ = prepared()
    assert result.units - result.skipped_units == 1
    assert contents(dataset.directory) == before


def test_verification_reads_every_resolution(prepared, tmp_path, capsys):
    _, dataset = prepared()
    shard = next((dataset.directory / "shards").glob("*.4.tfrecord"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    assert [name for name, _ in dataset.damaged_shards()] == [shard.name]
    assert main(["data", "inspect", str(tmp_path / "out"), "--verify"]) == 1
    assert "1 damaged" in capsys.readouterr().err


def test_a_failure_in_the_midst_of_a_picture_takes_back_every_resolution(prepared, transform):
    # The first values of the patches of picture 1 are 7, 7, 11, 11; those of picture 0 are below 10, others above.
    half = transform("half", limit=10)
    _, dataset = prepared(
        made={"train": 3, "test": 0, "classes": 0},
        smallest=1,
        patches={"size": 4},
        derive={"A": (half,), "B": (half,)},
        max_reject_fraction=0.9,
    )
    manifest = dataset.manifest
    assert (manifest["inputs"], manifest["used"], manifest["rejected"]) == (3, 1, 2)
    assert dataset.resolutions == (1, 2)
    keys = [f"train/image/000000#{row},{column}" for row in (0, 4) for column in (0, 4)]
    for side in (1, 2):
        assert [record["key"] for record in dataset.records("train", "AB", side)] == keys
    assert not list(dataset.damaged_shards())
    mean = manifest["splits"]["train"]["AB"]["smaller"]["1"]["fields"]["A"]["mean"]
    pixels = [record["A"] for record in dataset.records("train", "AB", 1)]
    np.testing.assert_allclose(mean, np.concatenate(pixels).mean((0, 1)), atol=1e-4)


def test_a_killed_run_continues_to_the_same_bytes(source, tmp_path):
    def run(folder, **settings):
        made = source(kind="single", train=40, test=0, classes=3, fault="killed once", marker=str(tmp_path / "marker"))
        return prepare(made, directory=tmp_path / folder, pyramid={"smallest": 2}, unit_images=4, **settings)

    with pytest.raises(RunFailed, match="a worker process of the preparation died"):
        run("out", workers=1)
    done = {path.stem for path in (tmp_path / "out" / "reports").iterdir()}
    assert not (tmp_path / "out" / "manifest.json").exists()
    kept = {
        path.name: path.stat().st_mtime_ns
        for path in (tmp_path / "out" / "shards").iterdir()
        if path.name.partition(".")[0] in done
    }
    # What is left is little enough for this process; the marker is there, and nothing is killed.
    again = run("out")
    assert again.skipped_units == len(done) < again.units
    assert len(kept) == 6 * len(done)
    assert all((tmp_path / "out" / "shards" / name).stat().st_mtime_ns == time for name, time in kept.items())
    run("undisturbed")
    assert contents(tmp_path / "out") == contents(tmp_path / "undisturbed")


def test_a_full_disk_at_one_resolution_leaves_the_unit_undone(prepared, tmp_path, monkeypatch):
    import gantk.data.unit_shards

    write = gantk.data.unit_shards.write_bytes

    def full(path, content):
        if ".2.tfrecord" in path.name:
            raise RunFailed(f"No space is left to write {path}.")
        write(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(gantk.data.unit_shards, "write_bytes", full)
        with pytest.raises(RunFailed, match="No space is left"):
            prepared()
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert not list((tmp_path / "out" / "reports").iterdir())
    result, dataset = prepared()
    assert result.skipped_units == 0
    assert not list(dataset.damaged_shards())


@pytest.mark.parametrize("encoding", ["jpeg", "raw"])
def test_other_encodings(prepared, encoding):
    _, dataset = prepared(made={"size": 16}, encoding=encoding, jpeg_quality=100)
    image = dataset.records("train", "image", 4)[3]["image"]
    original = (21 + np.arange(16)[:, None, None] + np.arange(3) + np.zeros((1, 16, 1), int)).astype(np.uint8)
    assert np.abs(image.astype(int) - block_means(original, 4)).max() <= (2 if encoding == "jpeg" else 0)


def test_inspect_has_a_row_for_each_resolution(prepared, tmp_path, capsys):
    prepared()
    assert main(["data", "inspect", str(tmp_path / "out"), "--verify"]) == 0
    shown = capsys.readouterr().out
    assert "every picture at 3 resolutions: 2², 4², 8²\n" in shown
    rows = [line.split() for line in shown.splitlines() if line.startswith("train  image")]
    assert [row[5:10] for row in rows] == [[side, "×", side, "×", "3"] for side in "842"]


def test_the_estimate_foresees_every_resolution(source, prepared):
    made = {"kind": "single", "train": 11, "test": 3, "classes": 11}
    options = PreparationOptions.model_validate(
        {"source": source(**made), "pyramid": {"smallest": 2}, "encoding": "raw"}
    )
    estimate = estimate_preparation(options)
    _, dataset = prepared(encoding="raw")
    parts = [dataset.manifest["splits"][split]["image"] for split in ("train", "test")]
    stored = sum(part["bytes"] + sum(level["bytes"] for level in part["smaller"].values()) for part in parts)
    assert estimate.shapes == {"image": (8, 8, 3)}
    # Frames of records, 16 bytes each, are not foreseen, and labels of two digits hardly.
    assert abs(estimate.disk_bytes - (stored - 16 * 3 * 14)) <= 3 * 14


@pytest.mark.parametrize("smallest", [0, 3, 6, -4])
def test_the_smallest_is_a_power_of_two(smallest):
    with pytest.raises(ValidationError):
        PyramidOptions(smallest=smallest)


def test_texts_have_no_pyramid(source):
    with pytest.raises(ValidationError, match=r"expected no `pyramid` with this source: it is made of pictures"):
        PreparationOptions.model_validate({"source": source(kind="text"), "pyramid": {}})
