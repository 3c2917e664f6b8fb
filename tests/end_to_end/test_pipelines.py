"""Every pipeline of `pipelines/`, run as a person runs it, on tiny data."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantk.artifacts import load_bundle

PIPELINES = Path(__file__).parents[2] / "pipelines"
TINY_NETWORKS = (
    "stages.train.model.generator={type: resnet, filters: 4, blocks: 1, upsampling: resize}",
    "stages.train.model.discriminator={type: patchgan, filters: 4, layers: 1}",
    "stages.train.schedule={type: linear, constant: 1, decay: 1}",
)
HORSE2ZEBRA = (
    "stages.prepare.source={type: quadrupeds, size: 32, train: 16, test: 4}",
    *TINY_NETWORKS,
    "stages.train.epochs=2",
    "stages.evaluate.metrics.0={type: domain_classifier, steps: 5}",
    "stages.translate.limit=2",
    "stages.train.licence=CC BY 4.0",
)


def gantk(*arguments: object, folder: Path, backend: str = "tensorflow") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gantk", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=300,
    )


def pipeline_run(name: str, *overrides: str, folder: Path, backend: str = "tensorflow", extra: tuple[object, ...] = ()):
    settings = [part for override in overrides for part in ("--set", override)]
    return gantk("pipeline", "run", PIPELINES / name, *settings, *extra, folder=folder, backend=backend)


def digest(run: Path) -> str:
    return json.loads((run / "run.json").read_text())["stages"]["train"]["outputs"]["model"]["digest"]


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("horse2zebra")
    result = pipeline_run("horse2zebra.yaml", *HORSE2ZEBRA, folder=folder)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "runs/horse2zebra\n"
    return folder / "runs" / "horse2zebra"


def test_horse2zebra_leaves_everything_it_promises(finished_run: Path) -> None:
    record = json.loads((finished_run / "run.json").read_text())
    assert {name: stage["status"] for name, stage in record["stages"].items()} == dict.fromkeys(
        ("prepare", "train", "evaluate", "translate", "report"), "done"
    )
    lines = [json.loads(line) for line in (finished_run / "train" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 8
    assert np.isfinite([value for line in lines for value in line.values()]).all()
    grid = np.asarray(Image.open(finished_run / "train" / "samples" / "step-00000008.png"))
    assert grid.shape == (8 * 32, 3 * 32, 3)
    assert list((finished_run / "train" / "events").iterdir())
    entries = json.loads((finished_run / "evaluate" / "evaluation.json").read_text())["metrics"]
    assert {entry["candidate"] for entry in entries} == {"trained", "untrained", "identity"}
    identity = {entry["name"]: entry["values"] for entry in entries if entry["candidate"] == "identity"}
    assert identity["masked_psnr"]["outside_a_to_b"] == 100
    assert identity["cycle_error"] == {"cycle_error_a": 0, "cycle_error_b": 0}
    # The model holds it too, and is the same model: the next test sees that it is not trained again.
    about = load_bundle(finished_run)
    assert about.digest == digest(finished_run)
    (trained,) = [entry for entry in entries if (entry["name"], entry["candidate"]) == ("masked_psnr", "trained")]
    assert about.metadata.metrics["masked_psnr"]["values"] == trained["values"]
    assert about.metadata.metrics["masked_psnr"]["protocol"] == trained["protocol"]
    assert about.metadata.licence == "CC BY 4.0"
    assert "Licence: CC BY 4.0." in (finished_run / "report.html").read_text()
    assert len(json.loads((finished_run / "translate" / "pairs.json").read_text())["pairs"]) == 2
    assert "Before and after" in (finished_run / "report.html").read_text()


def test_a_second_call_trains_nothing(finished_run: Path) -> None:
    trained = (finished_run / "train" / "model.gantk").stat().st_mtime_ns
    result = pipeline_run("horse2zebra.yaml", *HORSE2ZEBRA, folder=finished_run.parents[1])
    assert result.returncode == 0, result.stderr
    assert "train: skipped, nothing about it has changed" in result.stderr
    assert (finished_run / "train" / "model.gantk").stat().st_mtime_ns == trained


def test_the_translate_stage_takes_pictures_of_ones_own(finished_run: Path) -> None:
    folder = finished_run.parents[1]
    (folder / "mine").mkdir()
    Image.fromarray(np.full((24, 33, 3), 90, np.uint8)).save(folder / "mine" / "one.jpg")
    (folder / "mine" / "empty.png").touch()
    mine = (*HORSE2ZEBRA, "stages.translate.inputs=[mine]")
    failed = pipeline_run("horse2zebra.yaml", *mine, folder=folder)
    assert failed.returncode == 1
    assert "1 of 2 inputs could not be translated" in failed.stderr
    (folder / "mine" / "empty.png").unlink()
    result = pipeline_run("horse2zebra.yaml", *mine, folder=folder, extra=("--resume",))
    assert result.returncode == 0, result.stderr
    (pair,) = json.loads((finished_run / "translate" / "pairs.json").read_text())["pairs"]
    assert pair["after"] == "after/one.jpg"
    assert "Before and after, one.jpg" in (finished_run / "report.html").read_text()


def test_the_model_translates_pictures_of_any_size(finished_run: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures" / "deep"
    pictures.mkdir(parents=True)
    Image.fromarray(np.full((37, 50, 3), 90, np.uint8)).save(pictures / "odd.png")
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut short")
    result = gantk("translate", finished_run, "pictures", "-o", "out", folder=tmp_path)
    assert result.returncode == 1
    assert Image.open(tmp_path / "out" / "deep" / "odd.png").size == (50, 37)
    (failure,) = (tmp_path / "out" / "failures.jsonl").read_text().splitlines()
    assert "broken.jpg" in failure


def test_horse2zebra_runs_on_two_devices_of_jax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the training is spread: the five test pictures do not divide by two."""
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
    result = pipeline_run(
        "horse2zebra.yaml",
        *HORSE2ZEBRA,
        "stages.prepare.source.test=5",
        "stages.train.epochs=1",
        "stages.train.devices=2",
        "stages.train.evaluate={metrics: [cycle_error], keep_best: cycle_error_a}",
        folder=tmp_path,
        backend="jax",
        extra=("--until", "evaluate"),
    )
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "runs/horse2zebra/train/training.json").read_text())["backend"] == "jax"


