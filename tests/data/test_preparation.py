"""Preparation in this process: what is written, what is skipped, what fails."""

import errno
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from gantk.data import PreparedDataset, prepare
from gantk.data.manifest import write_manifest
from gantk.errors import ConfigError, InternalError, PluginError, RunFailed

PICTURE = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)


def picture(number, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(PICTURE + np.uint8(number)).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path):
    """Ten pictures of each domain."""
    root = tmp_path / "pictures"
    root.mkdir()
    for domain in "AB":
        for number in range(10):
            (root / f"{domain}{number:02d}.dat").write_bytes(picture(number))
    return root


def contents(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def names(directory):
    return sorted(path.name for path in (directory / "shards").iterdir())


def test_dataset_holds_the_pictures_and_says_so(source, folder, tmp_path):
    result = prepare(source("files", path=str(folder)), directory=tmp_path / "out", splits={"train": 1.0})
    manifest = PreparedDataset.open(tmp_path / "out").manifest
    assert result.counts == {"train": {"A": 10, "B": 10}}
    assert (result.rejected, result.skipped_units, result.units) == (0, 0, 2)
    assert result.digest == manifest["digest"]
    assert manifest["layout"] == "unpaired"
    assert manifest["domain_names"] == {"A": "first", "B": "second"}
    assert manifest["source"] == {"type": "tiny_data/files", "path": str(folder), "splits": False}
    assert (manifest["inputs"], manifest["samples"], manifest["rejected"]) == (20, 20, 0)
    image = manifest["splits"]["train"]["A"]["fields"]["image"]
    assert (image["height"], image["width"], image["channels"]) == ([8, 8], [8, 8], [3, 3])
    pixels = np.stack([PICTURE + np.uint8(number) for number in range(10)]).reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(image["mean"], pixels.mean(0), atol=1e-4)
    np.testing.assert_allclose(image["standard_deviation"], pixels.std(0), atol=1e-4)
    records = PreparedDataset.open(tmp_path / "out").records("train", "A")
    np.testing.assert_array_equal(records[3]["image"], PICTURE + np.uint8(3))
    assert not (tmp_path / "out" / "work").exists()


def test_same_bytes_every_time(source, folder, transform, tmp_path):
    for out in ("one", "two"):
        prepare(source("files", path=str(folder)), directory=tmp_path / out, transforms=[transform("noise")], seed=3)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_unchanged_rerun_does_nothing_and_keeps_every_byte(source, folder, tmp_path, monkeypatch):
    prepare(source("files", path=str(folder)), directory=tmp_path / "out")
    before = contents(tmp_path / "out")
    monkeypatch.setattr("gantk.data.preparation._run", lambda *arguments: pytest.fail("nothing is left to do"))
    again = prepare(source("files", path=str(folder)), directory=tmp_path / "out")
    assert again.skipped_units == again.units
    assert again.images_per_second == 0
    assert contents(tmp_path / "out") == before


def test_a_changed_picture_redoes_its_unit_alone(source, folder, tmp_path):
    settings = {"directory": tmp_path / "out", "unit_images": 4, "splits": {"train": 1.0}}
    first = prepare(source("files", path=str(folder)), **settings)
    before = names(tmp_path / "out")
    (folder / "A01.dat").write_bytes(picture(200))
    second = prepare(source("files", path=str(folder)), **settings)
    assert (second.units, second.skipped_units) == (first.units, first.units - 1)
    assert second.digest != first.digest
    # One shard and its index are new, and those they replace are gone.
    assert len(set(names(tmp_path / "out")) - set(before)) == 2
    assert len(names(tmp_path / "out")) == len(before)
    assert len(list((tmp_path / "out" / "reports").iterdir())) == first.units
    np.testing.assert_array_equal(
        PreparedDataset.open(tmp_path / "out").records("train", "A")[1]["image"], PICTURE + np.uint8(200)
    )


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"encoding": "raw"},
        {"png_level": 2},
        {"channels": 1},
        {"background": (0, 0, 0)},
        {"max_pixels": 1000},
    ],
)
def test_whatever_changes_the_content_redoes_everything(source, folder, tmp_path, change):
    prepare(source("files", path=str(folder)), directory=tmp_path / "out")
    assert prepare(source("files", path=str(folder)), directory=tmp_path / "out", **change).skipped_units == 0


