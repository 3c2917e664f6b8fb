"""What a machine computes with, asked of the system and not of a framework, which would take hold of the GPUs."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

_PROCESSORS = Path("/proc/cpuinfo")
_MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_NVIDIA_QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits")


def describe_devices() -> dict[str, Any]:
    """Return the processor, the memory and the NVIDIA GPUs of this machine as plain values.

    Returns:
        `cpu` and `cores` (those this process may use), `memory_bytes` (what the machine has, or what the
        process's control group may use where that is less), and `gpus`: name, memory in bytes and driver.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _processor_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": min([memory, *_memory_limits()]),
        "gpus": _nvidia_gpus(),
    }


def _processor_name() -> str:
    """Return the name that the system gives the processor; where there is none, its architecture."""
    try:
        for line in _PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    except OSError:
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor() or platform.machine()
    return platform.processor() or platform.machine()


def _memory_limits() -> list[int]:
    limits = []
    for file in _MEMORY_LIMITS:
        try:
            limits.append(int(file.read_text(encoding="ascii")))
        except (OSError, ValueError):
            # No such version of control groups, or the word `max`: no limit.
            continue
    return limits


def _nvidia_gpus() -> list[dict[str, Any]]:
    gpus = []
    for line in _output(*_NVIDIA_QUERY).splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 3:
            name, mebibytes, driver = fields
            gpus.append(
                {"name": name, "memory_bytes": int(mebibytes) << 20 if mebibytes.isdigit() else None, "driver": driver}
            )
    return gpus


def _output(*command: str) -> str:
    """Return what a command prints; nothing where it is missing, fails or hangs."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
