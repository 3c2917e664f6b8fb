"""Feature networks worked out in float64 NumPy, and small random weights for them in the real layouts."""

from __future__ import annotations

import numpy as np

VGG16 = (2, 2, 3, 3, 3)
VGG19 = (2, 2, 4, 4, 4)
"""Convolutions of each stage."""

# Widths of a VGG's five stages and of EfficientNet-lite0's 16 blocks, much reduced.
VGG_WIDTHS = (4, 5, 6, 7, 8)
BLOCK_WIDTHS = (2, 3, 3, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7, 7, 7, 8)
BLOCK_SIDES = (3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3)


def vgg_arrays(counts: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Draw weights of a VGG with LPIPS heads."""
    random = np.random.default_rng(11)
    arrays: dict[str, np.ndarray] = {}
    channels = 3
    widths = [width for width, count in zip(VGG_WIDTHS, counts, strict=True) for _ in range(count)]
    for number, width in enumerate(widths):
        arrays[f"conv{number}/kernel"] = random.normal(0, 0.4, (3, 3, channels, width)).astype("float32")
        arrays[f"conv{number}/bias"] = random.normal(0, 0.1, width).astype("float32")
        channels = width
    for number, width in enumerate(VGG_WIDTHS):
        arrays[f"lin{number}/kernel"] = random.uniform(0.1, 1, (1, 1, width, 1)).astype("float32")
    return arrays


def efficientnet_arrays() -> dict[str, np.ndarray]:
    """Draw weights of EfficientNet-lite0 with its classifier, under PyTorch's names."""
    random = np.random.default_rng(12)
    arrays: dict[str, np.ndarray] = {}

    def convolution(name: str, norm: str, outputs: int, inputs: int, side: int) -> None:
        deviation = 1.5 / np.sqrt(inputs * side * side)
        arrays[f"{name}.weight"] = random.normal(0, deviation, (outputs, inputs, side, side)).astype("float32")
        arrays[f"{norm}.weight"] = random.uniform(0.5, 1.5, outputs).astype("float32")
        arrays[f"{norm}.bias"] = random.normal(0, 0.2, outputs).astype("float32")
        arrays[f"{norm}.running_mean"] = random.normal(0, 0.2, outputs).astype("float32")
        arrays[f"{norm}.running_var"] = random.uniform(0.5, 2, outputs).astype("float32")
        arrays[f"{norm}.num_batches_tracked"] = np.array(7)

    convolution("_conv_stem", "_bn0", 4, 3, 3)
    channels = 4
    for number, (width, side) in enumerate(zip(BLOCK_WIDTHS, BLOCK_SIDES, strict=True)):
        block = f"_blocks.{number}."
        inner = channels * (1 if number == 0 else 2)
        if number > 0:
            convolution(f"{block}_expand_conv", f"{block}_bn0", inner, channels, 1)
        convolution(f"{block}_depthwise_conv", f"{block}_bn1", inner, 1, side)
        convolution(f"{block}_project_conv", f"{block}_bn2", width, inner, 1)
        channels = width
    convolution("_conv_head", "_bn1", 9, channels, 1)
    arrays["_fc.weight"] = random.normal(0, 1, (3, 9)).astype("float32")
    arrays["_fc.bias"] = random.normal(0, 1, 3).astype("float32")
    return arrays


def convolved(image: np.ndarray, kernel: np.ndarray, stride: int = 1, depthwise: bool = False) -> np.ndarray:
    """Convolve with zero padding as TensorFlow's SAME: kernel height × width × inputs × outputs (or × 1)."""
    side = kernel.shape[0]
    outputs = [-(-length // stride) for length in image.shape[:2]]
    padding = [max((out - 1) * stride + side - length, 0) for out, length in zip(outputs, image.shape[:2], strict=True)]
    around = np.pad(image, [(total // 2, total - total // 2) for total in padding] + [(0, 0)])
    result = np.zeros((*outputs, kernel.shape[2] if depthwise else kernel.shape[3]))
    for row in range(outputs[0]):
        for column in range(outputs[1]):
            patch = around[row * stride : row * stride + side, column * stride : column * stride + side]
            if depthwise:
                result[row, column] = (patch * kernel[..., 0]).sum(axis=(0, 1))
            else:
                result[row, column] = np.tensordot(patch, kernel, axes=3)
    return result


def vgg_layers(image: np.ndarray, arrays: dict[str, np.ndarray], counts: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Compute every layer of a VGG of a prepared image, height × width × 3: a pooling stands before every further stage."""
    features = image.astype(np.float64)
    layers = {}
    number = 0
    for stage, count in enumerate(counts, 1):
        if stage > 1:
            height, width = (length // 2 * 2 for length in features.shape[:2])
            features = features[:height, :width].reshape(height // 2, 2, width // 2, 2, -1).max(axis=(1, 3))
        for place in range(1, count + 1):
            kernel, bias = arrays[f"conv{number}/kernel"], arrays[f"conv{number}/bias"]
            layers[f"conv{stage}_{place}"] = convolved(features, kernel.astype(np.float64)) + bias
            layers[f"relu{stage}_{place}"] = features = np.maximum(layers[f"conv{stage}_{place}"], 0)
            number += 1
    return layers


def torchvision(levels: np.ndarray) -> np.ndarray:
    """Prepare levels 0 … 255 as torchvision's networks want them."""
    return (levels / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])


def caffe(levels: np.ndarray) -> np.ndarray:
    """Prepare levels 0 … 255 as the networks of VGG's authors want them: blue, green and red less their means."""
    return levels[..., [2, 1, 0]] - np.array([103.939, 116.779, 123.68])
