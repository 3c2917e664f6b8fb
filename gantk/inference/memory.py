"""Whether a picture fits in the memory, asked before it is tried: on a CPU the system ends a process that takes too much."""

from __future__ import annotations

import math
from pathlib import Path

import keras

_PROBE_SIDE = 256
_HELD_AT_ONCE = 4
_FLOAT_BYTES = 4
# Measured with the paper's ResNet generator on pictures of 512² and 1024²: 880 to 1170 bytes a pixel on TensorFlow, where
# four of its largest feature maps take 1024, and 3640 on JAX.
_BACKEND_FACTOR = {"tensorflow": 1.25, "jax": 4.0}


def network_bytes_per_pixel(network: keras.Model, size_multiple: int = 1) -> float:
    """Estimate what a network needs beside its weights, in bytes for each pixel of its input.

    It is what the four largest feature maps take, which are about as many as are held at once; 0 for a network that is
    no graph of layers, of which nothing can be told.

    Args:
        network: From images of any size.
        size_multiple: What height and width are multiples of.
    """
    side = -(-_PROBE_SIDE // size_multiple) * size_multiple
    try:
        taps = keras.Model(network.inputs, [layer.output for layer in network.layers])
    except AttributeError:
        return 0.0
    image = keras.KerasTensor((1, side, side, network.input_shape[-1]))
    sizes = [math.prod(output.shape) for output in keras.tree.flatten(taps.compute_output_spec(image))]
    largest = sum(sorted(sizes)[-_HELD_AT_ONCE:])
    return _BACKEND_FACTOR[keras.backend.backend()] * _FLOAT_BYTES * largest / (side * side)


def available_bytes() -> int | None:
    """Return how much memory this process may still take; None where the system does not say (not Linux)."""
    known = [amount for amount in (_machine_bytes(), _group_bytes()) if amount is not None]
    return min(known) if known else None


def _machine_bytes() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _group_bytes() -> int | None:
    """Return what the control group of a container leaves, with the file cache it can give back."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        if limit == "max":
            return None
        used = int((group / "memory.current").read_text())
        for line in (group / "memory.stat").read_text().splitlines():
            if line.startswith("inactive_file "):
                used -= int(line.split()[1])
        return max(0, int(limit) - used)
    except (OSError, ValueError, IndexError):
        return None
