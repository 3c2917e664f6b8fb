from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

PLUGIN_FILE = Path(__file__).parents[1] / "artifacts" / "tiny_generators.py"

PROGRAM = """
import contextlib, io, json, sys
from pathlib import Path
plugin, folder = sys.argv[1:]
from gantk.cli import main

def call(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["-p", plugin, "translate", *arguments])
    return code, out.getvalue(), err.getvalue()

run, inputs, out = f"{folder}/run", f"{folder}/in", f"{folder}/out"
results = {
    "nothing": call(f"{folder}/missing", inputs, "-o", out),
    "usage": call(run, inputs),
    "a_file": call(run, f"{inputs}/a.png", "-o", "b.png"),
}
from gantk.config.components import Component
from gantk.registry import configure, default_registry
configure([plugin])
spec = default_registry().find("generator", "tiny_generators/negative")
component = Component("tiny_generators/negative", spec, spec.options())
results["plan_before"] = sorted({"keras", "tensorflow", "jax"} & set(sys.modules))
from gantk.artifacts import save_bundle
network = component.create(input_shape=(None, None, 3), output_channels=3)
save_bundle(Path(run, "train", "model.gantk"), networks={"AtoB": network}, components={"AtoB": component}, model="m")
results["plan"] = call(run, inputs, "-o", out, "--dry-run", "--json")
results["lines"] = call(run, inputs, "-o", out, "--dry-run")
results["first"] = call(run, inputs, "-o", out, "--json")
results["second"] = call(run, inputs, "-o", out, "--json")
Path(inputs, "bad.png").unlink()
results["good"] = call(run, inputs, "-o", out, "--direction", "AtoB")
results["direction"] = call(run, inputs, "-o", out, "--direction", "BtoA")
results["itself"] = call(run, inputs, "-o", inputs)
results["without_plugin"] = main(["-p", "no:tiny_generators", "translate", run, inputs, "-o", out])
Path(folder, "results.json").write_text(json.dumps(results))
"""


def test_translate(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    picture = np.random.default_rng(0).integers(0, 256, (9, 17, 3), dtype=np.uint8)
    Image.fromarray(picture).save(folder / "a.png")
    (folder / "bad.png").write_bytes(b"")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": ""}
    subprocess.run(
        [sys.executable, "-c", PROGRAM, str(PLUGIN_FILE), str(tmp_path)], check=True, env=environment, timeout=300
    )
    results = json.loads((tmp_path / "results.json").read_text())

    assert results["nothing"][0] == 2
    assert "does not exist" in results["nothing"][2]
    assert results["usage"][0] == 2
    assert "--output" in results["usage"][2]
    assert results["a_file"][0] == 2
    assert "must be a folder" in results["a_file"][2]
    assert results["plan_before"] == [], "wrong usage shows before a framework is loaded"

    code, out, _ = results["plan"]
    assert code == 0
    assert [(row["output"], row["action"]) for row in json.loads(out)["inputs"]] == [
        ("a.png", "translate"),
        ("bad.png", "translate"),
    ]
    assert "translate" in results["lines"][1]
    assert "2 pictures: 2 to do" in results["lines"][2]

    code, out, err = results["first"]
    assert code == 1
    summary = json.loads(out)
    assert {name: summary[name] for name in ("inputs", "done", "skipped", "failed")} == {
        "inputs": 2,
        "done": 1,
        "skipped": 0,
        "failed": 1,
    }
    assert "2 pictures: 1 done, 0 skipped, 1 failed" in err
    assert "failures.jsonl" in err
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "a.png")), 255 - picture)

    code, out, _ = results["second"]
    assert code == 1
    assert (json.loads(out)["skipped"], json.loads(out)["failed"]) == (1, 1)
    assert results["good"][0] == 0
    assert results["direction"][0] == 2
    assert "AtoB. Received: 'BtoA'" in results["direction"][2]
    assert results["itself"][0] == 2
    assert results["without_plugin"] == 5
