"""Batch normalization whose scale and offset depend on labels (de Vries 2017, https://arxiv.org/abs/1707.00683)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="gantk_networks")
class ConditionalBatchNormalization(keras.layers.Layer):
    """Normalizes by the statistics of the batch, then scales and moves each channel as the image's label says.

        y = γ(label) · (x - mean) / √(variance + ε) + β(label),

    with a learned γ, 1 at first, and β, 0 at first, for each label and channel. A mixture of labels has the mixture of their
    γ and β. At test mean and variance are the averages kept while training, of all labels together.

    Args:
        momentum: Of the moving averages.
        epsilon: Added to the variance.

    Reference:
        Dumoulin 2017, https://arxiv.org/abs/1610.07629, equation 5; Miyato 2018, cGANs with projection discriminator,
        section 4 and its code.
    """

    def __init__(self, *, momentum: float = 0.9, epsilon: float = 2e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon
        self.normalization = keras.layers.BatchNormalization(
            momentum=momentum, epsilon=epsilon, center=False, scale=False, dtype=self.dtype_policy, name="normalization"
        )

    def build(self, input_shape: Any) -> None:
        features, labels = input_shape
        self.normalization.build(features)
        shape = (labels[-1], features[-1])
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros")
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Normalize.

        Args:
            inputs: `[features, labels]`: float, batch × height × width × channels, and batch × labels, one-hot.
            training: Use the statistics of this batch and keep their moving averages.

        Returns:
            Of the features' shape and dtype.
        """
        features, labels = inputs
        normal = self.normalization(features, training=training)
        labels = ops.cast(labels, normal.dtype)
        gamma, beta = (ops.matmul(labels, ops.cast(weight, normal.dtype)) for weight in (self.gamma, self.beta))
        return normal * gamma[:, None, None, :] + beta[:, None, None, :]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}