@pytest.mark.parametrize("change", [{"max_reject_fraction": 0.5}, {"stall_seconds": 5}, {"unit_bytes": 10**9}])
def test_whatever_does_not_change_the_content_redoes_nothing(source, folder, tmp_path, change):
    prepare(source("files", path=str(folder)), directory=tmp_path / "out")
    again = prepare(source("files", path=str(folder)), directory=tmp_path / "out", **change)
    assert again.skipped_units == again.units


def test_changed_transform_or_its_options_redo_everything(source, folder, transform, tmp_path):
    for transforms in ([], [transform("noise")], [transform("noise", amplitude=3)], [transform("half")]):
        result = prepare(source("files", path=str(folder)), directory=tmp_path / "out", transforms=transforms)
        assert result.skipped_units == 0


def test_changed_code_of_a_transform_redoes_everything(source, folder, transform, tmp_path, monkeypatch):
    settings = {"directory": tmp_path / "out", "transforms": [transform("noise")]}
    prepare(source("files", path=str(folder)), **settings)
    import tiny_data

    changed = tmp_path / "tiny_data.py"
    source_code = Path(tiny_data.__file__).read_text(encoding="utf-8")
    changed.write_text(source_code + "\n# another algorithm\n", encoding="utf-8")
    monkeypatch.setattr(tiny_data.__spec__, "origin", str(changed))
    assert prepare(source("files", path=str(folder)), **settings).skipped_units == 0


@pytest.mark.parametrize("damage", ["missing", "short", "no index", "no report", "no manifest"])
def test_damage_is_mended_by_a_rerun(source, folder, tmp_path, damage):
    out = tmp_path / "out"
    prepare(source("files", path=str(folder)), directory=out, splits={"train": 1.0})
    before = contents(out)
    shard = sorted((out / "shards").glob("*.tfrecord"))[0]
    if damage == "missing":
        shard.unlink()
    elif damage == "short":
        shard.write_bytes(shard.read_bytes()[:-1])
    elif damage == "no index":
        shard.with_name(shard.name + ".idx").unlink()
    elif damage == "no report":
        (out / "reports" / f"{shard.stem}.json").unlink()
    else:
        (out / "manifest.json").unlink()
    result = prepare(source("files", path=str(folder)), directory=out, splits={"train": 1.0})
    assert result.units - result.skipped_units == (0 if damage == "no manifest" else 1)
    assert contents(out) == before


def test_bad_pictures_are_rejected_with_their_reasons(source, folder, tmp_path):
    (folder / "A03.dat").write_bytes(picture(3, "JPEG")[:-2])
    (folder / "B04.dat").write_bytes(b"no picture at all")
    out = tmp_path / "out"
    result = prepare(source("files", path=str(folder)), directory=out, splits={"test": 1.0}, max_reject_fraction=0.1)
    assert result.rejected == 2
    assert result.counts == {"test": {"A": 9, "B": 9}}
    rejects = [json.loads(line) for line in (out / "rejects.jsonl").read_text().splitlines()]
    assert [(r["split"], r["domain"], r["key"], r["stage"]) for r in rejects] == [
        ("test", "A", "A03.dat", "decode"),
        ("test", "B", "B04.dat", "decode"),
    ]
    assert "Premature end" in rejects[0]["reason"]
    assert "known format" in rejects[1]["reason"]
    manifest = PreparedDataset.open(out).manifest
    assert manifest["inputs"] == manifest["samples"] + manifest["rejected"] == 20
    assert manifest["reject_stages"] == {"decode": 2}
    assert manifest["splits"]["test"]["A"]["rejected"] == 1
    assert [r["key"] for r in PreparedDataset.open(out).records("test", "A")] == [
        f"A{number:02d}.dat" for number in range(10) if number != 3
    ]


def test_too_many_rejects_fail_and_name_the_first_ones(source, folder, tmp_path, caplog):
    for number in range(7):
        (folder / f"A{number:02d}.dat").write_bytes(b"junk")
    with pytest.raises(RunFailed) as caught:
        prepare(source("files", path=str(folder)), directory=tmp_path / "out", max_reject_fraction=0.2)
    assert "at most 20.00% of the samples may be rejected. Received: 7 of 20 rejected" in caught.value.message
    assert "A00.dat: decode: not an image" in caught.value.message
    assert "and 2 more" in caught.value.message
    assert [record for record in caplog.records if record.name.startswith("apache_beam")] == []
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert len((tmp_path / "out" / "rejects.jsonl").read_text().splitlines()) == 7


