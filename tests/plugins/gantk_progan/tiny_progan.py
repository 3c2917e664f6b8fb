"""A ProGAN small enough to train in seconds. Also run as a script by a subprocess on the other backend.

    KERAS_BACKEND=jax python tiny_progan.py FOLDER steps | runs

writes to the folder what the tests compare: the gradients of one step in each phase, or two trainings, one of them stopped
and continued.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from gantk import Component, ModelContext
from gantk.engine.building import build_model
from gantk.engine.options import TrainingOptions
from gantk.engine.phases import phase_at, phase_starts
from gantk.engine.training import train
from gantk.registry import default_registry
from gantk.testing.one_step import fixed_random_numbers, set_weights, step_results

SMALL = {"type": "progan", "filter_base": 32, "widest": 6}
TINY = {
    "generator": SMALL,
    "discriminator": SMALL,
    "latents": {"size": 5, "distribution": "hypersphere"},
    # 4 steps at 4 × 4; at 8 × 8 three while it fades and four after.
    "stable_images": 0.03,
    "fade_images": 0.024,
    "batch_sizes": {4: 8, 8: 8, 16: 4},
}
STEPS_PER_EPOCH = 3
"""Neither the lengths of the phases nor their sum are multiples of it."""
STOPS = (2, 4, 5, 7)
"""Within the first phase; at the growth; in the midst of the fade; at its end."""


def build(resolution=8, training=None, classes=(), seed=1, **options):
    spec = default_registry().find("model", "progan")
    component = Component("progan", spec, spec.options.model_validate({**TINY, **options}))
    context = ModelContext(
        shapes={"image": (resolution, resolution, 1)},
        training=TrainingOptions.model_validate({"log_every": 1, "check_numerics_every": 0, **(training or {})}),
        steps_per_epoch=STEPS_PER_EPOCH,
        seed=seed,
        classes=classes,
    )
    return build_model(component, context)


def batch_of(step, size, resolution=8, classes=()):
    random = np.random.default_rng([3, step])
    batch = {"image": random.uniform(-1, 1, (size, resolution, resolution, 1)).astype("f4")}
    return {**batch, "label": random.integers(0, len(classes), size).astype("i4")} if classes else batch


def batches_of(model, resolution=8):
    def batches(step):
        size = model.phases[phase_at(model.phases, step)].batch_size
        while True:
            yield batch_of(step, size, resolution, model.classes)
            step += 1

    return batches


class StopAt(keras.callbacks.Callback):
    """Ends `fit` after a step of the run."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(keras.ops.convert_to_numpy(_step_of(self.model))) >= self.step:
            self.model.stop_training = True


def _step_of(model):
    from gantk.engine.state import synchronise

    synchronise(model)
    return model.training_step.value


def run(directory, *, stop=None, resume=False, resolution=8, training=None, **options):
    """Train in a folder; return the model."""
    model = build(resolution, training, **options)
    train(
        model,
        batches=batches_of(model, resolution),
        training=model.context.training,
        steps_per_epoch=STEPS_PER_EPOCH,
        directory=directory,
        resume=resume,
        callbacks=[] if stop is None else [StopAt(stop)],
        progress=False,
    )
    return model


def run_with_stops(directory, stops):
    """Train to each stop with a new model that continues from the checkpoint of the last, and then to the end."""
    for number, stop in enumerate((*stops, None)):
        run(directory, stop=stop, resume=number > 0)


def one_step_in(number, offset=1, classes=()):
    """Take one step of a phase with given weights and random numbers; return its losses and gradients."""
    labels = "auxiliary" if classes else "none"
    model = build(training={"accumulate": 2, "jit": False}, classes=classes, labels=labels)
    set_weights(model, 0)
    model.training_step.assign(phase_starts(model.phases)[number] + offset)
    model.enter_phase(number, begin=False)
    with fixed_random_numbers(0):
        batch = batch_of(0, model.phases[number].batch_size, classes=classes)
        results = step_results(model, batch)
    return results


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    if sys.argv[2] == "steps":
        for phase in range(2):
            np.savez(folder / f"phase-{phase}.npz", **one_step_in(phase, classes=("a", "b", "c")))
    else:
        run(folder / "whole")
        run_with_stops(folder / "stopped", STOPS)
