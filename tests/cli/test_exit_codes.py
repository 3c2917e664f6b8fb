"""Every end of a command: its exit code, and its message on stderr."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


def run_failing(gantk, how, *arguments):
    return gantk("pipeline", "run", "greeting.yaml", "--set", f"stages.greet.fail={how}", "-q", *arguments)


def test_run_failed_is_1(gantk, stages):
    outcome = run_failing(gantk, "no voice")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "error: the greeting failed. Received: 'no voice'\nhint: Greet again.\n"


def test_refusal_of_the_system_is_1(gantk, stages):
    outcome = run_failing(gantk, "refused")
    assert outcome.code == 1
    assert outcome.err == (
        "error: the system refused: [Errno 13] Permission denied: '/data/shard'\nhint: Check the permissions.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pipline"], "no command 'pipline'. Did you mean 'pipeline'?\nhint: `gantk --help` shows how it is used."),
        (["plugins", "xyz"], "no command 'xyz'.\nhint: `gantk plugins --help` shows how it is used."),
        (["--nothing"], "No such option '--nothing'.\nhint: `gantk --help` shows how it is used."),
        (["pipeline", "run"], "Missing argument 'FILE'.\nhint: `gantk pipeline run --help` shows how it is used."),
        (
            ["plugins", "list", "--kind", "los"],
            "Invalid value for --kind: must be one of generator, discriminator, loss, transform, model, source, "
            "metric, feature_network, stage, weight_map. Received: 'los'\nhint: `gantk plugins list --help` shows how it is used.",
        ),
    ],
)
def test_usage_error_is_2(gantk, arguments, message):
    outcome = gantk(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == f"error: {message}\n"


@pytest.mark.parametrize("arguments", [[], ["plugins"], ["pipeline"]])
def test_a_group_alone_shows_its_help_and_is_2(gantk, arguments):
    outcome = gantk(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"Usage: {' '.join(['gantk', *arguments])} [OPTIONS] COMMAND")


def test_defect_is_3_with_the_traceback_in_a_file(gantk, stages):
    outcome = run_failing(gantk, "defect")
    assert (outcome.code, outcome.out) == (3, "")
    written = re.fullmatch(
        r"error: an unexpected error, a defect of gantk or of a plugin\.\n"
        r"ZeroDivisionError: one over nothing\n"
        r"hint: The traceback is in (.*gantk-error-.*\.log)\nPlease report it\.\n",
        outcome.err,
    )
    assert written, outcome.err
    log = Path(written[1])
    text = log.read_text()
    log.unlink()
    assert text.startswith("gantk ")
    assert 'raise ZeroDivisionError("one over nothing")' in text


@pytest.mark.parametrize("by", ["-v", "GANTK_TRACEBACK"])
def test_defect_with_the_traceback_on_stderr(gantk, stages, monkeypatch, by):
    if by == "-v":
        outcome = run_failing(gantk, "defect", "-v")
    else:
        monkeypatch.setenv(by, "1")
        outcome = run_failing(gantk, "defect")
    assert outcome.code == 3
    assert 'raise ZeroDivisionError("one over nothing")' in outcome.err
    assert outcome.err.endswith("hint: The traceback is above.\nPlease report it.\n")


def test_invalid_pipeline_is_4(gantk, stages):
    stages.write_text("name: greeting\nstages: {greet: {wrds: 3}}\n")
    outcome = gantk("pipeline", "run", "greeting.yaml")
    assert (outcome.code, outcome.out) == (4, "")
    assert "wrds" in outcome.err
    assert not Path("runs").exists()


def test_plugin_that_is_missing_is_5(gantk, stages):
    outcome = gantk("-p", "no_such_module", "pipeline", "validate", "greeting.yaml")
    assert (outcome.code, outcome.out) == (5, "")
    assert outcome.err == (
        "error: plugin 'no_such_module' must be an importable module, an installed plugin or a file. "
        "Received: no module 'no_such_module'\n"
    )


@pytest.mark.parametrize("way", ["-p", "plugins:"])
def test_a_broken_plugin_that_is_asked_for_is_5(gantk, stages, tmp_path, way):
    """A person who names a file wants it; one that is merely installed is a warning."""
    (tmp_path / "mine.py").write_text("import no_such_module\n")
    arguments = ["-p", "./mine.py"] if way == "-p" else []
    if way == "plugins:":
        stages.write_text(f"plugins: [{tmp_path}/mine.py]\n{stages.read_text()}")
    outcome = gantk(*arguments, "pipeline", "validate", "greeting.yaml")
    assert (outcome.code, outcome.out) == (5, "")
    assert "a plugin that is asked for by name must work" in outcome.err
    assert f"mine (file {tmp_path}/mine.py): ModuleNotFoundError: No module named 'no_such_module'" in outcome.err
    assert f"`gantk -p {tmp_path}/mine.py plugins show mine` shows where it fails" in outcome.err
    shown = gantk("-p", "./mine.py", "plugins", "show", "mine")
    assert shown.code == 0
    assert 'mine.py", line 1' in shown.out


def test_broken_plugin_is_a_warning_unless_strict(gantk, stages, plugin_site, monkeypatch):
    plugin_site.plugin("acme", "import no_such_module")
    outcome = gantk("pipeline", "validate", "greeting.yaml")
    assert (outcome.code, outcome.out) == (0, "greeting.yaml: valid, 2 stages: greet, part\n")
    assert outcome.err == (
        "warning: plugin 'acme' (acme-gan 1.2) is broken and left out: "
        "ModuleNotFoundError: No module named 'no_such_module'\n"
    )
    monkeypatch.setenv("GANTK_STRICT_PLUGINS", "1")
    outcome = gantk("pipeline", "validate", "greeting.yaml")
    assert (outcome.code, outcome.out) == (5, "")
    assert outcome.err.endswith(
        "error: every plugin must work, since GANTK_STRICT_PLUGINS is set. Received:\n"
        "  acme (acme-gan 1.2): ModuleNotFoundError: No module named 'no_such_module'\n"
        "hint: Mend or uninstall them, or leave one out with -p no:NAME.\n"
    )


def test_factory_that_is_missing_is_5(gantk, stages, plugin_site):
    file = plugin_site.path / "built_in_stages.py"
    file.write_text(file.read_text().replace("built_in_stages:Greet", "built_in_stages:Gret"))
    assert gantk("pipeline", "validate", "greeting.yaml").code == 0
    outcome = gantk("pipeline", "run", "greeting.yaml", "-q")
    assert outcome.code == 5
    assert outcome.err == (
        "error: stage 'greet' cannot be built: its factory 'built_in_stages:Gret' must name something in the module "
        "'built_in_stages'. Received: no attribute 'Gret'\nhint: Did you mean 'Greet'?\n"
    )


def test_interrupt_is_130(gantk, stages):
    outcome = run_failing(gantk, "interrupt")
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err.split() == ["interrupted"]


def test_ctrl_c_of_a_process_is_130(tmp_path):
    (tmp_path / "sleeper.py").write_text("import pathlib, time\npathlib.Path('asleep').touch()\ntime.sleep(60)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "gantk", "-p", "./sleeper.py", "plugins", "list"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not (tmp_path / "asleep").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.endswith("interrupted\n")
    assert "Traceback" not in err


def test_reader_that_goes_away_is_met_quietly(tmp_path):
    result = subprocess.run(
        f"{sys.executable} -m gantk schema | true; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=True,
    )
    # Where the reader is slower than the writer, all of it has been written.
    assert result.stdout in ("0\n", "1\n")
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr


def test_version(gantk):
    from gantk import __version__

    outcome = gantk("--version")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"gantk {__version__}\n", "")


def test_logging_is_left_as_it_was(gantk):
    import logging

    logger = logging.getLogger("gantk")
    before = (logger.level, logger.propagate, list(logger.handlers))
    gantk("-v", "--version")
    assert (logger.level, logger.propagate, list(logger.handlers)) == before