def test_nothing_but_rejects_fails_whatever_is_allowed(source, folder, tmp_path):
    for path in folder.iterdir():
        path.write_bytes(b"junk")
    with pytest.raises(RunFailed, match="not all of the samples may be rejected"):
        prepare(source("files", path=str(folder)), directory=tmp_path / "out", max_reject_fraction=1.0)


def test_an_older_dataset_stays_readable_when_a_new_one_fails(source, folder, transform, tmp_path):
    prepare(source("files", path=str(folder)), directory=tmp_path / "out", splits={"train": 1.0})
    with pytest.raises(RunFailed):
        prepare(
            source("files", path=str(folder)),
            directory=tmp_path / "out",
            splits={"train": 1.0},
            transforms=[transform("half", limit=0)],
        )
    dataset = PreparedDataset.open(tmp_path / "out")
    assert not list(dataset.damaged_shards())
    np.testing.assert_array_equal(dataset.records("train", "B")[9]["image"], PICTURE + np.uint8(9))


def test_empty_folder_is_an_error(source, tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(RunFailed, match="holds no sample"):
        prepare(source("files", path=str(tmp_path / "nothing")), directory=tmp_path / "out")


def test_aligned_samples_keep_all_their_fields(source, tmp_path):
    prepare(source(kind="aligned", train=3, test=0), directory=tmp_path / "out")
    dataset = PreparedDataset.open(tmp_path / "out")
    assert dataset.layout == "aligned"
    assert dataset.fields("train", "AB") == ("A", "B", "mask")
    sample = dataset.records("train", "AB")[2]
    np.testing.assert_array_equal(sample["B"], 255 - sample["A"])
    assert sample["mask"].shape == (8, 8, 1)


def test_texts_are_samples_too(source, tmp_path):
    prepare(source(kind="text", train=3, test=1), directory=tmp_path / "out")
    dataset = PreparedDataset.open(tmp_path / "out")
    assert dataset.records("train", "text")[2] == {"key": "train/text/000002", "text": "line 2 äß"}
    assert dataset.manifest["splits"]["train"]["text"]["fields"]["text"] == {"encoding": "text", "characters": [9, 9]}


@pytest.mark.parametrize("encoding", ["png", "raw"])
def test_exact_encodings_give_back_every_pixel(source, tmp_path, encoding):
    prepare(source(kind="single", train=3, test=0), directory=tmp_path / "out", encoding=encoding)
    image = PreparedDataset.open(tmp_path / "out").records("train", "image")[1]["image"]
    rows = (7 + np.arange(8)[:, None, None] + np.arange(3) + np.zeros((1, 8, 1), int)) % 256
    np.testing.assert_array_equal(image, rows)
    assert image.flags.writeable


def test_jpeg_encoding_is_near(source, tmp_path):
    prepare(source(kind="single", train=3, test=0), directory=tmp_path / "out", encoding="jpeg", jpeg_quality=99)
    image = PreparedDataset.open(tmp_path / "out").records("train", "image")[1]["image"]
    rows = 7 + np.arange(8)[:, None, None] + np.arange(3) + np.zeros((1, 8, 1), int)
    assert np.abs(image.astype(int) - rows).max() <= 3


def test_progress_counts_every_sample(source, tmp_path):
    seen = []
    prepare(
        source(train=20, test=2), directory=tmp_path / "out", progress=lambda done, total: seen.append((done, total))
    )
    assert seen[0] == (0, 44)
    assert seen[-1] == (44, 44)
    seen.clear()
    prepare(
        source(train=20, test=2), directory=tmp_path / "out", progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(44, 44)]


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("raises", RunFailed, "broke off while reading. Received: ZeroDivisionError: in the source"),
        ("skips", PluginError, "in their order: expected 'test/A/000005'. Received: 'test/A/000006'"),
    ],
)
def test_a_source_that_does_not_keep_its_contract_is_named(source, tmp_path, fault, error, message):
    with pytest.raises(error, match="tiny_data/made") as caught:
        prepare(source(fault=fault, train=0, test=8), directory=tmp_path / "out")
    assert message in caught.value.message
    assert not list((tmp_path / "out").rglob("*.tfrecord*"))


def test_a_source_that_ends_early_is_named(source, tmp_path):
    with pytest.raises(PluginError, match="an end before 'test/A/000005'"):
        prepare(source(fault="skips", train=0, test=6), directory=tmp_path / "out")


