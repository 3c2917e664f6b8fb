"""Whether losses, discriminators and the training options of their games go together, as far as their records tell.

Imports no framework: a pipeline is checked before anything is built.
"""

from __future__ import annotations

from collections.abc import Iterator

from gantk.config.components import Component
from gantk.engine.options import TrainingOptions
from gantk.specs import DiscriminatorOptions, LossSpec, Options


def combination_refusal(model: Options, training: TrainingOptions) -> str:
    """Say what can never work.

    Args:
        model: Options of a model, with the components that it names.
        training: How it is trained.

    Returns:
        A sentence; empty where nothing is known against the combination.
    """
    for name, loss in _losses(model):
        if training.label_smoothing and isinstance(loss.spec, LossSpec) and loss.spec.smooths_labels is False:
            return (
                f"label_smoothing moves the label of real images, and the loss {loss.name!r} ({name}) has no labels; leave it "
                f"out, or use a loss with labels, such as vanilla or lsgan. Received: {training.label_smoothing}"
            )
    return ""


def combination_cautions(model: Options, training: TrainingOptions) -> list[str]:
    """Say what works by the letter and is hardly meant.

    Args:
        model: Options of a model, with the components that it names.
        training: How it is trained.
    """
    found = []
    penalized = bool(training.penalties or getattr(model, "penalties", ()))
    for name, discriminator in _components(model, "discriminator"):
        options = discriminator.options
        if not isinstance(options, DiscriminatorOptions):
            continue
        if penalized and options.mixes_samples:
            found.append(
                f"penalties hold each image's slope, which batch normalization in the {name} {discriminator.name!r} makes depend "
                "on the other images of the batch (Gulrajani 2017, section 4); set its normalization to layer, instance or none"
            )
        for field, loss in _losses(model):
            needs = isinstance(loss.spec, LossSpec) and loss.spec.needs_bounded_slope
            if needs and not (penalized or options.bounds_slope):
                found.append(
                    f"the loss {loss.name!r} ({field}) means something only while the slope of the {name} "
                    f"{discriminator.name!r} is bounded, and nothing bounds it; add penalties: [{{type: gradient}}], or "
                    "spectral: true with normalization: none where it has these options"
                )
    return found


def _losses(model: Options) -> Iterator[tuple[str, Component]]:
    for name, component in _components(model, "loss"):
        if getattr(component.spec, "role", "") == "adversarial":
            yield name, component


def _components(model: Options, kind: str) -> Iterator[tuple[str, Component]]:
    for name, value in model:
        if isinstance(value, Component) and value.spec.kind == kind:
            yield name, value
