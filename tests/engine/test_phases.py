"""Training in phases: their order, their boundaries, and what begins anew."""

from __future__ import annotations

import dataclasses
import json

import keras
import numpy as np
import pytest
from keras import layers, ops

from gantk import AdversarialModel, ModelContext, OptimizerOptions, Phase, RunFailed
from gantk.engine.options import TrainingOptions
from gantk.engine.phases import phase_at, phase_starts
from gantk.engine.training import train

PHASES = (Phase(4, 2, 4), Phase(3, 3, 8, learning_rate_factor=0.5), Phase(5, 1, 8))
STEPS_PER_EPOCH = 5


class Slope(AdversarialModel):
    """One weight whose gradient is 1 at every step, so that plain gradient descent moves it by the learning rate."""

    def __init__(self, context, phases=PHASES):
        network = keras.Sequential([keras.Input((1,)), layers.Dense(1, kernel_initializer="zeros", use_bias=False)])
        super().__init__(
            context,
            networks={"network": network},
            trained_by={"network": ["network"]},
            losses=["height", "phase_step"],
            directions={},
            optimizers={"network": OptimizerOptions(type="sgd", learning_rate=0.125, beta_1=0.0)},
            phases=phases,
        )
        self.entered = []
        self.seen = []

    def enter_phase(self, number, *, begin):
        super().enter_phase(number, begin=begin)
        self.entered.append((number, begin))

    def adversarial_step(self, batch):
        # Runs when a step is compiled.
        self.seen.append(tuple(batch["image"].shape))
        network = self.networks["network"]
        loss, _ = self.minimize("network", lambda: (ops.sum(network(ops.ones((1, 1)), training=True)), None))
        return {"height": loss, "phase_step": ops.cast(self.phase_step, "float32")}

    @property
    def weight(self):
        return float(ops.convert_to_numpy(self.networks["network"].weights[0])[0, 0])


def build(training=None, phases=PHASES):
    options = TrainingOptions.model_validate(
        {"log_every": 1, "checkpoint": {"every_steps": 1, "keep": 99}, **(training or {})}
    )
    model = Slope(ModelContext({"image": (8, 8, 1)}, options, steps_per_epoch=STEPS_PER_EPOCH), phases)
    model.compile()
    return model


def run(model, directory, *, stop=None, resume=False):
    asked = []

    def batches(step):
        asked.append(step)
        phase = model.phases[phase_at(model.phases, step)]
        while True:
            yield {"image": np.zeros((phase.batch_size, phase.resolution, phase.resolution, 1), "f4")}

    class Stop(keras.callbacks.Callback):
        steps = 0

        def on_train_batch_end(self, batch, logs=None):
            Stop.steps += 1
            self.model.stop_training = Stop.steps == stop

    summary = train(
        model,
        batches=batches,
        training=model.context.training,
        steps_per_epoch=STEPS_PER_EPOCH,
        directory=directory,
        resume=resume,
        callbacks=[Stop()],
        progress=False,
    )
    return summary, asked


def lines(directory):
    return [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]


def test_starts_and_numbers_of_phases():
    assert phase_starts(PHASES) == [0, 4, 7, 12]
    assert [phase_at(PHASES, step) for step in range(14)] == [0] * 4 + [1] * 3 + [2] * 7


@pytest.mark.parametrize("change", [{"steps": 0}, {"batch_size": 0}, {"resolution": -4}, {"learning_rate_factor": 0.0}])
def test_a_phase_without_substance_is_refused(change):
    with pytest.raises(ValueError, match="must be positive"):
        dataclasses.replace(PHASES[0], **change)


def test_every_phase_is_entered_once_and_has_a_step_of_its_own(tmp_path):
    model = build()
    summary, asked = run(model, tmp_path)
    assert model.entered == [(0, True), (1, True), (2, True)]
    assert model.seen == [(2, 4, 4, 1), (3, 8, 8, 1), (1, 8, 8, 1)]
    # Where a phase begins, and where whole epochs do after the part of one.
    assert asked == [0, 4, 5, 7, 10]
    assert (summary.steps, summary.epochs) == (12, 3)
    found = lines(tmp_path)
    assert [line["phase_step"] for line in found] == [0, 1, 2, 3, 0, 1, 2, 0, 1, 2, 3, 4]
    assert [line["epoch"] for line in found] == [1] * 5 + [2] * 5 + [3] * 2


def test_learning_rates_follow_the_phases(tmp_path):
    model = build()
    run(model, tmp_path)
    assert [line["height"] for line in lines(tmp_path)] == [
        0.0, -0.125, -0.25, -0.375, -0.5, -0.5625, -0.625, -0.6875, -0.8125, -0.9375, -1.0625, -1.1875,
    ]  # fmt: skip
    assert model.weight == -1.3125


def test_optimizers_count_the_steps_of_their_phase(tmp_path):
    model = build()
    run(model, tmp_path)
    assert int(ops.convert_to_numpy(model.optimizers["network"].iterations)) == 5


@pytest.mark.parametrize(
    ("stop", "entered"),
    [
        # In the midst of a phase it goes on; at its end the next one begins, as it would have.
        (3, [(0, False), (1, True), (2, True)]),
        (4, [(1, True), (2, True)]),
        (5, [(1, False), (2, True)]),
        (7, [(2, True)]),
    ],
)
def test_a_run_is_continued_in_its_phase(tmp_path, stop, entered):
    first = build()
    run(first, tmp_path, stop=stop)
    second = build()
    _, asked = run(second, tmp_path, resume=True)
    assert asked[0] == stop
    assert second.entered == entered
    assert second.weight == -1.3125
    assert int(ops.convert_to_numpy(second.optimizers["network"].iterations)) == 5
    assert [line["step"] for line in lines(tmp_path)] == list(range(1, 13))


def test_a_run_longer_than_its_phases_is_not_continued(tmp_path):
    run(build(), tmp_path, stop=9)
    with pytest.raises(RunFailed, match="2 phases are 7 steps") as refused:
        run(build(phases=PHASES[:2]), tmp_path, resume=True)
    assert "Ask for a longer schedule" in refused.value.hint


def test_moving_average_counts_updates_of_the_phase(tmp_path):
    """Gradients of two steps make an update, and one update is averaged once, whatever the steps of earlier phases."""
    model = build({"accumulate": 2, "ema": 0.5}, phases=(Phase(3, 1, 4), Phase(4, 1, 8)))
    run(model, tmp_path)
    # One update in the first phase, whose third step is forgotten; two in the second.
    assert model.weight == -0.375
