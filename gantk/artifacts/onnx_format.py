"""ONNX: writing a network by tf2onnx, and running the file by ONNX Runtime."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gantk.artifacts.traced_network import told, trace_network
from gantk.artifacts.weights import weight_names
from gantk.errors import PluginError, RunFailed

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

METADATA_PREFIX = "gantk."
_PACKAGES = ("onnx", "onnxruntime", "tf2onnx")
_HINT = "A layer of a plugin may ask `gantk.exporting()` and take operations that ONNX has."


def require_onnx() -> None:
    """Make sure that what writes and runs ONNX is installed. Imports nothing.

    Raises:
        PluginError: A package is missing.
    """
    missing = [package for package in _PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        raise PluginError(
            f"Writing ONNX needs the packages {', '.join(_PACKAGES)}.\nReceived: an environment without "
            f"{', '.join(missing)}",
            hint="Install them: pip install 'gantk[onnx]'",
        )


def onnx_bytes(network: keras.Model, facts: Mapping[str, Any], *, opset: int) -> bytes:
    """Return a network as the content of an ONNX file.

    Args:
        network: The network.
        facts: What `export_facts` gives: names and shapes of inputs and output, and what goes into the metadata, each value as
            text or JSON under its key with the prefix `gantk.`.
        opset: Version of the operators.

    Raises:
        RunFailed: An operation of the network cannot be written.
    """
    import onnx
    import tf2onnx

    kernels = [
        (name, variable)
        for name, variable in zip(weight_names(network), network.weights, strict=True)
        if len(variable.shape) > 1
    ]
    arguments = {f"weight_{index}": variable for index, (_, variable) in enumerate(kernels)}
    function = trace_network(
        network,
        inputs=facts["inputs"],
        output_name=facts["output"]["name"],
        arguments=arguments,
    )
    with _quiet("tf2onnx"):
        try:
            model, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=opset)
            _insert_weights(model.graph, dict(zip(arguments, kernels, strict=True)), kept=len(facts["inputs"]))
            onnx.checker.check_model(model, full_check=True)
        # tf2onnx, TensorFlow and the checker have no class of error in common.
        except Exception as error:
            raise RunFailed(
                f"The network {network.name!r} must consist of operations that ONNX has (opset {opset}). "
                f"Received: {told(error)}",
                hint=_HINT,
            ) from error
    for value, taken in zip(model.graph.input, facts["inputs"], strict=True):
        _name_dimensions(value, taken["shape"])
    _name_dimensions(model.graph.output[0], facts["output"]["shape"])
    model.graph.name = f"{facts['model']}_{facts['direction']}"
    colours = f"images of {facts['colour_range'][0]:g} to {facts['colour_range'][1]:g}"
    model.doc_string = f"{facts['from']} to {facts['to']}: {colours}"
    if "size_multiple" in facts:
        model.doc_string += (
            f", height and width multiples of {facts['size_multiple']} and at least {facts['smallest_size']}"
            + (f"; {facts['scale']} times as high and wide at the output." if facts.get("scale", 1) > 1 else ".")
        )
    else:
        model.doc_string += f" of {facts['distribution']} latent vectors" + (
            " and one-hot labels." if facts["classes"] else "."
        )
    onnx.helper.set_model_props(
        model,
        {
            METADATA_PREFIX + key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for key, value in facts.items()
        },
    )
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _insert_weights(graph: Any, weights: Mapping[str, tuple[str, keras.Variable]], kept: int) -> None:
    """Make arrays in the file of the weights that the graph takes beside its inputs.

    They are arguments while tf2onnx works, since it copies all constants of a graph dozens of times: 13 GB for a
    network of 200 MB. Transpositions of them, which it leaves to the runtime, are done here once.

    Args:
        graph: An ONNX graph whose first arguments are the inputs.
        weights: Name in the file and weight, by the name of its argument.
        kept: How many inputs there are.
    """
    import onnx

    nodes, arrays, renamed = [], {}, {}
    for node in graph.node:
        if node.op_type == "Transpose" and node.input[0] in weights:
            name, variable = weights[node.input[0]]
            order = list(node.attribute[0].ints)
            renamed[node.output[0]] = f"{name}:{''.join(map(str, order))}"
            arrays[renamed[node.output[0]]] = np.ascontiguousarray(np.transpose(_array(variable), order))
        else:
            nodes.append(onnx.NodeProto.FromString(node.SerializeToString()))
    for node in nodes:
        for index, value in enumerate(node.input):
            if value in weights:
                name, variable = weights[value]
                arrays[name] = _array(variable)
                node.input[index] = name
            else:
                node.input[index] = renamed.get(value, value)
    del graph.node[:], graph.input[kept:]
    graph.node.extend(nodes)
    graph.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in arrays.items())


def _array(variable: keras.Variable) -> NDArray[Any]:
    from keras import ops

    return np.asarray(ops.convert_to_numpy(variable))


def load_onnx(path: Path) -> Callable[..., NDArray[np.float32]]:
    """Return an ONNX file as a function of its inputs, computed by ONNX Runtime on the CPU.

    Raises:
        RunFailed: ONNX Runtime cannot load the file, or cannot run it.
    """
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise RunFailed(f"ONNX Runtime must be able to load the model. Received: {error}", hint=_HINT) from error
    names = [taken.name for taken in session.get_inputs()]

    def run(*arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            return np.asarray(session.run(None, dict(zip(names, arrays, strict=True)))[0])
        except Exception as error:
            shapes = " and ".join(str(array.shape) for array in arrays)
            raise RunFailed(
                f"ONNX Runtime must be able to run the model on inputs of shape {shapes}. Received: {error}",
                hint=_HINT,
            ) from error

    return run


def _name_dimensions(value: Any, shape: list[int | str]) -> None:
    """Give the dimensions of an input or output names, or numbers where they are known."""
    for dimension, size in zip(value.type.tensor_type.shape.dim, shape, strict=True):
        dimension.Clear()
        if isinstance(size, int):
            dimension.dim_value = size
        else:
            dimension.dim_param = size


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep a library's log off the terminal while an error is still told."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
