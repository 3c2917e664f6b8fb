"""The last layers of a discriminator that judges whole images, with numbers for classes or without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import initializers, layers

from gantk_networks.spectral_dense import SpectralDense


def judgements(
    features: Any, outputs: int, *, spectral: bool, kernel_initializer: Callable[[], initializers.Initializer]
) -> Any:
    """Turn features into the logit of real or generated and, behind it, a number for each class.

    The classes have a dense layer of their own, so that spectral normalization divides its matrix by its own largest
    singular value, as Miyato's code does with the embedding of labels.

    Args:
        features: batch × features.
        outputs: Numbers for each image: 1, or 1 + classes.
        spectral: Divide each matrix by its largest singular value.
        kernel_initializer: Makes the initializer of a matrix; biases start at zero.

    Returns:
        batch × outputs.

    Reference:
        Miyato 2018, cGANs with projection discriminator, https://arxiv.org/abs/1802.05637, equation 3.
    """
    dense = SpectralDense if spectral else layers.Dense
    judged = dense(1, kernel_initializer=kernel_initializer(), name="logits")(features)
    if outputs == 1:
        return judged
    of_classes = dense(outputs - 1, kernel_initializer=kernel_initializer(), name="class_outputs")(features)
    return layers.Concatenate(name="judgements")([judged, of_classes])
