"""Fixtures for the tests of the command line."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gantk.cli import main

GOLDEN = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def gantk(capsys, monkeypatch, plugin_environment) -> Callable[..., Outcome]:
    """Run a command in this process: `gantk("plugins", "list")`."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    monkeypatch.delenv("GANTK_TRACEBACK", raising=False)

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return run


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with the file of this name in `golden/`."""

    def compare(name: str, text: str) -> None:
        file = GOLDEN / name
        if os.environ.get("UPDATE_GOLDEN"):
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8"), f"UPDATE_GOLDEN=1 pytest tests/cli rewrites {file}"

    return compare


PIPELINE = """\
name: greeting
stages:
  greet: {words: 3}
  part: {type: greet}
profiles:
  loud: {stages: {greet: {words: 9}}}
"""

STAGES = """
import gantk
from pydantic import Field

class GreetOptions(gantk.Options):
    words: int = Field(1, ge=1)
    "How many words."
    fail: str = ""
    "How to fail."

@gantk.hookimpl
def gantk_stages():
    return [gantk.StageSpec(name="greet", factory="built_in_stages:Greet", summary="Greets.", options=GreetOptions)]

class Greet:
    def __init__(self, options):
        self.options = options

    def run(self, context):
        if self.options.fail == "defect":
            raise ZeroDivisionError("one over nothing")
        if self.options.fail == "interrupt":
            raise KeyboardInterrupt
        if self.options.fail == "refused":
            raise PermissionError(13, "Permission denied", "/data/shard")
        if self.options.fail:
            raise gantk.RunFailed(f"the greeting failed. Received: {self.options.fail!r}", hint="Greet again.")
        (context.directory / "greeting.txt").write_text("hello " * self.options.words)
        return {}
"""


@pytest.fixture
def stages(plugin_site, tmp_path, monkeypatch) -> Path:
    """A pipeline file, in the working directory, of stages that a made-up built-in plugin provides."""
    plugin_site.module("built_in_stages", STAGES)
    (plugin_site.path / "gantk-9.9.dist-info" / "entry_points.txt").write_text(
        "[gantk]\ncore = built_in_core\nstages = built_in_stages\n"
    )
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "greeting.yaml"
    file.write_text(PIPELINE)
    return file
