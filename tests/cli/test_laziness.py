"""What looks only at names and options imports no framework, and help imports no plugin either."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FRAMEWORKS = ("tensorflow", "jax", "keras", "apache_beam", "torch")
PIPELINES = Path(__file__).parents[2] / "pipelines"

PROBE = """
import json, sys
from gantk.cli import main
codes = [main(arguments) for arguments in json.loads(sys.argv[1])]
print("PROBE", json.dumps([codes, sorted(name for name in sys.modules if "." not in name)]))
"""


def modules_after(*commands):
    result = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(commands)], capture_output=True, text=True, check=True
    )
    codes, modules = json.loads(result.stdout.rpartition("PROBE ")[2])
    assert codes == [0] * len(commands), result.stderr
    return set(modules)


def test_help_imports_neither_pydantic_nor_plugins():
    # `--version` and `--help` of the groups, too: their lines of help stand in tables.
    loaded = modules_after(["--help"], ["--version"], ["pipeline", "--help"], ["plugins", "--help"])
    assert not loaded.intersection((*FRAMEWORKS, "numpy", "pydantic", "pluggy", "rich", "ruamel"))
    assert not [name for name in loaded if name.startswith("gantk_")]


@pytest.mark.parametrize("command", ["run", "validate", "plan", "show"])
def test_help_of_a_pipeline_command_imports_no_pydantic(command):
    assert not modules_after(["pipeline", command, "--help"]).intersection((*FRAMEWORKS, "pydantic", "ruamel"))


def test_list_show_schema_and_validate_import_no_framework():
    commands = [["plugins", "list"], ["plugins", "list", "--json"], ["plugins", "show", "transforms"], ["schema"]]
    for pipeline in sorted(PIPELINES.glob("*.yaml")):
        commands += [["pipeline", verb, str(pipeline)] for verb in ("validate", "show", "plan")]
    assert not modules_after(*commands).intersection(FRAMEWORKS)


def test_validate_imports_no_framework(stages, plugin_site):
    probe = PROBE.replace("import json, sys", f"import json, sys; sys.path.insert(0, {str(plugin_site.path)!r})")
    result = subprocess.run(
        [sys.executable, "-c", probe, json.dumps([["pipeline", "validate", str(stages)]])],
        capture_output=True,
        text=True,
        check=True,
    )
    codes, modules = json.loads(result.stdout.rpartition("PROBE ")[2])
    assert codes == [0]
    assert not set(modules).intersection(FRAMEWORKS)
