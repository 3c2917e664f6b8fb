"""How long a training in phases takes: each phase has a step of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gantk.engine.phases import Phase, phase_at, phase_starts
from gantk.wording import counted

if TYPE_CHECKING:
    from gantk.engine.footprint import Footprint
    from gantk.engine.model import AdversarialModel


def measure_phases(
    model: AdversarialModel, shapes: Mapping[str, tuple[int, ...]], samples_of: Callable[[int], int]
) -> tuple[list[Footprint], Footprint]:
    """Try some steps of each phase, those of one size of images and batches once.

    Args:
        model: The model, compiled, with phases.
        shapes: Shape of one sample by batch field, of the largest resolution.
        samples_of: From a batch size to the samples of a step.

    Returns:
        What each phase takes, and the one that takes most memory.
    """
    from gantk.engine.footprint import measure_footprint

    found: dict[tuple[int, int], Footprint] = {}
    for number, phase in enumerate(model.phases):
        alike = (phase.resolution, phase.batch_size)
        if alike in found:
            continue
        model.enter_phase(number, begin=False)
        side = phase.resolution
        batch = {
            field: (samples_of(phase.batch_size), *((side, side, shape[-1]) if len(shape) == 3 else shape))
            for field, shape in shapes.items()
        }
        found[alike] = measure_footprint(model, batch)
    largest = max(found.values(), key=lambda taken: (taken.peak or 0, taken.working or 0))
    return [found[phase.resolution, phase.batch_size] for phase in model.phases], largest


def seconds_of_phases(phases: Sequence[Phase], taken: Sequence[Footprint]) -> float:
    """Return the time of a whole training; a step is compiled once for all phases with the same."""
    compiling = sum(one.first_step_seconds - one.step_seconds for one in {id(one): one for one in taken}.values())
    return compiling + sum(phase.steps * one.step_seconds for phase, one in zip(phases, taken, strict=True))


def phase_facts(phases: Sequence[Phase], taken: Sequence[Footprint]) -> list[dict[str, Any]]:
    """Return plain values about each phase."""
    return [
        {
            "resolution": phase.resolution,
            "batch_size": phase.batch_size,
            "steps": phase.steps,
            "first_step_seconds": one.first_step_seconds,
            "step_seconds": one.step_seconds,
        }
        for phase, one in zip(phases, taken, strict=True)
    ]


def phase_lines(facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one line for each resolution, for people."""
    steps: dict[tuple[int, int, float], int] = {}
    for fact in facts:
        alike = (fact["resolution"], fact["batch_size"], fact["step_seconds"])
        steps[alike] = steps.get(alike, 0) + fact["steps"]
    return [
        f"{side} × {side}: {counted(count, 'step')} with batches of {size}, {1000 * seconds:.0f} ms a step"
        for (side, size, seconds), count in steps.items()
    ]


def seconds_left(
    phases: Sequence[Phase], lines: Sequence[Mapping[str, Any]], done: int, pace: Callable[[Any], float | None]
) -> float | None:
    """Return how long the steps after the first `done` take, by the pace of an earlier run in each phase.

    Args:
        phases: Of the training.
        lines: Those of the earlier run's metrics.
        done: Steps that are taken already.
        pace: From lines to seconds a step; None where they do not tell.

    Returns:
        None where the earlier run did not reach one of the resolutions.
    """
    by_size: dict[tuple[int, int], list[Mapping[str, Any]]] = {}
    for line in lines:
        phase = phases[phase_at(phases, int(line["step"]) - 1)]
        by_size.setdefault((phase.resolution, phase.batch_size), []).append(line)
    starts = phase_starts(phases)
    total = 0.0
    for number, phase in enumerate(phases):
        left = starts[number + 1] - max(starts[number], done)
        if left <= 0:
            continue
        seconds = pace(by_size.get((phase.resolution, phase.batch_size), []))
        if seconds is None:
            return None
        total += left * seconds
    return total
