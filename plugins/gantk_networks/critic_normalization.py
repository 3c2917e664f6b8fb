"""The normalizations that a critic may have inside."""

from __future__ import annotations

from keras import layers

from gantk_networks.convolutions import normalization


def critic_normalization(kind: str, *, name: str) -> layers.Layer:
    """Make a normalization layer.

    Args:
        kind: `layer`: each image by mean and variance over all its positions and channels, then a learned scale and offset
            by channel (Ba 2016), which a gradient penalty bears (Gulrajani 2017, section 4); or `batch`, `none`.
        name: Name of the layer.
    """
    if kind == "layer":
        return layers.GroupNormalization(groups=1, epsilon=1e-5, name=name)
    return normalization(kind, name=name)
