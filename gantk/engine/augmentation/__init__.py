"""Random changes of what a discriminator sees, for training with few pictures.

`gantk.engine.augmentation.options` says what can be asked for and imports no framework; `build_augmentation` makes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.engine.augmentation.options import AugmentationOptions, DiffAugmentOptions

if TYPE_CHECKING:
    from gantk.engine.augmentation.augmentation import Augmentation


def build_augmentation(options: AugmentationOptions, *, seed: int, name: str | None = None) -> Augmentation:
    """Build the augmentation of one discriminator.

    It must become an attribute of the model: its variables (random state, probability) are then part of the compiled
    step and of the checkpoints.

    Args:
        options: What the pipeline says.
        seed: Seed of everything that is drawn.
        name: Name of the layer.

    Example:
        ```python
        self.augmentation = build_augmentation(options.augmentation, seed=context.seed)   # in the model's __init__
        logits = discriminator(self.augmentation(images))                                 # in adversarial_step
        self.augmentation.observe(real_logits)
        ```
    """
    if isinstance(options, DiffAugmentOptions):
        from gantk.engine.augmentation.diffaugment import DiffAugment

        return DiffAugment(options, seed=seed, name=name)
    from gantk.engine.augmentation.ada import AdaptiveAugmentation

    return AdaptiveAugmentation(options, seed=seed, name=name)
