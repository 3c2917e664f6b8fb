"""What a training in phases is given: its phases, the length of an epoch, and the batches of each phase."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gantk.engine.phases import Phase, phase_at, phase_starts
from gantk.randomness import seed_of
from gantk.specs import GrowingModelOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gantk.data import PreparedDataset
    from gantk.pipeline.stages.options import TrainOptions


def training_phases(options: TrainOptions, shapes: Mapping[str, tuple[int, ...]]) -> tuple[Phase, ...]:
    """Return the phases of a training; none where all of its steps are alike.

    Args:
        options: Of the train stage.
        shapes: Shape of one sample by batch field, of the largest resolution.
    """
    model = options.model.options
    if not isinstance(model, GrowingModelOptions):
        return ()
    return model.phases(next(shape[0] for shape in shapes.values() if len(shape) == 3))


def epoch_steps(options: TrainOptions, phases: Sequence[Phase], dataset_steps: Callable[[int], int]) -> int:
    """Return the training steps of one epoch.

    Args:
        options: Of the train stage.
        phases: Of the training. Their batches differ in size; an epoch is then as many steps as show the data once with
            batches of their mean size, the same in every phase.
        dataset_steps: Returns the steps of one pass over the data with batches of a size.
    """
    if options.steps_per_epoch is not None:
        return options.steps_per_epoch
    if not phases:
        return dataset_steps(options.samples_per_step)
    images = sum(phase.steps * phase.batch_size for phase in phases) * options.discriminator_steps
    return max(1, round(dataset_steps(1) * phase_starts(phases)[-1] / images))


def phase_batches(
    dataset: PreparedDataset, options: TrainOptions, phases: Sequence[Phase], seed: int, step: int
) -> Iterator[dict[str, NDArray[Any]]]:
    """Return the training batches from a step, counted from zero, to the end of its phase and beyond.

    Without phases that is the stream of `training_batches`. Each phase has a stream of its own, of the smallest prepared
    resolution that is not below the phase's; the step makes images smaller where that is larger.
    """
    from gantk.data import training_batches

    given: dict[str, Any] = {
        "split": options.split,
        "transforms": options.transforms,
        "field_transforms": {str(name): own for name, own in options.field_transforms.items()},
    }
    if not phases:
        return training_batches(dataset, batch_size=options.samples_per_step, start_step=step, seed=seed, **given)
    number = phase_at(phases, step)
    phase = phases[number]
    return training_batches(
        dataset,
        batch_size=phase.batch_size * options.discriminator_steps,
        start_step=step - phase_starts(phases)[number],
        seed=seed_of("phase", seed, number),
        resolution=next((side for side in sorted(dataset.resolutions) if side >= phase.resolution), None),
        **given,
    )
