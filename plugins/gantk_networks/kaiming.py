"""Convolutions with the first values of He 2015 (Kaiming), and with those that PyTorch gives by default."""

from __future__ import annotations

from typing import Any

from keras import initializers, layers


def kaiming_convolution(filters: int, size: int, *, factor: float = 1.0, **options: Any) -> layers.Conv2D:
    """Make a convolution that keeps the size, with weights from N(0, factor² · 2 / fan-in) and zero biases.

    Args:
        filters: Output channels.
        size: Odd height and width of the kernel.
        factor: Multiplies the weights; ESRGAN takes 0.1 in its residual blocks, which then begin near the identity.
        options: Further arguments of `keras.layers.Conv2D`.

    Reference:
        He 2015, equation 10, https://arxiv.org/abs/1502.01852; Wang 2018, section 3.1.
    """
    kernel = initializers.VarianceScaling(scale=2 * factor**2, mode="fan_in", distribution="untruncated_normal")
    return layers.Conv2D(filters, size, padding="same", kernel_initializer=kernel, **options)


def uniform_convolution(filters: int, size: int, **options: Any) -> layers.Conv2D:
    """Make a convolution that keeps the size, with weights from U(-b, b), b = 1 / √fan-in, and zero biases.

    PyTorch draws a convolution's weights so unless told otherwise, and its biases likewise.
    """
    return layers.Conv2D(filters, size, padding="same", kernel_initializer=pytorch_uniform(), **options)


def pytorch_uniform() -> initializers.Initializer:
    """Return U(-b, b) with b = 1 / √fan-in: variance 1 / (3 · fan-in)."""
    return initializers.VarianceScaling(scale=1 / 3, mode="fan_in", distribution="uniform")


def prelu(name: str) -> layers.PReLU:
    """Make a rectifier that learns the slope of negative values, one a channel, shared over space; at first ¼.

    Reference:
        He 2015, equation 1.
    """
    return layers.PReLU(alpha_initializer=initializers.Constant(0.25), shared_axes=(1, 2), name=name)
