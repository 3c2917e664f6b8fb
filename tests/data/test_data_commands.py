"""`gantk data prepare` and `gantk data inspect`."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantk.cli import main
from gantk.data import PreparedDataset, prepare

PIPELINE = """
name: tiny
seed: 3
stages:
  prepare:
    source: {type: tiny_data/made, train: 5, test: 2}
    transforms: [tiny_data/noise]
profiles:
  large: {stages: {prepare: {source: {train: 7}}}}
"""


@pytest.fixture
def pipeline(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(PIPELINE)
    return path


def test_prepare_runs_the_preparation_of_a_pipeline(pipeline, tmp_path, capsys, source, transform):
    arguments = ["--profile", "large", "--set", "stages.prepare.encoding=raw", "-o", str(tmp_path / "out")]
    assert main(["data", "prepare", str(pipeline), *arguments]) == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == str(tmp_path / "out")
    assert "18 samples, 0 rejected; 4 of 4 units run" in shown.err
    prepare(
        source(train=7, test=2), directory=tmp_path / "direct", transforms=[transform("noise")], seed=3, encoding="raw"
    )
    assert PreparedDataset.open(tmp_path / "out").digest == PreparedDataset.open(tmp_path / "direct").digest


def test_inspect_shows_counts_sizes_and_moments(source, tmp_path, capsys):
    prepare(
        source(train=5, test=2, fault="error"), directory=tmp_path / "d", splits={"train": 1.0}, max_reject_fraction=1
    )
    assert main(["data", "inspect", str(tmp_path / "d"), "--verify"]) == 0
    shown = capsys.readouterr()
    assert "unpaired data from tiny_data/made, 14 inputs, 14 samples, 0 rejected" in shown.out
    row = next(line for line in shown.out.splitlines() if line.startswith("train") and " A " in line)
    assert row.split()[:7] == ["train", "A", "image", "5", "0", "8", "×"]
    assert "every shard is as the manifest says" in shown.err


def test_inspect_tells_where_samples_were_rejected(source, tmp_path, capsys):
    prepare(source(train=8, test=0, fault="error"), directory=tmp_path / "d", max_reject_fraction=0.5)
    assert main(["data", "inspect", str(tmp_path / "d")]) == 0
    assert "rejected at read: 2" in capsys.readouterr().out


def test_inspect_prints_the_manifest_as_json(source, tmp_path, capsys):
    prepare(source(train=5, test=2), directory=tmp_path / "d")
    assert main(["data", "inspect", str(tmp_path / "d"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == PreparedDataset.open(tmp_path / "d").manifest


def test_contact_sheet_shows_the_pictures(source, tmp_path, capsys):
    prepare(source(train=5, test=2), directory=tmp_path / "d")
    sheet = tmp_path / "sheet.png"
    assert main(["data", "inspect", str(tmp_path / "d"), "--sheet", str(sheet)]) == 0
    assert "14 pictures" in capsys.readouterr().err
    pixels = np.asarray(Image.open(sheet))
    # The first tile starts below its row's label; its first pixel is that of sample 0: 0, 1, 2.
    assert pixels[4 + 16, 4].tolist() == [0, 1, 2]
    assert pixels[0, 0].tolist() == [255, 255, 255]


def test_damaged_shard_ends_verification_with_code_one(source, tmp_path, capsys):
    prepare(source(train=5, test=2), directory=tmp_path / "d")
    shard = next(Path(tmp_path / "d" / "shards").glob("*.tfrecord"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    assert main(["data", "inspect", str(tmp_path / "d"), "--verify"]) == 1
    assert "1 damaged" in capsys.readouterr().err


def test_inspect_finds_the_data_set_of_a_run_directory(source, tmp_path, capsys):
    prepare(source(train=5, test=2), directory=tmp_path / "run" / "first")
    assert main(["data", "inspect", str(tmp_path / "run"), "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == PreparedDataset.open(tmp_path / "run" / "first").manifest
    assert f"its data is in {tmp_path / 'run' / 'first'}" in shown.err


def test_inspect_asks_which_of_two_data_sets_is_meant(source, tmp_path, capsys):
    for stage in ("first", "second"):
        prepare(source(train=5, test=2), directory=tmp_path / "run" / stage)
    assert main(["data", "inspect", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert "must hold one prepared data set" in told
    assert f"Name one of them: {tmp_path / 'run' / 'first'}, {tmp_path / 'run' / 'second'}." in told


def test_one_is_told_in_the_singular(source, tmp_path, capsys):
    path = tmp_path / "one.yaml"
    path.write_text("name: one\nstages: {prepare: {source: {type: tiny_data/made, kind: single, train: 1, test: 0}}}\n")
    assert main(["data", "prepare", str(path), "-o", str(tmp_path / "d")]) == 0
    assert "1 sample, 0 rejected; 1 of 1 unit run" in capsys.readouterr().err
    assert main(["data", "inspect", str(tmp_path / "d"), "--sheet", str(tmp_path / "s.png")]) == 0
    shown = capsys.readouterr()
    assert "1 input, 1 sample, 0 rejected" in shown.out
    assert "1 picture on" in shown.err


def test_a_folder_without_a_dataset_ends_with_code_one(tmp_path, capsys):
    assert main(["data", "inspect", str(tmp_path)]) == 1
    assert "expected a prepared dataset" in capsys.readouterr().err


def test_a_sheet_of_texts_is_an_error(source, tmp_path, capsys):
    prepare(source(kind="text", train=5, test=2), directory=tmp_path / "d")
    assert main(["data", "inspect", str(tmp_path / "d"), "--sheet", str(tmp_path / "s.png")]) == 1
    assert "needs pictures. Received: text data" in capsys.readouterr().err
