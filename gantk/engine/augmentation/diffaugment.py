"""DiffAugment (Zhao 2020, Differentiable Augmentation for Data-Efficient GAN Training).

Reference:
    https://arxiv.org/abs/2006.10738, sections 3.3 and 4; data-efficient-gans/DiffAugment_pytorch.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from gantk.engine.augmentation.augmentation import Augmentation, change_judged, pixels_at, whole_numbers
from gantk.engine.augmentation.options import DiffAugmentOptions

TRANSLATION_RATIO = 0.125
CUTOUT_RATIO = 0.5


class DiffAugment(Augmentation):
    """Changes every picture, in the order of the policy.

    Args:
        options: The policy.
        seed: Seed of everything that is drawn.
        name: Name of the layer.
    """

    def __init__(self, options: DiffAugmentOptions, *, seed: int, name: str | None = None) -> None:
        super().__init__(seed=seed, name=name)
        self.policy = options.policy

    def augment(self, images: Any, judged: int) -> Any:
        """Change float32 images, each in its own way."""
        needed = [_DRAWN[name] for name in self.policy]
        drawn = keras.random.uniform((sum(needed), images.shape[0]), seed=self.seed_generator)
        for name, count in zip(self.policy, needed, strict=True):
            numbers, drawn = drawn[:count], drawn[count:]
            if name == "color":
                images = change_judged(images, judged, _with(color, numbers))
            else:
                images = (translation if name == "translation" else cutout)(images, numbers)
        return images


_DRAWN = {"color": 3, "translation": 2, "cutout": 2}
"""Random numbers for each sample."""


def _with(change: Callable[[Any, Any], Any], numbers: Any) -> Callable[[Any], Any]:
    return lambda images: change(images, numbers)


def color(images: Any, uniform: Any) -> Any:
    """Change brightness, then saturation, then contrast.

    With u₁, u₂, u₃ in [0, 1), the mean c̄ over a pixel's channels and m over the whole picture:
    x + u₁ - ½, then c̄ + 2 u₂ (x - c̄), then m + (u₃ + ½) (x - m).

    Args:
        images: float32, batch × height × width × channels.
        uniform: float32 in [0, 1), 3 × batch.
    """
    brightness, saturation, contrast = (ops.reshape(uniform[row], (-1, 1, 1, 1)) for row in range(3))
    images = images + (brightness - 0.5)
    gray = ops.mean(images, axis=-1, keepdims=True)
    images = gray + 2.0 * saturation * (images - gray)
    mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
    return mean + (contrast + 0.5) * (images - mean)


def translation(images: Any, uniform: Any) -> Any:
    """Shift by whole pixels, up to 1/8 of the size in each direction, with zeros where nothing comes in.

    Args:
        images: float32, batch × height × width × channels.
        uniform: float32 in [0, 1), 2 × batch: down and right.
    """
    height, width = images.shape[1:3]
    rows, down = _shifted(height, uniform[0])
    columns, right = _shifted(width, uniform[1])
    row_index = ops.expand_dims(ops.clip(rows, 0, height - 1), -1)
    column_index = ops.expand_dims(ops.clip(columns, 0, width - 1), 1)
    inside = ops.logical_and(ops.expand_dims(down, -1), ops.expand_dims(right, 1))
    # Both indices of every pixel: one look-up for both directions.
    everywhere = ops.zeros((1, height, width), "int32")
    moved = pixels_at(images, row_index + everywhere, column_index + everywhere)
    return ops.where(ops.expand_dims(inside, -1), moved, 0.0)


def _shifted(size: int, uniform: Any) -> tuple[Any, Any]:
    """Return where each of `size` places takes its pixel from, batch × size, and whether there is one."""
    most = int(size * TRANSLATION_RATIO + 0.5)
    shift = whole_numbers(uniform, 2 * most + 1) - most
    places = ops.expand_dims(ops.arange(size, dtype="int32"), 0) + ops.expand_dims(shift, -1)
    return places, ops.logical_and(places >= 0, places < size)


def cutout(images: Any, uniform: Any) -> Any:
    """Set a rectangle of half the height and width to zero; its centre lies anywhere in the picture.

    Args:
        images: float32, batch × height × width × channels.
        uniform: float32 in [0, 1), 2 × batch: where the rectangle lies, down and right.
    """
    height, width = images.shape[1:3]
    rows, columns = _cut(height, uniform[0]), _cut(width, uniform[1])
    cut = ops.logical_and(ops.expand_dims(rows, -1), ops.expand_dims(columns, 1))
    return ops.where(ops.expand_dims(cut, -1), 0.0, images)


def _cut(size: int, uniform: Any) -> Any:
    """Return whether each of `size` places lies in the stretch that is cut out, batch × size."""
    length = int(size * CUTOUT_RATIO + 0.5)
    first = ops.expand_dims(whole_numbers(uniform, size + 1 - length % 2) - length // 2, -1)
    places = ops.expand_dims(ops.arange(size, dtype="int32"), 0)
    return ops.logical_and(places >= first, places < first + length)
