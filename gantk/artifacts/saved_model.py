"""SavedModel, the format of TensorFlow Serving, Lite and JS."""

from __future__ import annotations

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


def write_saved_model(
    folder: Path, network: keras.Model, size: tuple[int, int] | None, facts: Mapping[str, Any]
) -> None:
    """Write a network into a folder, with one signature, `serving_default`.

    Args:
        folder: An empty folder.
        network: The network.
        size: Height and width; None for any.
        facts: What `export_facts` gives.

    Raises:
        RunFailed: The network cannot be written so.
    """
    import tensorflow as tf

    function = trace_network(network, size, input_name=facts["input"]["name"], output_name=facts["output"]["name"])
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


def load_saved_model(folder: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return a SavedModel's signature as a function of images."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures[_SIGNATURE]
    (name,) = signature.structured_input_signature[1]
    (result,) = signature.structured_outputs

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(signature(**{name: tf.constant(images)})[result].numpy())

    # The weights are freed with the object that was loaded, whatever its signature still needs.
    run.loaded = loaded  # type: ignore[attr-defined]
    return run