def test_satellite2map_runs_on_two_folders_of_pictures(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, count in (("trainA", 6), ("trainB", 5), ("testA", 2), ("testB", 2)):
        (tmp_path / "maps" / name).mkdir(parents=True)
        for number in range(count):
            pixels = random.integers(0, 256, (40, 40, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "maps" / name / f"{number}.png")
    result = pipeline_run(
        "satellite2map.yaml",
        "stages.prepare.source.root=maps",
        *TINY_NETWORKS,
        "stages.train.epochs=1",
        "stages.train.steps_per_epoch=2",
        "stages.train.schedule={type: constant}",
        "stages.evaluate.metrics.0={type: domain_classifier, steps: 5}",
        folder=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "runs" / "satellite2map" / "report.html").is_file()


@pytest.mark.parametrize("path", sorted(PIPELINES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_pipeline_is_valid_in_every_profile(path: Path) -> None:
    from gantk.config import load_pipeline, profiles_of

    for profile in (None, *profiles_of(path)):
        assert load_pipeline(path, profile=profile).name == path.stem
    assert path.read_text().startswith("# ")


def test_a_pipeline_killed_in_training_resumes_to_the_same_weights(finished_run: Path, tmp_path: Path) -> None:
    """SIGKILL once the first checkpoint is there; the finished run is the one that was never interrupted."""
    settings = [part for override in HORSE2ZEBRA for part in ("--set", override)]
    command = [sys.executable, "-m", "gantk", "pipeline", "run", str(PIPELINES / "horse2zebra.yaml"), *settings]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    process = subprocess.Popen(
        [*command, "--set", "stages.train.checkpoint.every_steps=1"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    run = tmp_path / "runs" / "horse2zebra"
    deadline = time.monotonic() + 200
    while not list((run / "train" / "checkpoints").glob("*.safetensors")) and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert json.loads((run / "run.json").read_text())["stages"]["train"]["status"] == "running"

    refused = pipeline_run("horse2zebra.yaml", *HORSE2ZEBRA, folder=tmp_path)
    assert refused.returncode == 2
    assert "--resume continues it" in refused.stderr
    resumed = pipeline_run("horse2zebra.yaml", *HORSE2ZEBRA, folder=tmp_path, extra=("--resume",))
    assert resumed.returncode == 0, resumed.stderr
    assert digest(run) == digest(finished_run)
    assert 0 < json.loads((run / "train" / "training.json").read_text())["resumed_from"] < 8
