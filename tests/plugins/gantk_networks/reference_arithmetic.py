"""The layers of the original code in plain float64 NumPy: NCHW, kernels laid out and padded as PyTorch does it.

Also gradients of Keras functions on either backend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def convolve(images: Array, kernel: Array, *, stride: int = 1, padding: int = 0) -> Array:
    """Cross-correlate; `kernel` is output channels × input channels × height × width."""
    images = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    size = kernel.shape[2]
    rows = (images.shape[2] - size) // stride + 1
    columns = (images.shape[3] - size) // stride + 1
    result = np.zeros((images.shape[0], kernel.shape[0], rows, columns))
    for row in range(rows):
        for column in range(columns):
            patch = images[:, :, row * stride : row * stride + size, column * stride : column * stride + size]
            result[:, :, row, column] = np.einsum("nchw,ochw->no", patch, kernel)
    return result


def convolve_transposed(
    images: Array, kernel: Array, *, stride: int = 2, padding: int = 1, output_padding: int = 0
) -> Array:
    """Spread every pixel by the kernel, input channels × output channels × height × width."""
    batch, _, height, width = images.shape
    size = kernel.shape[2]
    full = np.zeros(
        (
            batch,
            kernel.shape[1],
            (height - 1) * stride + size + output_padding,
            (width - 1) * stride + size + output_padding,
        )
    )
    for row in range(height):
        for column in range(width):
            spread = np.einsum("nc,cohw->nohw", images[:, :, row, column], kernel)
            full[:, :, row * stride : row * stride + size, column * stride : column * stride + size] += spread
    return full[:, :, padding : full.shape[2] - padding, padding : full.shape[3] - padding]


def reflect(images: Array, padding: int) -> Array:
    """Pad by reflection."""
    return np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)), mode="reflect")


def normalize(images: Array) -> Array:
    """Normalize every channel of every image, epsilon 1e-5."""
    mean = images.mean(axis=(2, 3), keepdims=True)
    return (images - mean) / np.sqrt(images.var(axis=(2, 3), keepdims=True) + 1e-5)


def relu(images: Array, slope: float = 0.0) -> Array:
    """Rectify; `slope` below zero."""
    return np.where(images > 0, images, slope * images)


def channels_last(images: Array) -> Array:
    """Return NCHW as NHWC."""
    return images.transpose(0, 2, 3, 1)


def channels_first(images: Array) -> Array:
    """Return NHWC as NCHW."""
    return images.transpose(0, 3, 1, 2)


def kernels(network: keras.Model, *, turned: bool) -> dict[str, Array]:
    """Return the kernels of a network by layer, laid out as PyTorch's; `turned` by 180 degrees or not."""
    found = {}
    for layer in network.layers:
        if hasattr(layer, "kernel"):
            kernel = keras.ops.convert_to_numpy(layer.kernel).astype("float64")
            found[layer.name] = (kernel[::-1, ::-1] if turned else kernel).transpose(3, 2, 0, 1)
    return found


def randomize(network: keras.Model, seed: int = 0) -> None:
    """Give every weight a value of ordinary size, biases too."""
    random = np.random.default_rng(seed)
    for variable in network.trainable_variables:
        deviation = 1 / np.sqrt(np.prod(variable.shape[:-1])) if len(variable.shape) > 1 else 0.3
        variable.assign(random.normal(1.0 if variable.name in ("scale", "gamma") else 0.0, deviation, variable.shape))


def gradient(fn: Callable[[Any], Any], x: NDArray[Any]) -> NDArray[Any]:
    """Differentiate a scalar function of a float32 tensor."""
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.grad(fn)(jax.numpy.asarray(x, "float32")))
    import tensorflow as tf

    tensor = tf.constant(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        result = fn(tensor)
    return tape.gradient(result, tensor).numpy()
