"""SavedModel, the format of TensorFlow Serving, Lite and JS."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.artifacts.traced_network import told, trace_network
from gantk.atomic_files import write_json
from gantk.errors import RunFailed

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

FACTS = Path("assets.extra", "gantk.json")
"""Where the facts are in the folder: TensorFlow leaves `assets.extra` to its users."""

_SIGNATURE = "serving_default"


def write_saved_model(folder: Path, network: keras.Model, facts: Mapping[str, Any]) -> None:
    """Write a network into a folder, with one signature, `serving_default`.

    Args:
        folder: An empty folder.
        network: The network.
        facts: What `export_facts` gives.

    Raises:
        RunFailed: The network cannot be written so.
    """
    import tensorflow as tf

    function = trace_network(network, inputs=facts["inputs"], output_name=facts["output"]["name"])
    module = tf.Module()
    # What the function reads and is not held by the module would be refused.
    module.values = [variable.value for variable in network.variables]
    try:
        tf.saved_model.save(module, str(folder), signatures={_SIGNATURE: function})
    # TensorFlow has no class of its own for what it cannot trace or save.
    except Exception as error:
        raise RunFailed(
            f"The network {network.name!r} must be one that TensorFlow can save. Received: {told(error)}",
            hint="Does a layer hold values that Keras does not know of, or make variables when it is called?",
        ) from error
    (folder / FACTS).parent.mkdir()
    write_json(folder / FACTS, facts)


def load_saved_model(folder: Path) -> Callable[..., NDArray[np.float32]]:
    """Return a SavedModel's signature as a function of its inputs, in the order of the facts."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures[_SIGNATURE]
    names = [taken["name"] for taken in json.loads((folder / FACTS).read_text(encoding="utf-8"))["inputs"]]
    (result,) = signature.structured_outputs

    def run(*arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        given = {name: tf.constant(array) for name, array in zip(names, arrays, strict=True)}
        return np.asarray(signature(**given)[result].numpy())

    # The weights are freed with the object that was loaded, whatever its signature still needs.
    run.loaded = loaded  # type: ignore[attr-defined]
    return run
