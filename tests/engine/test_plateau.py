"""The schedule `plateau`: when it drops, worked out by hand, and that a resumed run drops at the same epoch."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest
import tiny_models
from keras import ops
from pydantic import ValidationError

from gantk import ConfigError
from gantk.engine.checkpoints import read_checkpoint
from gantk.engine.options import OptimizerChanges, ScheduleOptions, TrainingOptions
from gantk.engine.periodic_evaluation import Measured, PeriodicEvaluation
from gantk.engine.plateau import Plateau
from gantk.engine.training import train

STEPS = 2


def factors(values, **options):
    plateau = Plateau(ScheduleOptions(**{"type": "plateau", "metric": "loss", "drop": 0.5, "patience": 1, **options}))
    found = []
    for value in values:
        plateau.observe({"loss": value, "other": -1e9})
        found.append(float(plateau.factor))
    return found


def test_more_than_patience_values_without_an_improvement_bring_a_drop():
    """After the best value 2, the values 2 and 3 are one too many for a patience of 1; then the counting begins anew."""
    assert factors([3, 2, 2, 3, 3, 2.5, 1, 5, 5]) == [1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]


def test_no_patience_at_all():
    assert factors([2, 2, 1, 2], patience=0) == [1, 0.5, 0.5, 0.25]


@pytest.mark.parametrize(
    ("options", "improving", "too_little"),
    [
        ({"threshold": 0.1}, [10, 8.9, 8.0], [10, 9.1, 9.01]),
        ({"threshold": 0.1, "threshold_mode": "absolute"}, [10, 9.8, 9.6], [10, 9.95, 9.95]),
        ({"threshold": 0.1, "mode": "max"}, [10, 11.1, 12.3], [10, 10.9, 10.9]),
        ({"threshold": 0.1, "threshold_mode": "absolute", "mode": "max"}, [1, 1.2, 1.4], [1, 1.05, 1.05]),
        ({"threshold": 0.0}, [0.3, 0.2, 0.1], [0.1, 0.1, 0.1]),
    ],
)
def test_what_an_improvement_is(options, improving, too_little):
    assert factors(improving, **options) == [1, 1, 1]
    assert factors(too_little, **options) == [1, 1, 0.5]


def test_a_value_that_is_not_a_number_is_no_improvement():
    assert factors([1.0, math.nan, math.nan], patience=1) == [1, 1, 0.5]
    assert factors([math.nan, 5.0, 4.0], patience=1) == [1, 1, 1]


def test_epochs_without_the_value_do_not_count():
    plateau = Plateau(ScheduleOptions(type="plateau", metric="score", patience=0, drop=0.5))
    for values in ({"fid.score": 1.0}, {}, {"loss": 2.0}, {"fid.score": 0.5}):
        plateau.observe(values)
    assert float(plateau.factor) == 1.0
    plateau.observe({"fid.score": 0.5})
    assert float(plateau.factor) == 0.5


def test_a_name_that_nothing_has_is_told_with_the_names_there_are():
    plateau = Plateau(ScheduleOptions(type="plateau", metric="generator"))
    with pytest.raises(
        ConfigError, match=r"must name one value.*\n.*'generator'; there are generators, discriminators"
    ):
        plateau.check(["generators", "discriminators"])
    ambiguous = Plateau(ScheduleOptions(type="plateau", metric="score"))
    with pytest.raises(ConfigError, match=r"there are fid\.score, kid\.score"):
        ambiguous.check(["loss", "fid.score", "kid.score"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": "plateau"}, "needs `metric`"),
        ({"type": "plateau", "metric": "a", "decay": 3}, "Received: decay=3"),
        ({"type": "plateau", "metric": "a", "unit": "step"}, "Received: unit=step"),
        ({"type": "linear", "decay": 3, "metric": "a"}, "'linear' takes no `metric`"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValidationError, match=message):
        ScheduleOptions(**options)


def options(epochs, **schedule):
    return TrainingOptions(
        epochs=epochs,
        batch_size=4,
        log_every=3,
        optimizers={"generators": OptimizerChanges(learning_rate=0.01), "discriminators": OptimizerChanges()},
        # Nothing is as small as what is asked for, so that it drops at epochs 3, 5, 7…
        schedule=ScheduleOptions(
            **{
                "type": "plateau",
                "metric": "generator_loss",
                "patience": 1,
                "drop": 0.5,
                "threshold": 10.0,
                "threshold_mode": "absolute",
                **schedule,
            }
        ),
    )


def batches(step):
    while True:
        random = np.random.default_rng(step)
        yield {name: random.uniform(-1, 1, (4, 2, 2, 3)).astype("f4") for name in "AB"}
        step += 1


def run(directory, training, *, resume=False, evaluation=None):
    model = tiny_models.build("tiny_translation", training, steps_per_epoch=STEPS)
    train(
        model,
        batches=batches,
        training=training,
        steps_per_epoch=STEPS,
        directory=directory,
        resume=resume,
        evaluation=evaluation,
        progress=False,
    )
    return model


def rates(model):
    return [float(ops.convert_to_numpy(optimizer.learning_rate)) for optimizer in model.optimizers.members.values()]


def test_the_step_uses_the_dropped_rates_but_none_below_the_minimum(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="gantk.engine"):
        model = run(tmp_path, options(5, minimum=1.5e-4))
    assert rates(model) == pytest.approx([0.0025, 1.5e-4])
    assert caplog.text.count("was not better than") == 2
    assert "generator_loss was not better than" in caplog.text


def test_a_resumed_run_drops_when_the_whole_one_does(tmp_path):
    whole = run(tmp_path / "whole", options(6))
    # Interrupted after epoch 2, when one value without an improvement has been waited for.
    run(tmp_path / "resumed", options(2))
    resumed = run(tmp_path / "resumed", options(6), resume=True)
    assert rates(whole) == rates(resumed) == pytest.approx([0.0025, 5e-5])
    name = "checkpoints/step-00000012.safetensors"
    expected, found = (read_checkpoint(tmp_path / which / name)[1] for which in ("whole", "resumed"))
    assert [key for key in expected if expected[key].tobytes() != found[key].tobytes()] == []
    assert {key for key in found if key.startswith("schedule/")} == {
        "schedule/0000.factor",
        "schedule/0001.best",
        "schedule/0002.waited",
    }


def test_it_can_follow_a_value_of_the_evaluation(tmp_path):
    measured = iter([9.0, 1.0, 1.0, 1.0])
    evaluation = PeriodicEvaluation(lambda: Measured({"fid.score": next(measured)}), every_epochs=2)
    training = options(6, metric="fid.score", patience=0, threshold=0.0)
    assert rates(run(tmp_path, training, evaluation=evaluation)) == pytest.approx([0.0025, 5e-5])


def test_a_name_that_nothing_has_ends_the_run_before_its_first_step(tmp_path):
    with pytest.raises(ConfigError, match=r"'fid\.score'; there are generator_loss, discriminator_loss"):
        run(tmp_path / "none", options(2, metric="fid.score"))
    evaluation = PeriodicEvaluation(lambda: Measured({"kid.score": 1.0}))
    with pytest.raises(ConfigError, match=r"'fid\.score'; there are generator_loss, discriminator_loss, kid\.score"):
        run(tmp_path / "other", options(2, metric="fid.score"), evaluation=evaluation)
    assert not list(tmp_path.glob("*/checkpoints/*"))
