"""Golden tests of what an invalid pipeline is told.

`golden/NAME.yaml` is loaded and its error compared with `golden/NAME.txt`. A first line
`# load: --profile P --set a=b` gives the arguments. After a deliberate change of a message:
`GANTK_UPDATE_GOLDEN=1 pytest tests/config/test_error_messages.py`, then read the diff.
"""

import os
import shlex
from pathlib import Path

import pytest

from gantk.config import load_pipeline
from gantk.errors import ConfigError, GantkError, PluginError

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))


def load_arguments(path):
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    words = shlex.split(first.removeprefix("# load:")) if first.startswith("# load:") else []
    pairs = list(zip(words[::2], words[1::2], strict=True))
    profiles = [value for option, value in pairs if option == "--profile"]
    return {
        "profile": profiles[-1] if profiles else None,
        "overrides": [value for option, value in pairs if option == "--set"],
    }


@pytest.mark.parametrize("case", CASES)
def test_message(case, registry, monkeypatch):
    monkeypatch.chdir(GOLDEN)
    with pytest.raises(GantkError) as caught:
        load_pipeline(f"{case}.yaml", registry=registry, **load_arguments(GOLDEN / f"{case}.yaml"))
    told = f"{caught.value}\nexit code {caught.value.exit_code}\n".replace(str(GOLDEN), "<here>")
    expected = GOLDEN / f"{case}.txt"
    if os.environ.get("GANTK_UPDATE_GOLDEN"):
        expected.write_text(told, encoding="utf-8")
    assert expected.is_file(), f"{expected} is missing; GANTK_UPDATE_GOLDEN=1 writes it"
    assert told == expected.read_text(encoding="utf-8")


def test_every_golden_text_has_its_pipeline():
    assert sorted(path.stem for path in GOLDEN.glob("*.txt")) == CASES


def test_only_missing_plugins_are_a_plugin_error(registry):
    with pytest.raises(PluginError):
        load_pipeline(GOLDEN / "plugins.yaml", registry=registry)


def test_a_missing_plugin_beside_another_problem_is_a_config_error(registry):
    with pytest.raises(ConfigError):
        load_pipeline(GOLDEN / "plugins.yaml", overrides=["seed=x"], registry=registry)


def test_missing_file_with_a_near_name(write, monkeypatch, tmp_path):
    write("name: x", "horse2zebra.yaml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_pipeline("horse2zebr.yaml")
    assert str(caught.value) == (
        "expected a pipeline file. Received: horse2zebr.yaml, which does not exist\nDid you mean 'horse2zebra.yaml'?"
    )


def test_missing_file_in_a_missing_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_pipeline("nowhere/a.yaml")
    assert str(caught.value) == "expected a pipeline file. Received: nowhere/a.yaml, which does not exist"


def test_folder(write, monkeypatch, tmp_path):
    write("name: x", "b.yaml")
    write("name: x", "a.yml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_pipeline(".")
    assert str(caught.value) == (
        "expected a pipeline file. Received: ., which is a folder\nPipelines in it: ./a.yml, ./b.yaml."
    )


@pytest.mark.parametrize("url", ["https://example.org/a.yaml", "gs://bucket/a.yaml"])
def test_remote_file(url):
    with pytest.raises(ConfigError) as caught:
        load_pipeline(url)
    assert str(caught.value) == f"expected a local pipeline file. Received: {url}\nDownload it first."


def test_invalid_utf8(tmp_path, monkeypatch):
    (tmp_path / "latin.yaml").write_bytes("name: x\ndescription: Zèbre\n".encode("latin-1"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_pipeline("latin.yaml")
    assert str(caught.value) == (
        "latin.yaml:2: expected UTF-8 text. Received: the byte 0xE8\nSave the file with the encoding UTF-8."
    )


def test_file_too_large(tmp_path, monkeypatch):
    (tmp_path / "large.yaml").write_bytes(b"#" * (2**20 + 1))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="at most 1048576 bytes"):
        load_pipeline("large.yaml")


def test_name_with_a_null_character():
    with pytest.raises(ConfigError, match="expected a pipeline file that can be read"):
        load_pipeline("a\0b.yaml")


def test_many_problems_are_cut_short(write, registry):
    path = write("name: x\nstages: {report: {}}\n" + "".join(f"key{index}: 1\n" for index in range(60)))
    with pytest.raises(ConfigError) as caught:
        load_pipeline(path, registry=registry)
    assert str(caught.value).startswith(f"{path} is not a valid pipeline: 60 problems\n")
    assert str(caught.value).endswith("… and 10 more")
