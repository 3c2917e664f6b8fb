"""Keras' HDF5 files: weights alone, of old Keras or of Keras 3, or a whole model of old Keras.

The HDF5 library reads only what describes the tensors, and does it in another process (see `hdf5_description`); their
elements are read from the file here, at the places it says, after these have been compared with the size of the file. So
nothing is followed into other files (external links, external storage, virtual data sets), no filter of a plugin is
loaded, and what is packed cannot become larger than it claims to be. Of attributes, such as a model's configuration,
nothing is read: texts in them may be larger than the file.

Three layouts are known, and told by what the file holds:

- `save_weights` of old Keras has an attribute `layer_names`, and repeats a layer's name in those of its weights:
  `conv2d_1/conv2d_1/kernel:0`, which is called `conv2d_1/kernel` here.
- A whole model of old Keras has the same under `model_weights`; the state of the optimizer, beside it, is left out.
- `.weights.h5` of Keras 3, and any other tree: each data set by its path, `layers/conv2d_1/vars/0`, without what lies
  under `optimizer`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gantk.artifacts.foreign import hdf5_description
from gantk.artifacts.foreign.contents import Contents
from gantk.artifacts.foreign.hdf5_tensor import locate_tensor
from gantk.artifacts.foreign.stored_tensor import Storage, StoredTensor, Unreadable
from gantk.errors import UsageError

NAME = "Keras HDF5 file"
SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SECONDS = 120
# Weights of a network hardly compress; a file that describes far more than it holds is hostile.
_MOST_OFTEN_DESCRIBED = 8


def recognises(path: Path, beginning: bytes) -> bool:
    """Say whether a file begins as an HDF5 file without a user block."""
    return beginning.startswith(SIGNATURE)


def read(path: Path) -> Contents:
    """Read the description of the tensors; their elements are read when asked for.

    Raises:
        UsageError: It holds no tensor.
        Unreadable: It is damaged or hostile, points to other files, or holds tensors that cannot be read.
    """
    layout, described = _described(path)
    size, total = path.stat().st_size, 0
    tensors: dict[str, StoredTensor] = {}
    places: dict[str, Callable[[], bytes]] = {}
    for facts in sorted(described, key=lambda facts: _in_numeric_order(facts["path"])):
        name = facts["path"] if layout == "tree" else _without_repetition(facts["path"])
        if name in tensors:
            raise Unreadable(f"tensors must have different names. Received: two of {name!r}")
        tensors[name], places[name] = locate_tensor(name, facts, path, size)
        total += tensors[name].storage.bytes
        if total > _MOST_OFTEN_DESCRIBED * size:
            raise Unreadable(
                f"tensors must not describe more than {_MOST_OFTEN_DESCRIBED} times what the file holds. "
                f"Received: {total} bytes in {size}"
            )
    if not tensors:
        raise UsageError(
            f"{path}: an HDF5 file that holds the weights of a network is needed. Received: one without any tensor",
            hint="With Keras: model.save_weights('model.weights.h5').",
        )

    def load(storage: Storage) -> bytes:
        return places[storage.key]()

    return Contents(NAME, {"model_weights": tensors} if layout == "model" else tensors, load)


def _described(path: Path) -> tuple[str, list[dict[str, Any]]]:
    program = Path(hdf5_description.__file__)
    # The name of no filter leads to a library; one thread reserves less memory.
    environment = {**os.environ, "HDF5_PLUGIN_PRELOAD": "::", "OPENBLAS_NUM_THREADS": "1"}
    try:
        ended = subprocess.run(
            [sys.executable, "-P", str(program), str(path.absolute())],
            capture_output=True,
            timeout=_SECONDS,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unreadable(f"its description must be read in {_SECONDS} seconds. Received: no end") from None
    try:
        found: Any = json.loads(ended.stdout)
    except ValueError:
        last = ended.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
        raise Unreadable(
            f"an HDF5 file must be whole. Received: one on which the HDF5 library breaks off, with "
            f"{last or f'status {ended.returncode}'}"
        ) from None
    if "refused" in found:
        raise Unreadable(str(found["refused"]))
    if "damaged" in found:
        raise Unreadable(f"an HDF5 file must be whole. Received: {found['damaged']}")
    return found["layout"], found["tensors"]


def _without_repetition(path: str) -> str:
    layer = path.partition("/")[0]
    return path.removeprefix(f"{layer}/" if path.startswith(f"{layer}/{layer}/") else "").removesuffix(":0")


def _in_numeric_order(path: str) -> list[list[str | int]]:
    """Return what sorts groups and tensors by name, `conv2d_2` before `conv2d_10`."""
    split = [list(re.split(r"([0-9]{1,9})", name)) for name in path.split("/")]
    return [[int(part) if place % 2 else part for place, part in enumerate(parts)] for parts in split]
