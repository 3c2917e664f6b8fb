"""ADA, adaptive discriminator augmentation (Karras 2020, Training GANs with Limited Data).

Reference:
    https://arxiv.org/abs/2006.06676, section 3 and appendix B; NVlabs/stylegan2-ada-pytorch, `training/augment.py`
    and `training_loop.py`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gantk.engine.augmentation.augmentation import Augmentation, change_judged
from gantk.engine.augmentation.blitting import BLIT_NUMBERS, flip_and_turn, shift, whole_pixel_shifts
from gantk.engine.augmentation.color import COLOR_NORMALS, COLOR_NUMBERS, change_colors
from gantk.engine.augmentation.geometry import GEOMETRIC_NORMALS, GEOMETRIC_NUMBERS, Placement, warp
from gantk.engine.augmentation.options import AdaptiveAugmentationOptions


class AdaptiveAugmentation(Augmentation):
    """Makes each change with a probability that rises while the discriminator is too sure of real pictures.

    Changes are made in the paper's order: whole-pixel ones, geometric ones, colours. At probability 0 pictures pass
    unchanged, bit for bit.

    After every `interval` observed batches of n real pictures in all, with r_t the mean over them of sign(D(real)):
    p ← p + sign(r_t - target) · n / (1000 · speed_kimg), kept within [0, 1].

    Args:
        options: Which changes, and how the probability follows.
        seed: Seed of everything that is drawn.
        name: Name of the layer.

    Reference:
        Karras 2020, section 3.1 (the heuristic r_t) and appendix B, figure 20 (the changes).
    """

    def __init__(self, options: AdaptiveAugmentationOptions, *, seed: int, name: str | None = None) -> None:
        super().__init__(seed=seed, name=name)
        self.options = options
        start = keras.initializers.Constant(options.probability)
        state = {"shape": (), "trainable": False}
        self.current = self.add_weight(initializer=start, dtype="float32", name="probability", **state)
        self.sign_sum = self.add_weight(initializer="zeros", dtype="float32", name="sign_sum", **state)
        self.pictures = self.add_weight(initializer="zeros", dtype="int32", name="pictures", **state)
        self.batches = self.add_weight(initializer="zeros", dtype="int32", name="batches", **state)

    @property
    def probability(self) -> Any:
        """How probable each change is, a float32 scalar."""
        return self.current.value

    def augment(self, images: Any, judged: int) -> Any:
        """Change float32 images, each in its own way."""
        policy, batch = self.options.policy, images.shape[0]
        # Always all of them, so that the numbers of one change do not depend on which others are made.
        uniform = keras.random.uniform(
            (BLIT_NUMBERS + GEOMETRIC_NUMBERS + COLOR_NUMBERS, batch), seed=self.seed_generator
        )
        normal = keras.random.normal((GEOMETRIC_NORMALS + COLOR_NORMALS, batch), seed=self.seed_generator)
        probability = self.probability
        blit, rest = uniform[:BLIT_NUMBERS], uniform[BLIT_NUMBERS:]
        height, width = images.shape[1:3]
        placement = Placement()
        if "blit" in policy:
            images = flip_and_turn(images, blit, probability)
            shifts = whole_pixel_shifts((height, width), blit, probability)
            if "geometric" in policy:
                placement.shift(*(ops.cast(pixels, "float32") for pixels in shifts))
            else:
                images = shift(images, *shifts)
        if "geometric" in policy:
            placement.draw((height, width), rest[:GEOMETRIC_NUMBERS], normal[:GEOMETRIC_NORMALS], probability)
            images = warp(images, placement)
        if "color" in policy:
            numbers, normals = rest[GEOMETRIC_NUMBERS:], normal[GEOMETRIC_NORMALS:]
            images = change_judged(images, judged, lambda chosen: change_colors(chosen, numbers, normals, probability))
        return images

    def observe(self, real_logits: Any, boundary: float = 0.0) -> None:
        """Count how often the discriminator is right about real pictures, and adjust the probability when it is due.

        Args:
            real_logits: Its logits of one batch of real pictures, changed as they were; batch × ….
            boundary: The logit between "generated" and "real": 0 for logits of a probability, ½ for least squares
                with the labels 0 and 1.
        """
        sign = ops.mean(ops.sign(ops.stop_gradient(ops.cast(real_logits, "float32")) - boundary))
        sign_sum = self.sign_sum.value + sign
        pictures = self.pictures.value + real_logits.shape[0]
        batches = self.batches.value + 1
        due = batches >= self.options.interval
        direction = ops.sign(sign_sum / ops.cast(batches, "float32") - self.options.target)
        step = ops.cast(pictures, "float32") / (1000.0 * self.options.speed_kimg)
        adjusted = ops.clip(self.current.value + direction * step, 0.0, 1.0)
        self.current.assign(ops.where(due, adjusted, self.current.value))
        self.sign_sum.assign(ops.where(due, 0.0, sign_sum))
        self.pictures.assign(ops.where(due, 0, pictures))
        self.batches.assign(ops.where(due, 0, batches))
