"""How a discriminator takes the labels of images into account.

A discriminator that is to know the labels gives 1 + classes numbers for each judgement: the first is the logit of real or
generated, the others belong to the classes.

- `input` (Mirza 2014): the label is laid beside the image, as one constant channel a class, and there is one output.
- `projection` (Miyato 2018, equation 3): the logit is the first output plus that of the image's class. The outputs are
  linear in the last features φ(x), so this is ψ(φ(x)) + yᵀVφ(x), with a learned number a class added.
- `auxiliary` (Odena 2017, equations 2 and 3): the other outputs are the logits of a classifier, whose cross-entropy on
  real and generated images is added to both losses.
"""

from __future__ import annotations

from typing import Any, Literal

from keras import ops

LabelUse = Literal["input", "projection", "auxiliary"]


def outputs_needed(use: LabelUse | None, classes: int) -> int:
    """Return how many numbers a discriminator must give for each judgement."""
    return 1 + classes if use in ("projection", "auxiliary") else 1


def label_maps(labels: Any, height: int, width: int) -> Any:
    """Lay labels out as images, one constant channel a class.

    Args:
        labels: One-hot, float, batch × classes.
        height: Of the images.
        width: Of the images.

    Returns:
        batch × height × width × classes: 1 in the channel of the label, -1 in the others, as black and white.
    """
    shape = (labels.shape[0], height, width, labels.shape[-1])
    return ops.broadcast_to(2.0 * labels[:, None, None, :] - 1.0, shape)


def read_logits(outputs: Any, labels: Any, use: LabelUse | None) -> Any:
    """Return the logits of real or generated.

    Args:
        outputs: What the discriminator gave, batch × … × outputs.
        labels: One-hot, float, batch × classes; not read where `use` is None or `input`.
        use: How labels are used.

    Returns:
        batch × … × 1.
    """
    if use in (None, "input"):
        return outputs
    logits = outputs[..., :1]
    if use == "projection":
        logits = logits + ops.sum(outputs[..., 1:] * _spread(labels, outputs), axis=-1, keepdims=True)
    return logits


def class_loss(outputs: Any, labels: Any) -> Any:
    """Return the mean cross-entropy of the classifier in nats, a float32 scalar. Arguments as for `read_logits`."""
    logits = ops.cast(outputs[..., 1:], "float32")
    likelihood = ops.log_softmax(logits, axis=-1) * ops.cast(_spread(labels, outputs), "float32")
    return -ops.mean(ops.sum(likelihood, axis=-1))


def class_accuracy(outputs: Any, labels: Any) -> Any:
    """Return the share of judgements whose largest class output is that of the label, a float32 scalar."""
    found = ops.argmax(outputs[..., 1:], axis=-1)
    true = ops.argmax(_spread(labels, outputs), axis=-1)
    return ops.mean(ops.cast(ops.equal(found, true), "float32"))


def _spread(labels: Any, outputs: Any) -> Any:
    """Give labels the axes of the outputs, between batch and classes."""
    between = len(outputs.shape) - 2
    return ops.cast(ops.reshape(labels, (labels.shape[0], *[1] * between, labels.shape[-1])), outputs.dtype)
