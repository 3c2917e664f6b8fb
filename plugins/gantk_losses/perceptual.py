"""Perceptual loss (Ledig 2017, equation 5; Wang 2018, section 3.4; after Johnson 2016)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from gantk import ConfigError, FeatureNetwork
from gantk_losses.options import PerceptualOptions


class PerceptualLoss:
    """The distance between two images in the inner layers of a trained network.

        Σ_l w_l · mean |s (φ_l(y) - φ_l(ŷ))|ᵖ,

    with the network's layers φ_l, the weights w_l of `layers`, s = `feature_scale`, and p = 1 (`l1`) or 2 (`l2`). The mean is
    over batch, positions and channels, as the codes of both papers have it; equation 5 of Ledig 2017 divides by the
    positions alone.

    The network is read once, when the loss is made. It is frozen, computes in float32 whatever the model's arithmetic,
    and is no part of the model: neither optimizers, moving averages, checkpoints nor bundles hold it. Nothing is
    differentiated through the target.

    Args:
        options: The network, the layers and the distance.

    Raises:
        RunFailed: The network's weights are missing or damaged, or cannot be downloaded.

    Reference:
        Ledig 2017, equation 5, https://arxiv.org/abs/1609.04802; Wang 2018, section 3.4,
        https://arxiv.org/abs/1809.00219
    """

    def __init__(self, options: PerceptualOptions) -> None:
        self._options = options
        self._layers = options.taps
        source: FeatureNetwork = options.features.create()
        self._preprocessing = source.preprocessing
        self._network = source.build(tuple(self._layers))

    def __call__(self, target: Any, prediction: Any) -> Any:
        """Return the loss of two batches, a float32 scalar.

        Args:
            target: Images in [-1, 1] of any float dtype, batch × height × width × 1 or 3; grey is given to all channels.
            prediction: Of the same shape.

        Raises:
            ConfigError: The images are too small for a layer, or neither grey nor of three channels.
        """
        self._check(prediction.shape)
        with _unfolded(self._network):
            wanted = self._features(ops.stop_gradient(target))
            found = self._features(prediction)
        loss: Any = 0.0
        for weight, one, other in zip(self._layers.values(), wanted, found, strict=True):
            difference = self._options.feature_scale * (ops.stop_gradient(one) - other)
            distances = ops.abs(difference) if self._options.distance == "l1" else ops.square(difference)
            loss = loss + weight * ops.mean(distances)
        return loss

    def _features(self, images: Any) -> list[Any]:
        images = ops.cast(images, "float32")
        if images.shape[-1] == 1:
            images = ops.concatenate([images] * 3, axis=-1)
        outputs = self._network(self._preprocessing((images + 1) * 127.5), training=False)
        return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]

    def _check(self, shape: tuple[int | None, ...]) -> None:
        height, width, channels = shape[1:]
        name = self._options.features.name
        if channels not in (1, 3):
            raise ConfigError(f"The loss `perceptual` takes images of 1 or 3 channels.\nReceived: {channels}")
        smallest = max(self._options.features.options.layers[layer] for layer in self._layers)
        if any(side is not None and side < smallest for side in (height, width)):
            raise ConfigError(
                f"The loss `perceptual` with {', '.join(self._layers)} of {name} takes images with sides of at least "
                f"{smallest} pixels.\nReceived: {width} × {height}",
                hint="Take larger crops, or layers nearer to the input.",
            )


@contextmanager
def _unfolded(network: keras.Model) -> Iterator[None]:
    """Keep XLA from computing with the network's weights while it compiles.

    On JAX variables that are no state of the compiled step are constants of it, and XLA turns the kernels of a VGG
    for all of its convolutions in advance: minutes on two cores.
    """
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    values = jax.lax.optimization_barrier([variable.value for variable in network.variables])
    with keras.StatelessScope(state_mapping=list(zip(network.variables, values, strict=True))):
        yield
