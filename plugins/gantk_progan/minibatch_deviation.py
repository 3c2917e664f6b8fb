"""Minibatch standard deviation (Karras 2018, section 3, https://arxiv.org/abs/1710.10196)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="gantk_progan")
class MinibatchDeviation(keras.layers.Layer):
    """Lays one more feature map behind the others: how much the samples of a group differ.

    For each feature at each position the standard deviation over the group, √(variance + 1e-8); the mean of all of them is
    one number, which every sample of the group gets at every position. With N samples in M groups, sample k belongs to
    group k mod M, as in the authors' code. Computed in float32.

    Args:
        group: Samples of a group; a smaller batch is one group.

    Raises:
        ValueError: A batch that is larger than a group and does not divide into groups.
    """

    def __init__(self, group: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group = group

    def call(self, inputs: Any) -> Any:
        count, (height, width, channels) = inputs.shape[0], inputs.shape[1:]
        if count is None:
            # The size of the batch is known while the step runs only.
            count = ops.shape(inputs)[0]
            group: Any = ops.minimum(self.group, count)
        else:
            group = min(self.group, count)
            if count % group:
                raise ValueError(
                    f"a batch must divide into groups of {self.group}, or be smaller than one. Received: {count} samples"
                )
        grouped = ops.reshape(ops.cast(inputs, "float32"), (group, -1, height, width, channels))
        deviation = ops.sqrt(ops.mean(ops.square(grouped - ops.mean(grouped, axis=0, keepdims=True)), axis=0) + 1e-8)
        each = ops.tile(ops.mean(deviation, axis=(1, 2, 3)), (group,))
        one_more = ops.broadcast_to(ops.reshape(each, (-1, 1, 1, 1)), (count, height, width, 1))
        return ops.concatenate([inputs, ops.cast(one_more, inputs.dtype)], axis=-1)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        return keras.KerasTensor((*inputs.shape[:-1], inputs.shape[-1] + 1), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "group": self.group}