@pytest.mark.parametrize(
    ("fault", "reason"), [("error", "ValueError: cannot be read"), ("wrong dtype", "float32 array")]
)
def test_what_a_source_cannot_read_is_a_reject(source, tmp_path, fault, reason):
    result = prepare(source(fault=fault, train=10, test=0), directory=tmp_path / "out", max_reject_fraction=0.1)
    assert result.rejected == 2
    reject = json.loads((tmp_path / "out" / "rejects.jsonl").read_text().splitlines()[0])
    assert (reject["key"], reject["stage"]) == ("train/A/000005", "read")
    assert reason in reject["reason"]


def test_full_disk_leaves_no_half_written_file(source, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(RunFailed, match="No space is left"):
            prepare(source(train=4, test=0), directory=tmp_path / "out")
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == [tmp_path / "out" / ".lock"]
    assert prepare(source(train=4, test=0), directory=tmp_path / "out").counts == {"train": {"A": 4, "B": 4}}


def test_disk_full_at_the_report_leaves_the_unit_undone(source, tmp_path, monkeypatch):
    import gantk.data.unit

    def full(path, content):
        if path.suffix == ".json":
            raise RunFailed(f"No space is left to write {path}.")
        gantk.atomic_files.write_bytes(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(gantk.data.unit, "write_bytes", full)
        with pytest.raises(RunFailed, match="No space is left"):
            prepare(source(train=4, test=0), directory=tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()
    result = prepare(source(train=4, test=0), directory=tmp_path / "out")
    assert result.skipped_units == 0
    assert not list(PreparedDataset.open(tmp_path / "out").damaged_shards())


def test_two_preparations_do_not_write_into_one_folder(source, tmp_path):
    inner = []

    def progress(done, total):
        if not inner:
            inner.append(True)
            with pytest.raises(RunFailed, match="only one preparation"):
                prepare(source(), directory=tmp_path / "out")

    prepare(source(), directory=tmp_path / "out", progress=progress)
    assert inner


def test_samples_and_rejects_must_add_up(source, tmp_path, monkeypatch):
    import gantk.data.preparation

    def doctored(job):
        path = next(job.reports.iterdir())
        report = json.loads(path.read_bytes())
        path.write_text(json.dumps(report | {"samples": report["samples"] - 1}))
        write_manifest(job)

    prepare(source(train=4, test=0), directory=tmp_path / "out")
    (tmp_path / "out" / "manifest.json").unlink()
    monkeypatch.setattr(gantk.data.preparation, "write_manifest", doctored)
    with pytest.raises(InternalError, match="keep or reject each of its 4 inputs"):
        prepare(source(train=4, test=0), directory=tmp_path / "out")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"splits": {"train": 0.5}}, "add up to 1"),
        ({"splits": {"dev": 1.0}}, "splits of train, valid, test"),
        ({"background": (0, 0, 256)}, "from 0 to 255"),
        ({"encoding": "gif"}, "png"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_wrong_settings_are_named(source, tmp_path, settings, message):
    with pytest.raises(ValidationError, match=message):
        prepare(source(), directory=tmp_path / "out", **settings)


@pytest.mark.parametrize("where", ["transforms", "derive"])
def test_a_transform_to_floating_point_belongs_to_training(source, transform, tmp_path, where):
    floating = [transform("float")]
    settings = {"transforms": floating} if where == "transforms" else {"derive": {"A": floating, "B": []}}
    with pytest.raises(ConfigError, match=r"keep 8-bit images(.|\n)*Received: 'tiny_data/float'") as caught:
        prepare(source(kind="single"), directory=tmp_path / "out", **settings)
    assert "transforms of the training" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_leftovers_of_a_killed_run_are_swept_up(source, tmp_path):
    prepare(source(train=4, test=0), directory=tmp_path / "out")
    before = contents(tmp_path / "out")
    (tmp_path / "out" / "shards" / ".x.tfrecord.tmp-0123").write_bytes(b"half")
    (tmp_path / "out" / "work" / "plans").mkdir(parents=True)
    shutil.copy(tmp_path / "out" / "manifest.json", tmp_path / "out" / "shards" / "stale.tfrecord")
    prepare(source(train=4, test=0), directory=tmp_path / "out")
    assert contents(tmp_path / "out") == before
