"""`gantk generate`, and what else the commands say of models of latent vectors."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter
from safetensors.numpy import save as safetensors

from gantk.artifacts.bundle_file import write_members
from gantk.artifacts.metadata import BundleMetadata
from gantk.cli.root import cli

CLASSES = ("cat", "dog")


def written(path: Path, latents: object, **record: object) -> Path:
    """A model whose network nobody builds."""
    network = {
        "file": "sample.safetensors",
        "sha256": "0" * 64,
        "component": {"kind": "generator", "name": "dcgan"},
        "input_channels": 0 if latents else 3,
        "output_channels": 3,
        "latents": latents,
        **record,
    }
    about = {"format": "gantk-model-bundle", "format_version": 1, "model": "gan", "networks": {"sample": network}}
    content = {"sample.safetensors": safetensors({"x": np.zeros(1, np.float32)})}
    write_members(path, BundleMetadata.model_validate(about), content)
    return path


def latents(**facts: object) -> dict[str, object]:
    return {"size": 6, "distribution": "normal", "height": 8, "width": 8, "classes": CLASSES, **facts}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return written(tmp_path / "model.gantk", latents())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[tuple[str, ...]], Path]:
    """A DCGAN of 8 × 8 pixels."""
    from gantk import LatentOptions, SynthesisGeneratorChoice
    from gantk.artifacts import save_bundle

    made: dict[tuple[str, ...], Path] = {}

    def make(classes: tuple[str, ...] = ()) -> Path:
        if classes not in made:
            component = TypeAdapter(SynthesisGeneratorChoice).validate_python({"type": "dcgan", "filters": 4})
            network = component.create(latents=6, output_shape=(8, 8, 3), classes=len(classes))
            made[classes] = tmp_path_factory.mktemp("run") / "train" / "model.gantk"
            save_bundle(
                made[classes],
                networks={"sample": network},
                components={"sample": component},
                model="gan",
                latents={"sample": LatentOptions(size=6)},
                classes=classes,
            )
        return made[classes].parent.parent

    return make


@pytest.fixture(autouse=True)
def plain_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command makes the whole process deterministic, which is not for the tests that follow in it."""
    from gantk.engine.backend import choose_backend

    monkeypatch.setattr("gantk.cli.generate._start", choose_backend)


