"""`gantk evaluate`: two folders compared, and everything that is not as it should be told."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def save(path: Path, level: int, size: tuple[int, int] = (12, 16)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), level, np.uint8)).save(path)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three pairs, one of them of other suffixes, which differ by 2, 4 and 6 levels."""
    first, second = tmp_path / "first", tmp_path / "second"
    for number, name in enumerate(("a.png", "deeper/b.png", "c.png")):
        save(first / name, 100)
        save(second / Path(name).with_suffix(".bmp" if name == "c.png" else ".png"), 102 + 2 * number)
    return first, second


def psnr(*differences: int) -> float:
    return sum(10 * math.log10(255**2 / difference**2) for difference in differences) / len(differences)


def test_pairs_by_name(gantk, folders):
    outcome = gantk("evaluate", *folders, "--metric", "psnr", "--metric", "l1", "--json", "-")
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out)
    values = [entry["values"] for entry in report["metrics"]]
    assert values == [{"psnr": pytest.approx(psnr(2, 6, 4))}, {"l1": pytest.approx(4)}]
    protocol = report["metrics"][0]["protocol"]
    assert protocol["pairs"] == 3
    assert protocol["reference"]["folder"] == str(folders[1])
    assert protocol["options"]["type"] == "psnr"
    assert (report["unreadable"], report["without_partner"]) == ({}, {})


def test_table_file_limit_and_resize(gantk, folders, tmp_path):
    scores = tmp_path / "scores.json"
    arguments = ("--metric", "l1", "--limit", "2", "--resize", "32", "--json", scores)
    outcome = gantk("evaluate", *folders, *arguments)
    assert outcome.code == 0, outcome.err
    assert [line.split() for line in outcome.out.splitlines()] == [
        ["METRIC", "VALUE", "UNIT", "BETTER"],
        ["l1", "4", "levels", "lower"],  # a and c: 2 and 6
    ]
    (entry,) = json.loads(scores.read_text())["metrics"]
    assert entry["protocol"]["pairs"] == 2
    assert entry["protocol"]["pictures"]["first_by_name"] == 2
    assert entry["protocol"]["pictures"]["size"].endswith("to 32 × 32")


def test_archives_and_single_files(gantk, folders, tmp_path):
    archive = tmp_path / "second.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for path in folders[1].rglob("*.*"):
            made.write(path, path.relative_to(folders[1]))
    outcome = gantk("evaluate", folders[0], archive, "--metric", "l1", "--json", "-")
    assert outcome.code == 0, outcome.err
    (entry,) = json.loads(outcome.out)["metrics"]
    assert entry["values"] == {"l1": pytest.approx(4)}
    assert entry["protocol"]["reference"]["archive"] == str(archive)
    outcome = gantk("evaluate", folders[0] / "a.png", folders[1] / "c.bmp", "--metric", "l1")
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines()[1].split() == ["l1", "6", "levels", "lower"]


def test_what_cannot_be_read_or_has_no_partner_is_told(gantk, folders):
    (folders[1] / "a.png").write_bytes(b"no picture")
    save(folders[0] / "alone.png", 1)
    save(folders[1] / "too.png", 1)
    outcome = gantk("evaluate", *folders, "--metric", "l1", "--metric", "output_diversity", "--json", "-")
    assert outcome.code == 1
    report = json.loads(outcome.out)
    assert report["metrics"][0]["values"] == {"l1": pytest.approx(5)}
    assert report["metrics"][0]["protocol"]["pairs"] == 2
    assert list(report["unreadable"]) == [str(folders[1] / "a.png")]
    assert report["without_partner"] == {
        str(folders[0]): [str(folders[0] / "alone.png")],
        str(folders[1]): [str(folders[1] / "too.png")],
    }
    assert "1 could not be read, 2 have no partner" in outcome.err
    assert f"{folders[0] / 'alone.png'}: no partner of this name" in outcome.err


def test_why_nothing_is_left_to_compare_is_told(gantk, folders):
    picture = folders[0] / "a.png"
    picture.write_bytes(b"no picture")
    outcome = gantk("evaluate", picture, folders[1] / "a.png", "--metric", "psnr")
    assert outcome.code == 1
    assert "at least one pair of pictures that can be read is needed" in outcome.err
    assert f"Could not be read:\n  {picture}: not an image" in outcome.err


def test_sets_ask_for_no_partners(gantk, folders):
    save(folders[0] / "alone.png", 7)
    outcome = gantk("evaluate", *folders, "--metric", "output_diversity")
    assert outcome.code == 0, outcome.err
    # Of 100, 100, 7, 100 half of the pairs differ by 93; of 102, 106, 104 they differ by 4, 2 and 2.
    assert float(outcome.out.splitlines()[1].split()[1]) == pytest.approx(46.5 / (8 / 3), rel=1e-4)


def test_pairs_of_different_sizes(gantk, folders):
    save(folders[1] / "a.png", 3, size=(5, 5))
    outcome = gantk("evaluate", *folders, "--metric", "l1")
    assert outcome.code == 1
    assert "a.png of 16 × 12 pixels with 3 channels and 5 × 5" in outcome.err
    assert "--resize N" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metric", "cycle_error"], "must name a metric that compares pictures. Received: 'cycle_error'"),
        (
            ["--metric", "cycle_error"],
            "There are fid, kid, l1, lpips, ms_ssim, output_diversity, precision_recall, psnr, ssim, swd.",
        ),
        (["--metric", "{type: kid, subsets: x}"], "subsets: expected an integer"),
        (["--metric", "psnr", "--option", "fid.limit=2"], "must begin with the name of a metric that is computed"),
        (["--metric", "psnr", "--option", "psnr.limit=0"], "limit: expected a value of at least 1"),
        (["--metric", "psnr", "--option", "psnr.limit=2"], "Received: limit of psnr\nhint: --limit N"),
        (["--metric", "{type: fid, split: train}"], "Received: split of fid"),
        (["--metric", "psnr", "--features", "vgg16"], "--features is for metrics with a feature network. Received: ps"),
        (["--metric", "psnr", "--metric", "l1", "--batch-size", "2"], "--batch-size is for metrics"),
        (["--metric", "fid", "--features", "vgg"], "feature_network 'vgg' is not known"),
        ([], "Missing option '--metric'"),
    ],
)
def test_wrong_usage(gantk, folders, arguments, said):
    outcome = gantk("evaluate", *folders, *arguments)
    assert outcome.code == 2
    assert said in outcome.err


def test_nothing_to_compare(gantk, folders, tmp_path):
    assert "which does not exist" in gantk("evaluate", tmp_path / "no", folders[0], "--metric", "psnr").err
    empty = tmp_path / "empty"
    empty.mkdir()
    assert gantk("evaluate", empty, folders[0], "--metric", "psnr").code == 2
    save(empty / "other.png", 1)
    outcome = gantk("evaluate", empty, folders[0], "--metric", "psnr")
    assert outcome.code == 2
    assert "pictures of equal names in both" in outcome.err
    assert "with other.png" in outcome.err


def test_features_from_a_file_that_is_missing(gantk, folders):
    features = "{type: vgg16, path: nowhere.npz}"
    outcome = gantk("evaluate", *folders, "--metric", "fid", "--features", features, "--batch-size", "2")
    assert outcome.code == 1
    assert "vgg16: expected a .npz file of weights. Received: nowhere.npz" in outcome.err


def test_help_needs_no_framework(gantk):
    outcome = gantk("evaluate", "--help")
    assert outcome.code == 0
    assert "gantk evaluate zebras real_zebras --metric fid" in outcome.out
