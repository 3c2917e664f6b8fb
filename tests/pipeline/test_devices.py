import os
import subprocess
import sys
from pathlib import Path

import pytest

from gantk.pipeline import devices


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a command of a name on the path that prints a text."""

    def make(name: str, text: str, code: int = 0) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit {code}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return make


def test_this_machine_has_a_processor_cores_and_memory() -> None:
    found = devices.describe_devices()
    assert found["cpu"]
    assert 1 <= found["cores"] <= 4096
    assert found["memory_bytes"] >= 256 << 20


def test_the_processor_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel name\t: Fast: 9000\nprocessor\t: 1\nmodel name\t: Fast: 9000\n")
    monkeypatch.setattr(devices, "_PROCESSORS", file)
    assert devices.describe_devices()["cpu"] == "Fast: 9000"


def test_a_processor_without_a_name_has_its_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command
) -> None:
    monkeypatch.setattr(devices, "_PROCESSORS", tmp_path / "missing")
    command("sysctl", "", code=1)
    assert devices.describe_devices()["cpu"]
    command("sysctl", "Apple M9")
    assert devices.describe_devices()["cpu"] == "Apple M9"


def test_a_control_group_with_less_memory_is_what_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit, none = tmp_path / "limit", tmp_path / "none"
    limit.write_text("1048576\n")
    none.write_text("max\n")
    monkeypatch.setattr(devices, "_MEMORY_LIMITS", (none, tmp_path / "missing"))
    machine = devices.describe_devices()["memory_bytes"]
    assert machine == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    monkeypatch.setattr(devices, "_MEMORY_LIMITS", (none, limit))
    assert devices.describe_devices()["memory_bytes"] == 1 << 20


def test_graphics_processors_are_named_with_their_memory(command) -> None:
    command("nvidia-smi", "NVIDIA T1, 15360, 570.1\nNVIDIA T2, [N/A], 570.1")
    assert devices.describe_devices()["gpus"] == [
        {"name": "NVIDIA T1", "memory_bytes": 15360 << 20, "driver": "570.1"},
        {"name": "NVIDIA T2", "memory_bytes": None, "driver": "570.1"},
    ]


def test_a_broken_driver_is_no_graphics_processor(command) -> None:
    command("nvidia-smi", "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver", code=9)
    assert devices.describe_devices()["gpus"] == []


def test_no_framework_is_imported() -> None:
    program = (
        "import sys; from gantk.pipeline.devices import describe_devices; describe_devices();"
        "assert not {'tensorflow', 'jax', 'keras', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
