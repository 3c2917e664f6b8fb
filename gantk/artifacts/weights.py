"""The weights of a network under names that are the same in every process and on every backend."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.errors import RunFailed

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

_NUMBERED = re.compile(r"(.+?)_\d+\Z")
_STORED_AS_FLOAT32 = ("bfloat16", "float8_e4m3fn", "float8_e5m2")
_LISTED_DIFFERENCES = 8


def weight_names(network: keras.Model) -> list[str]:
    """Return a name for every weight, in the order of `network.weights`.

    Keras numbers the layers of a process as they are made (`conv2d_17`). Here the layers inside one
    parent are numbered afresh in the order of their weights (`conv2d`, `conv2d_1`), so the names follow
    from the architecture alone.
    """
    layer_names: dict[tuple[str, str], str] = {}
    layer_counts: dict[tuple[str, str], int] = {}
    names: list[str] = []
    used: dict[str, int] = {}
    for variable in network.weights:
        *layers, leaf = variable.path.split("/")
        parent = ""
        for layer in layers:
            if (parent, layer) not in layer_names:
                numbered = _NUMBERED.match(layer)
                base = numbered.group(1) if numbered else layer
                count = layer_counts.get((parent, base), 0)
                layer_counts[parent, base] = count + 1
                layer_names[parent, layer] = f"{base}_{count}" if count else base
            parent = f"{parent}/{layer_names[parent, layer]}" if parent else layer_names[parent, layer]
        name = f"{parent}/{leaf}" if parent else leaf
        repetition = used.get(name, 0)
        used[name] = repetition + 1
        names.append(f"{name}#{repetition}" if repetition else name)
    return names


def read_weights(network: keras.Model) -> dict[str, NDArray[Any]]:
    """Return a copy of every weight by its name (`weight_names`).

    Types that NumPy does not have (bfloat16) come as float32, which holds all their values exactly.
    """
    import keras

    arrays = {}
    for name, variable in zip(weight_names(network), network.weights, strict=True):
        value = variable.value
        if keras.backend.standardize_dtype(variable.dtype) in _STORED_AS_FLOAT32:
            value = keras.ops.cast(value, "float32")
        array = np.asarray(keras.ops.convert_to_numpy(value))
        # A copy in C order: the caller may change the network while the arrays are written. (Not
        # `ascontiguousarray`, which gives a scalar a dimension.)
        arrays[name] = np.array(array, order="C")
    return arrays


def assign_weights(network: keras.Model, arrays: Mapping[str, NDArray[Any]], *, origin: str) -> None:
    """Set every weight of a network to the array of its name; all of them or, on an error, none.

    Args:
        network: A built network.
        arrays: What `read_weights` gave for a network of the same architecture.
        origin: Where the arrays come from, for the error.

    Raises:
        RunFailed: A weight is missing, left over, or of another shape; the message names them.
    """
    names = weight_names(network)
    shapes = {name: tuple(variable.shape) for name, variable in zip(names, network.weights, strict=True)}
    differences = [f"{name}: expected by the network, not in the file" for name in names if name not in arrays]
    differences += [f"{name}: in the file, unknown to the network" for name in arrays if name not in shapes]
    differences += [
        f"{name}: expected shape {shape}, received {arrays[name].shape}"
        for name, shape in shapes.items()
        if name in arrays and arrays[name].shape != shape
    ]
    if differences:
        listed = "\n".join(f"  {difference}" for difference in differences[:_LISTED_DIFFERENCES])
        more = len(differences) - _LISTED_DIFFERENCES
        raise RunFailed(
            f"{origin}: the weights do not fit the network that this gantk builds:\n{listed}"
            + (f"\n  and {more} more" if more > 0 else ""),
            hint="The plugin that builds the network has changed since: install the version the bundle names.",
        )
    for name, variable in zip(names, network.weights, strict=True):
        variable.assign(arrays[name])
