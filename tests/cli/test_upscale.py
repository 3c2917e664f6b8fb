from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.shell_completion import ShellComplete
from PIL import Image

from gantk.cli.root import cli

PLUGIN_FILE = Path(__file__).parents[1] / "inference" / "enlarging_generators.py"

PROGRAM = """
import contextlib, dataclasses, errno, io, json, os, sys
from pathlib import Path
plugin, folder = sys.argv[1:]
from gantk.cli import main

def call(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["-p", plugin, "upscale", *arguments])
    return code, out.getvalue(), err.getvalue()

model, inputs, out = f"{folder}/model.gantk", f"{folder}/in", f"{folder}/out"
results = {
    "nothing": call(f"{folder}/missing", inputs, "-o", out),
    "usage": call(model, inputs),
    "a_file": call(model, f"{inputs}/a.png", "-o", "b.png"),
}
from gantk.config.components import Component
from gantk.registry import configure, default_registry
configure([plugin])
spec = default_registry().find("generator", "enlarging_generators/enlarging")
component = Component("enlarging_generators/enlarging", spec, spec.options(layers=0))
results["before"] = sorted({"keras", "tensorflow", "jax", "apache_beam"} & set(sys.modules))
from gantk.artifacts import save_bundle
network = component.create(input_shape=(None, None, 3), output_channels=3)
save_bundle(Path(model), networks={"AtoB": network}, components={"AtoB": component}, model="m")

results["runner_option"] = call(model, inputs, "-o", out, "--runner-option", "a=1")
results["stall_seconds"] = call(model, inputs, "-o", out, "--stall-seconds", "9")
results["runner_option_form"] = call(model, inputs, "-o", out, "--runner", "X", "--runner-option", "a")
results["tile"] = call(model, inputs, "-o", out, "--tile", "3")
results["plan"] = call(model, inputs, "-o", out, "--dry-run", "--json")
results["lines"] = call(model, inputs, "-o", out, "--dry-run", "--suffix", "_x2")
results["out_after_plan"] = Path(out).exists()
results["first"] = call(model, inputs, "-o", out, "--json", "--report")
results["second"] = call(model, inputs, "-o", out, "--json", "-q")
results["plan_of_nothing"] = call(model, f"{inputs}/a.png", "-o", out, "--dry-run", "--json")

options = ["--scale", "3", "--tile", "16", "--halo", "2", "--batch-size", "2", "--format", "webp", "--suffix", "_x3",
           "--quality", "100", "--png-level", "3", "--precision", "bfloat16", "--max-pixels", "1000"]
results["options"] = call(model, f"{inputs}/a.png", "-o", f"{folder}/options", *options)
results["max_pixels"] = call(model, f"{inputs}/a.png", "-o", f"{folder}/small", "--max-pixels", "10")
results["retried"] = call(model, f"{inputs}/a.png", "-o", f"{folder}/small", "--retry-failures", "--json")
results["archive"] = call(model, f"{inputs}/a.png", "-o", f"{folder}/made.zip", "--report")

import gantk.inference.upscaling as upscaling
enlarge = upscaling.upscale
def then_gone(bundle, given, output, **chosen):
    summary = enlarge(bundle, given, output, **chosen)
    for path in given:
        os.unlink(path)
    return summary
upscaling.upscale = then_gone
for name in ("gone", "gone_bad"):
    given = [f"{folder}/{name}.png"] + ([f"{folder}/{name}_2.png"] if "bad" in name else [])
    Path(given[0]).write_bytes(Path(inputs, "a.png").read_bytes())
    for path in given[1:]:
        Path(path).write_bytes(b"")
    results[name] = call(model, *given, "-o", f"{folder}/{name}_out", "--json", "--report")
upscaling.upscale = enlarge
results["direction"] = call(model, inputs, "-o", out, "--direction", "BtoA")

import gantk.inference.batch_job as batch_job
take, fsync = batch_job.PictureJob._record, os.fsync
def interrupt(*arguments):
    raise KeyboardInterrupt
batch_job.PictureJob._record = interrupt
results["interrupted"] = call(model, f"{inputs}/a.png", "-o", f"{folder}/interrupted")
batch_job.PictureJob._record = take
def full(descriptor):
    if ".png" in os.readlink(f"/proc/self/fd/{descriptor}"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    fsync(descriptor)
os.fsync = full
results["full"] = call(model, f"{inputs}/a.png", "-o", f"{folder}/full")
os.fsync = fsync
results["after_full"] = call(model, f"{inputs}/a.png", "-o", f"{folder}/full", "--json")

import gantk.inference.distributed as distributed
def spread(bundle, given, output, options, **chosen):
    results["runner"] = [str(bundle.path), list(given), str(output), dataclasses.asdict(options), chosen]
    return batch_job.JobSummary(inputs=1, done=1, output=output)
distributed.upscale_with_beam = spread
code = call(model, inputs, "-o", out, "--runner", "FlinkRunner", "--runner-option", "parallelism=4", "--scale", "3",
            "--stall-seconds", "7200", "-q")
results["runner_code"] = code
results["without_plugin"] = main(["-p", "no:enlarging_generators", "upscale", model, inputs, "-o", out])
Path(folder, "results.json").write_text(json.dumps(results))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the command in every way, in one process of its own, since Keras takes seconds to be imported."""
    root = tmp_path_factory.mktemp("upscale")
    inputs = root / "in"
    (inputs / "sub").mkdir(parents=True)
    Image.fromarray(PICTURE).save(inputs / "a.png")
    Image.fromarray(PICTURE[..., 0]).save(inputs / "sub" / "grey.tif")
    (inputs / "bad.png").write_bytes(b"")
    (inputs / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    (inputs / "notes.txt").write_text("no picture")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": ""}
    subprocess.run(
        [sys.executable, "-c", PROGRAM, str(PLUGIN_FILE), str(root)], check=True, env=environment, timeout=300
    )
    return root


PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def results(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def test_wrong_usage_shows_before_a_framework_is_loaded(results: dict[str, Any]) -> None:
    assert results["before"] == []
    for name, said in {
        "nothing": "does not exist",
        "usage": "--output",
        "a_file": "must be a folder",
        "runner_option": "--runner-option is for --runner",
        "stall_seconds": "--stall-seconds is for --runner",
        "runner_option_form": "--runner-option must be KEY=VALUE, such as direct_num_workers=4. Received: 'a'",
        "tile": "tile must be at least 8",
        "direction": "AtoB. Received: 'BtoA'",
    }.items():
        code, out, err = results[name]
        assert (code, out) == (2, ""), (name, err)
        assert said in err
    assert results["without_plugin"] == 5


def test_dry_run(results: dict[str, Any], folder: Path) -> None:
    code, out, _ = results["plan"]
    assert code == 0
    plan = json.loads(out)
    rows = {row["output"]: row for row in plan["inputs"]}
    assert {name: row["action"] for name, row in rows.items()} == {
        "a.png": "enlarge",
        "sub/grey.tif": "enlarge",
        "bad.png": "fail",
        "cut.jpg": "fail",
    }
    assert (rows["a.png"]["megapixels"], rows["a.png"]["result_megapixels"]) == (0.0006, 0.0024)
    assert rows["bad.png"]["reason"] == "The file is empty: 0 bytes."
    assert "JPEG file cannot be decoded" in rows["cut.jpg"]["reason"]
    assert (plan["ignored"], plan["megapixels"], plan["result_megapixels"]) == (1, 0.0012, 0.0048)
    assert 0 < plan["estimate"]["seconds"] < 60
    assert plan["estimate"]["megapixels_per_second"] > 0
    assert plan["estimate"]["measured"]["pictures"] == 2

    code, out, err = results["lines"]
    assert code == 0
    assert f"enlarge   {folder}/in/a.png (0.00 MP) → a_x2.png (0.00 MP)" in out
    assert f"fail      {folder}/in/bad.png: The file is empty" in out
    assert "4 pictures: 2 to do, 0 done before, 2 cannot be done; 1 other file" in err
    assert "Measured on this machine just now with 2 tiles of 2 of these pictures" in err
    assert not results["out_after_plan"], "nothing is written"
    nothing = json.loads(results["plan_of_nothing"][1])
    assert nothing["inputs"][0]["action"] == "skip"
    assert nothing["estimate"] is None


def test_a_job_and_the_same_again(results: dict[str, Any], folder: Path) -> None:
    code, out, err = results["first"]
    assert code == 1
    summary = json.loads(out)
    assert [summary[name] for name in ("inputs", "done", "skipped", "failed", "ignored")] == [4, 2, 0, 2, 1]
    assert summary["megapixels"] == 0.0012
    assert {Path(failure["input"]).name for failure in summary["failures"]} == {"bad.png", "cut.jpg"}
    assert "4 pictures: 2 done, 0 skipped, 2 failed" in err
    assert f"2 of 4 pictures could not be enlarged: {folder}/out/failures.jsonl tells why." in err
    made = np.asarray(Image.open(folder / "out" / "a.png"))
    assert np.array_equal(made, PICTURE.repeat(2, 0).repeat(2, 1))
    assert np.asarray(Image.open(folder / "out" / "sub" / "grey.tif")).shape == (40, 60)
    code, out, err = results["second"]
    assert code == 1
    assert [json.loads(out)[name] for name in ("done", "skipped", "failed")] == [0, 2, 2]
    assert "pictures:" not in err, "quiet"


def test_report(results: dict[str, Any], folder: Path) -> None:
    page = (folder / "out" / "report.html").read_text("utf-8")
    assert f"before and after: {folder}/out/report.html" in results["first"][2]
    for said in ("a.png", "grey.tif", "The file is empty: 0 bytes."):
        assert said in page
    assert "a.png" in (folder / "made.zip.report.html").read_text("utf-8")


def test_a_page_that_cannot_be_written_does_not_hide_what_was_done(results: dict[str, Any]) -> None:
    for name, expected in (("gone", (0, 1, 0)), ("gone_bad", (1, 1, 1))):
        code, out, err = results[name]
        summary = json.loads(out)
        assert (code, summary["done"], summary["failed"]) == expected
        assert "1 done" in err
        assert "Warning: the page of --report could not be written" in err
        assert "does not exist" in err


def test_every_option(results: dict[str, Any], folder: Path) -> None:
    code, _, err = results["options"]
    assert code == 0, err
    with Image.open(folder / "options" / "a_x3.webp") as image:
        assert (image.format, image.size) == ("WEBP", (90, 60))
    (line,) = (folder / "options" / "manifest.jsonl").read_text().splitlines()
    settings = json.loads(line)["settings"]
    assert {key: settings[key] for key in ("scale", "halo", "format", "quality", "png_level", "precision")} == {
        "scale": 3,
        "halo": 2,
        "format": "webp",
        "quality": 100,
        "png_level": 3,
        "precision": "bfloat16",
    }
    assert results["max_pixels"][0] == 1
    assert results["retried"][0] == 0
    assert json.loads(results["retried"][1])["done"] == 1
    assert results["archive"][0] == 0
    assert (folder / "made.zip").is_file()


def test_ctrl_c_says_how_to_continue(results: dict[str, Any]) -> None:
    code, _, err = results["interrupted"]
    assert code == 130
    assert "What is done stays done: the same command again continues." in err


def test_a_full_disk(results: dict[str, Any], folder: Path) -> None:
    code, _, err = results["full"]
    assert code == 1
    assert f"error: No space is left to write {folder}/full/a.png" in err
    assert "run the same command again" in err
    assert not list((folder / "full").glob(".*")), "no half file"
    assert (results["after_full"][0], json.loads(results["after_full"][1])["done"]) == (0, 1)


def test_a_runner_is_given_everything(results: dict[str, Any], folder: Path) -> None:
    model, inputs, output, options, chosen = results["runner"]
    assert (model, inputs, output) == (str(folder / "model.gantk"), [str(folder / "in")], str(folder / "out"))
    assert chosen["runner"] == "FlinkRunner"
    assert chosen["runner_options"] == {"parallelism": 4}
    assert (options["scale"], options["quality"], options["max_pixels"]) == (3, 95, 1 << 30)
    assert (chosen["overwrite"], chosen["progress"], chosen["stall_seconds"]) == (False, False, 7200)
    assert results["runner_code"][0] == 0


def test_help(gantk, golden) -> None:  # type: ignore[no-untyped-def]
    golden("help-upscale.txt", gantk("upscale", "--help").out)


def test_help_needs_no_framework() -> None:
    code = (
        "import sys; from gantk.cli import main; main(['upscale', '--help']); "
        "print(sorted({'keras', 'tensorflow', 'jax', 'apache_beam', 'numpy', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_option_has_a_help() -> None:
    command = cli.get_command(click.Context(cli), "upscale")
    assert command is not None
    assert all(parameter.help for parameter in command.params if isinstance(parameter, click.Option))


def test_completion() -> None:
    shell = ShellComplete(cli, {}, "gantk", "_GANTK_COMPLETE")

    def values(*line: str) -> list[str]:
        return [item.value for item in shell.get_completions(list(line[:-1]), line[-1])]

    assert "upscale" in values("u")
    assert values("upscale", "m", "i", "--runner", "Fl") == ["FlinkRunner"]
    assert values("upscale", "m", "i", "--precision", "b") == ["bfloat16"]
    assert {"--dry-run", "--retry-failures", "--report"} <= set(values("upscale", "m", "i", "--"))