def test_help(gantk, golden):
    golden("help-generate.txt", gantk("generate", "--help").out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "out", "--grid", "--interpolate", "4"], "Only one of --grid, --interpolate"),
        (["-o", "out", "--columns", "4"], "--columns is for --grid. Received: --columns 4"),
        (["-o", "out", "-n", "4", "--interpolate", "3"], "--count is for files and --grid and --format npz."),
        (["-o", "out", "--frames", "4", "--grid"], "--frames is for --interpolate. Received: --frames 4 beside --grid"),
        (["-o", "out", "--grid", "--format", "jpeg"], "--format is for files"),
        (["-o", "out", "--labels", "cta"], "Did you mean 'cat'?"),
        (["-o", "out", "--labels", "2"], "a number from 0 to 1, or all. Received: '2'"),
        (["-o", "out", "--direction", "AtoB"], "direction must be one of sample. Received: 'AtoB'"),
        (["-o", "out", "--arithmetic", "1 x", "--labels", "cat"], "expected + or - at 'x'"),
        (["-o", "out", "--arithmetic", "1 + 2"], "hint: --labels cat"),
        (["-o", "out.png"], "The output must be a folder"),
        (["-o", "out.npz"], "--format npz writes such a file"),
        (["-o", "out.zip", "--grid"], "a file named .png, .jpg, .jpeg"),
        (["-o", "out.png", "--interpolate", "3"], "hint: -o out.webp"),
        (["-o", "taken.png", "--grid"], "must not be there yet. Received: taken.png\nhint: --overwrite"),
        (["-o", "taken.png"], "The output must be a folder"),
        (["-o", "out", "-n", "20000000"], "must be 1 to 10000000. Received: 20000000"),
        (["-o", "out", "-n", "9000000", "--grid"], "at most 268,435,456 pixels"),
        (["-o", "out", "-n", "0"], "0 is not in the range x>=1"),
        (["-o", "out", "--truncation", "-1"], "not in the range x>0"),
        ([], "Missing option '-o'"),
    ],
)
def test_wrong_usage_is_told(gantk, model, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    Path("taken.png").touch()
    outcome = gantk("generate", "model.gantk", *arguments)
    assert outcome.code == 2, outcome.err
    assert message in outcome.err
    assert sorted(os.listdir(tmp_path)) == ["model.gantk", "taken.png"]


def test_models_of_pictures_are_sent_to_their_command(gantk, tmp_path):
    for scale, command in ((1, "translate"), (4, "upscale")):
        path = written(tmp_path / f"{command}.gantk", None, scale=scale)
        outcome = gantk("generate", path, "-o", tmp_path / "out")
        assert outcome.code == 2
        assert f"hint: gantk {command} {path} PICTURES" in outcome.err


def test_models_of_latent_vectors_are_sent_to_this_one(gantk, model, tmp_path):
    (tmp_path / "in").mkdir()
    for command in ("translate", "upscale"):
        for arguments in ((), ("--dry-run",)):
            outcome = gantk(command, model, tmp_path / "in", "-o", tmp_path / "out", *arguments)
            assert outcome.code == 2
            assert f"hint: gantk generate {model} -n 64 -o OUT" in outcome.err


def test_truncation_of_directions_is_refused(gantk, tmp_path):
    path = written(tmp_path / "m.gantk", latents(distribution="hypersphere"))
    outcome = gantk("generate", path, "-o", tmp_path / "out", "--truncation", "0.5")
    assert outcome.code == 2
    assert "hypersphere" in outcome.err


def test_a_missing_plugin_is_told(gantk, model, tmp_path):
    outcome = gantk("-p", "no:networks", "generate", model, "-o", tmp_path / "out")
    assert outcome.code == 5
    assert not (tmp_path / "out").exists()


def test_show_tells_latents_and_labels(gantk, model):
    out = gantk("models", "show", model).out
    assert "latents     6, normal" in out
    assert "labels      2: cat, dog" in out
    assert "latents → 3" in out
    assert "8 × 8" in out


def test_an_export_of_one_size_is_refused(gantk, model, tmp_path):
    outcome = gantk("models", "export", model, "-o", tmp_path / "m.onnx", "--height", "8", "--width", "8")
    assert outcome.code == 2
    assert "makes images of latent vectors, all 8 × 8" in outcome.err


def test_labels_are_completed(model, plugin_environment):
    from click.shell_completion import ShellComplete

    shell = ShellComplete(cli, {}, "gantk", "_GANTK_COMPLETE")

    def offered(model: Path, incomplete: str) -> list[str]:
        return [item.value for item in shell.get_completions(["generate", str(model), "--labels"], incomplete)]

    assert offered(model, "") == ["cat", "dog", "all"]
    assert offered(model, "cat,d") == ["cat,dog"]
    assert offered(model.with_name("missing"), "") == []


def test_files_and_their_continuation(gantk, trained, tmp_path):
    out = tmp_path / "out"
    first = gantk("generate", trained(CLASSES), "-n", 4, "--seed", 7, "-o", out)
    assert (first.code, first.out) == (0, f"{out}\n")
    assert "4 pictures: 4 done, 0 skipped, 0 failed" in first.err
    assert Image.open(out / "seed7-000003.png").size == (8, 8)
    second = gantk("generate", trained(CLASSES), "-n", 6, "--seed", 7, "-o", out, "--json")
    facts = json.loads(second.out)
    assert {name: facts[name] for name in ("count", "done", "skipped", "failed", "seed", "direction")} == {
        "count": 6,
        "done": 2,
        "skipped": 4,
        "failed": 0,
        "seed": 7,
        "direction": "sample",
    }
    other = gantk("generate", trained(CLASSES), "-n", 6, "--seed", 7, "-o", out, "--truncation", 0.5)
    assert other.code == 2
    assert "--overwrite" in other.err
    assert (
        gantk("generate", trained(CLASSES), "-n", 6, "--seed", 7, "-o", out, "--truncation", 0.5, "--overwrite").code
        == 0
    )


def test_single_files(gantk, trained, tmp_path):
    grid = gantk("generate", trained(CLASSES), "-n", 5, "--grid", "-o", tmp_path / "new" / "grid.webp", "--json")
    facts = json.loads(grid.out)
    assert (facts["rows"], facts["labels"]) == ([[0, 2, 4], [1, 3]], ["cat", "dog"])
    assert Image.open(facts["path"]).size == (3 * 8 + 2 * 2, 2 * 8 + 2)
    walk = gantk("generate", trained(), "--interpolate", 3, "--frames", 2, "-o", tmp_path / "walk.webp")
    assert walk.out == f"{tmp_path / 'walk.webp'}\n"
    assert Image.open(tmp_path / "walk.webp").n_frames == 6
    total = gantk("generate", trained(CLASSES), "--arithmetic", "1 - 2", "--labels", "dog", "-o", tmp_path)
    assert total.out == f"{tmp_path / 'arithmetic.png'}\n"
    assert Image.open(tmp_path / "arithmetic.png").size == (3 * 8 + 2 * 9, 8)
    arrays = gantk("generate", trained(), "-n", 3, "--format", "npz", "-o", tmp_path / "samples.npz", "--first", 2)
    assert arrays.code == 0, arrays.err
    assert np.load(tmp_path / "samples.npz")["numbers"].tolist() == [2, 3, 4]
    before = (tmp_path / "samples.npz").read_bytes()
    assert gantk("generate", trained(), "-n", 3, "--format", "npz", "-o", tmp_path / "samples.npz").code == 2
    again = gantk("-q", "generate", trained(), "-n", 3, "--format", "npz", "-o", tmp_path, "--first", 2, "--overwrite")
    assert (again.code, again.err) == (0, "")
    assert (tmp_path / "samples.npz").read_bytes() == before


def test_pictures_that_failed_end_it_with_1(gantk, tmp_path):
    from gantk import LatentOptions, SynthesisGeneratorChoice
    from gantk.artifacts import save_bundle

    component = TypeAdapter(SynthesisGeneratorChoice).validate_python({"type": "dcgan", "filters": 4})
    network = component.create(latents=6, output_shape=(8, 8, 3), classes=0)
    for variable in network.weights:
        variable.assign(np.full(variable.shape, np.nan))
    path = tmp_path / "model.gantk"
    save_bundle(
        path,
        networks={"sample": network},
        components={"sample": component},
        model="gan",
        latents={"sample": LatentOptions(size=6)},
    )
    outcome = gantk("generate", path, "-n", 2, "-o", tmp_path / "out")
    assert outcome.code == 1
    assert "2 of 2 pictures could not be made" in outcome.err
    assert len((tmp_path / "out" / "failures.jsonl").read_text().splitlines()) == 2
    assert gantk("generate", path, "--grid", "-o", tmp_path / "grid.png").code == 1
    assert not (tmp_path / "grid.png").exists()
