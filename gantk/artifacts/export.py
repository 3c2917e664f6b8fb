"""Writing one direction of a model for another runtime, and making sure that it computes the same there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gantk import __version__
from gantk.artifacts.bundle import Bundle
from gantk.artifacts.metadata import NetworkRecord
from gantk.atomic_files import atomic_file, atomic_folder
from gantk.engine.latents import LatentOptions, latent_vectors
from gantk.errors import RunFailed, UsageError

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

ExportFormat = Literal["onnx", "savedmodel"]
Runtime = Callable[..., "NDArray[np.float32]"]

INPUT_NAME = "images"
OUTPUT_NAME = "translations"
LATENTS_NAME = "latents"
LABELS_NAME = "labels"
MADE_NAME = "images"
OLDEST_OPSET, DEFAULT_OPSET, NEWEST_OPSET = 13, 17, 18
"""ONNX operator sets: of those that tf2onnx writes, the ones that hold what networks of images need."""

TOLERANCE = 1e-4
"""Largest difference between the model and what was written, of colours in [-1, 1]; an 8-bit level is 8e-3."""

_SMALLEST_SIDE = 64


@dataclass(frozen=True)
class Comparison:
    """What the written model and the model gave for one batch.

    Args:
        shape: Batch × height × width × channels: of the input, or of the images made of latent vectors.
        difference: The largest absolute difference of their outputs.
    """

    shape: tuple[int, ...]
    difference: float


@dataclass(frozen=True)
class Export:
    """A model that was written and compared.

    Args:
        path: The ONNX file or the SavedModel folder.
        direction: `AtoB` or `BtoA`.
        comparisons: One a size.
    """

    path: Path
    format: ExportFormat
    direction: str
    comparisons: tuple[Comparison, ...]

    @property
    def difference(self) -> float:
        """The largest of all comparisons."""
        return max(comparison.difference for comparison in self.comparisons)


def export_model(
    bundle: Bundle,
    output: Path | str,
    *,
    format: ExportFormat,
    direction: str | None = None,
    size: tuple[int, int] | None = None,
    opset: int = DEFAULT_OPSET,
    tolerance: float = TOLERANCE,
    overwrite: bool = False,
) -> Export:
    """Write one direction of a model as ONNX or as a TensorFlow SavedModel.

    The written model takes `images` and gives `translations`: float32 in [-1, 1], batch × height × width × channels. Of a
    direction of latent vectors it takes `latents`, float32, batch × size, and with classes `labels`, one-hot, float32, batch ×
    classes, and gives `images`. Before it gets its name it is loaded and compared with the model, at two sizes of which one
    is not square, or for one size with two numbers of images. It carries what the bundle says of itself (`export_facts`): an ONNX file
    in its metadata, a SavedModel in `assets.extra/gantk.json`.

    Args:
        bundle: The model.
        output: The file (ONNX) or folder (SavedModel) to write.
        format: `onnx` or `savedmodel`.
        direction: `AtoB` or `BtoA`; by default as `Bundle.direction`.
        size: Height and width of the only size it shall take; by default it takes any that the network does.
        opset: Version of the ONNX operators, from 13 to 18.
        tolerance: The largest difference from the model.
        overwrite: Replace a file, or a folder that is a SavedModel.

    Raises:
        UsageError: There is something at `output`, or an unknown direction, or a size that the network does not take.
        PluginError: A package for the format, or the plugin of the network, is missing.
        RunFailed: The network cannot be written so, or the written model differs from it; nothing is left behind. Or
            Keras runs on another backend than TensorFlow.
    """
    output = Path(output)
    direction = bundle.direction(direction)
    record = bundle.metadata.networks[direction]
    check_size(bundle, direction, size)
    check_output(output, format=format, overwrite=overwrite)
    if format == "onnx":
        from gantk.artifacts.onnx_format import require_onnx

        require_onnx()
    _require_tensorflow()
    network = bundle.network(direction)
    facts = export_facts(bundle, direction, size)
    output.parent.mkdir(parents=True, exist_ok=True)
    batches = compared_batches(record, size)
    if format == "onnx":
        from gantk.artifacts.onnx_format import load_onnx, onnx_bytes

        with atomic_file(output) as stream:
            stream.write(onnx_bytes(network, facts, opset=opset))
            stream.flush()
            comparisons = compare(network, load_onnx(Path(stream.name)), batches, tolerance, "ONNX Runtime")
    else:
        from gantk.artifacts.saved_model import load_saved_model, write_saved_model

        with atomic_folder(output, replace=overwrite) as folder:
            write_saved_model(folder, network, facts)
            comparisons = compare(network, load_saved_model(folder), batches, tolerance, "the SavedModel")
    return Export(output, format, direction, comparisons)


def export_facts(bundle: Bundle, direction: str, size: tuple[int, int] | None = None) -> Mapping[str, Any]:
    """Return what an exported model says of itself, as plain JSON values."""
    about = bundle.metadata
    record = about.networks[direction]
    of_images = record.latents is None
    source, _, target = direction.partition("to") if of_images else (LATENTS_NAME, "", MADE_NAME)
    return {
        "gantk": __version__,
        "model": about.model,
        "direction": direction,
        "from": about.domain_names.get(source, source),
        "to": about.domain_names.get(target, target),
        "inputs": [tensor_facts(name, shape) for name, shape in _inputs(record, size).items()],
        "output": tensor_facts(OUTPUT_NAME if of_images else MADE_NAME, _output(record, size)),
        "colour_range": list(about.colour_range),
        "channel_order": "RGB" if record.output_channels == 3 and record.input_channels in (0, 3) else "as trained",
        **(
            {"size_multiple": record.size_multiple, "smallest_size": record.smallest_size}
            if record.latents is None
            else {"distribution": record.latents.distribution, "classes": list(record.latents.classes)}
        ),
        "scale": record.scale,
        "halo": record.halo,
        "generator": record.component.model_dump(mode="json"),
        "plugins": dict(about.plugins),
        "digest": bundle.digest,
        "licence": about.licence,
        "training": dict(about.training),
        "metrics": dict(about.metrics),
    }


def tensor_facts(name: str, shape: Sequence[int | str]) -> dict[str, Any]:
    """Return what an exported model says of an input or output; a dimension of any size has a name."""
    return {"name": name, "dtype": "float32", "shape": ["batch", *shape]}


def _inputs(record: NetworkRecord, size: tuple[int, int] | None) -> dict[str, tuple[int | str, ...]]:
    if record.latents is None:
        return {INPUT_NAME: (*(size or ("height", "width")), record.input_channels)}
    labels = {LABELS_NAME: (len(record.latents.classes),)} if record.latents.classes else {}
    return {LATENTS_NAME: (record.latents.size,), **labels}


def _output(record: NetworkRecord, size: tuple[int, int] | None) -> tuple[int | str, ...]:
    if record.latents is not None:
        return record.latents.height, record.latents.width, record.output_channels
    if size:
        return record.scale * size[0], record.scale * size[1], record.output_channels
    height, width = ("height", "width") if record.scale == 1 else (f"{record.scale}*height", f"{record.scale}*width")
    return height, width, record.output_channels


def compared_batches(
    record: NetworkRecord, size: tuple[int, int] | None
) -> tuple[tuple[NDArray[np.float32], ...], ...]:
    """Return two batches, each of all inputs, at which an exported network is compared with the model."""
    if record.latents is None:
        random = np.random.default_rng(0)
        return tuple((random.uniform(-1, 1, shape).astype(np.float32),) for shape in compared_shapes(record, size))
    options = LatentOptions(size=record.latents.size, distribution=record.latents.distribution)
    classes = len(record.latents.classes)
    one_hot = np.eye(classes, dtype=np.float32)
    return tuple(
        (latent_vectors(options, count, seed=count), *([one_hot[np.arange(count) % classes]] if classes else []))
        for count in (1, 3)
    )


def compared_shapes(record: NetworkRecord, size: tuple[int, int] | None) -> tuple[tuple[int, int, int, int], ...]:
    """Return the two shapes of batches of images at which an exported network is compared with the model."""
    channels = record.input_channels
    if size is not None:
        return (1, *size, channels), (2, *size, channels)
    multiple = record.size_multiple
    side = -(-max(record.smallest_size, _SMALLEST_SIDE) // multiple) * multiple
    step = -(-_SMALLEST_SIDE // 4 // multiple) * multiple
    return (1, side, side, channels), (2, side + step, side + 2 * step, channels)


def compare(
    network: keras.Model,
    runtime: Runtime,
    batches: Sequence[Sequence[NDArray[np.float32]]],
    tolerance: float,
    name: str,
) -> tuple[Comparison, ...]:
    """Compare a written network with the network itself.

    Args:
        network: The network.
        runtime: What was written, of as many arrays.
        batches: The inputs, some of each.
        tolerance: The largest difference allowed.
        name: What was written, in words.

    Raises:
        RunFailed: They differ by more than `tolerance`, in shape, or by values that are not finite.
    """
    from gantk.artifacts.compiled_network import compile_network, compile_synthesis

    comparisons = []
    with _full_float32():
        of_images = batches[0][0].ndim == 4
        function: Runtime = compile_network(network) if of_images else compile_synthesis(network)
        for inputs in batches:
            expected = function(*inputs)
            received = runtime(*inputs)
            shape = inputs[0].shape if of_images else expected.shape
            size = f"{shape[1]} × {shape[2]} pixels"
            if received.shape != expected.shape:
                raise RunFailed(
                    f"{name} must give results of the model's shape at {size}: {expected.shape}. "
                    f"Received: {received.shape}. Nothing was written."
                )
            difference = float(np.abs(received.astype(np.float64) - expected).max())
            # Not `>`: a difference that is no number is one, too.
            if not difference <= tolerance:
                raise RunFailed(
                    f"{name} must give the model's results to {tolerance:g} at {size}. "
                    f"Received: a difference of {difference:.3g}. Nothing was written.",
                    hint="Random layers at test, or an operation that the format defines otherwise, do this. "
                    "`--tolerance` allows more.",
                )
            comparisons.append(Comparison(shape, difference))
    return tuple(comparisons)


def check_output(output: Path, *, format: ExportFormat, overwrite: bool) -> None:
    """Refuse to write over what is there.

    Raises:
        UsageError: There is something that must not be replaced.
    """
    if not output.exists():
        return
    if format == "onnx" and output.is_dir():
        raise UsageError(f"An ONNX model is one file. Received: {output}, a folder", hint=f"-o {output / 'model.onnx'}")
    if format == "savedmodel" and not (output / "saved_model.pb").is_file():
        raise UsageError(
            f"A SavedModel is a new folder, or replaces another one. Received: {output}, which is something else",
            hint=f"-o {output / 'saved_model' if output.is_dir() else output.with_suffix('')}",
        )
    if not overwrite:
        raise UsageError(f"The output must not be there yet. Received: {output}", hint="--overwrite replaces it.")


def check_size(bundle: Bundle, direction: str, size: tuple[int, int] | None) -> None:
    """Refuse a size that the network of a direction does not take.

    Raises:
        UsageError: It is too small or no multiple of what the network needs, or the network takes no images.
    """
    record = bundle.metadata.networks[direction]
    if size is not None and record.latents is not None:
        raise UsageError(
            f"{bundle.path} makes images of latent vectors, all {record.latents.height} × {record.latents.width}. Received: "
            f"a size, {size[0]} × {size[1]}",
            hint="Leave the size out.",
        )
    multiple, smallest = record.size_multiple, record.smallest_size
    if size is not None and any(side < smallest or side % multiple for side in size):
        raise UsageError(
            f"{bundle.path} takes heights and widths that are multiples of {multiple} and at least {smallest}. "
            f"Received: {size[0]} × {size[1]}",
            hint="Without a size the export takes every one of them.",
        )


def _require_tensorflow() -> None:
    from keras import backend

    if backend.backend() != "tensorflow":
        raise RunFailed(
            f"Models are exported with TensorFlow. Received: a process whose Keras runs on {backend.backend()}",
            hint="Set KERAS_BACKEND=tensorflow before Keras is imported; the weights are the same.",
        )


def _full_float32() -> Any:
    """Return a block in which a GPU does not round float32 to 10 bits of mantissa before it multiplies."""
    import tensorflow as tf

    if not tf.config.experimental.tensor_float_32_execution_enabled():
        return nullcontext()
    from contextlib import ExitStack

    stack = ExitStack()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    stack.callback(tf.config.experimental.enable_tensor_float_32_execution, True)
    return stack
