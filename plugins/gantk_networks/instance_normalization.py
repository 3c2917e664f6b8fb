"""Instance normalization (Ulyanov 2016, https://arxiv.org/abs/1607.08022)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gantk import exporting

_MOST_UNROLLED = 16


@keras.saving.register_keras_serializable(package="gantk_networks")
class InstanceNormalization(keras.layers.Layer):
    """Normalizes every channel of every image to mean 0 and variance 1 over height and width.

    y = (x - mean) / sqrt(variance + epsilon), with the biased variance. It is the same in training and
    in inference, and no image sees another of its batch. Statistics are computed in float32, whatever
    the precision of the images; a flat channel becomes 0.

    Args:
        epsilon: Added to the variance.
        affine: Multiply by a learned scale and add a learned offset, one of each by channel.

    Reference:
        Ulyanov 2016; epsilon and the missing scale and offset as in Zhu 2017's code.
    """

    samples_independent = True
    "No sample of a batch affects another, so a model may put the samples of several calls into one."

    def __init__(self, epsilon: float = 1e-5, affine: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.affine = affine
        self.scale = None
        self.offset = None

    def build(self, input_shape: Any) -> None:
        if self.affine:
            channels = (input_shape[-1],)
            self.scale = self.add_weight(name="scale", shape=channels, initializer="ones", autocast=False)
            self.offset = self.add_weight(name="offset", shape=channels, initializer="zeros", autocast=False)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return normalize_each_image(inputs, self.scale, self.offset, epsilon=self.epsilon)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon, "affine": self.affine}


def normalize_each_image(
    images: Any, scale: keras.Variable | None, offset: keras.Variable | None, *, epsilon: float
) -> Any:
    """Normalize every channel of every image by its own statistics, then scale and shift it.

    Args:
        images: batch × height × width × channels, any float dtype; the result has it too.
        scale: One factor by channel, float32; None is 1.
        offset: What is added by channel, float32; None is 0.
        epsilon: Added to the variance.
    """
    dtype = keras.backend.standardize_dtype(images.dtype)
    if keras.backend.backend() == "tensorflow" and dtype != "float64" and not exporting():
        return _normalize_fused(images, scale, offset, epsilon)
    wide = ops.cast(images, "float64" if dtype == "float64" else "float32")
    centred = wide - ops.mean(wide, axis=(1, 2), keepdims=True)
    variance = ops.mean(ops.square(centred), axis=(1, 2), keepdims=True)
    normalized = centred * ops.rsqrt(variance + epsilon)
    if scale is not None:
        normalized = normalized * scale
    if offset is not None:
        normalized = normalized + offset
    return ops.cast(normalized, dtype)


def _normalize_fused(inputs: Any, scale: keras.Variable | None, offset: keras.Variable | None, epsilon: float) -> Any:
    # TensorFlow's fused batch normalization of a single image is instance normalization, and takes
    # half the time of the separate operations: float32 statistics of 16-bit images in one pass.
    import tensorflow as tf

    channels = inputs.shape[-1]
    scale = tf.ones(channels) if scale is None else scale.value
    offset = tf.zeros(channels) if offset is None else offset.value

    def fused(image: Any, scale: Any, offset: Any) -> Any:
        return tf.raw_ops.FusedBatchNormV3(
            x=image, scale=scale, offset=offset, mean=[], variance=[], epsilon=epsilon, is_training=True
        ).y

    batch = inputs.shape[0]
    if batch == 1:
        return fused(inputs, scale, offset)
    if batch is not None and batch <= _MOST_UNROLLED:
        images = tf.split(inputs, batch, axis=0)
        return tf.concat([fused(image, scale, offset) for image in images], axis=0)
    # Any number of images: each becomes channels of its own of one image.
    shape = tf.shape(inputs)
    batch, pixels = shape[0], shape[1] * shape[2]
    columns = tf.transpose(tf.reshape(inputs, (batch, pixels, channels)), (1, 0, 2))
    columns = tf.reshape(columns, (1, pixels, 1, batch * channels))
    columns = fused(columns, tf.tile(scale, [batch]), tf.tile(offset, [batch]))
    columns = tf.transpose(tf.reshape(columns, (pixels, batch, channels)), (1, 0, 2))
    return tf.reshape(columns, shape)
