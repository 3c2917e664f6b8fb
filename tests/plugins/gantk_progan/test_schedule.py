"""ProGAN's schedule in thousands of images, by hand, and what its options refuse."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from gantk import Phase
from gantk.config.components import ModelChoice
from gantk.pipeline.stages.options import TrainOptions
from gantk.pipeline.stages.phase_data import epoch_steps, training_phases
from gantk_progan.options import ProGANOptions


def test_schedule_of_the_authors_code_for_one_gpu():
    options = ProGANOptions(last_stable_images=2400)
    phases = options.phases(1024)
    assert [(phase.resolution, phase.batch_size) for phase in phases] == [
        (4, 128),
        *((size, batch) for size, batch in ((8, 128), (16, 128), (32, 64), (64, 32), (128, 16)) for _ in range(2)),
        *((size, batch) for size, batch in ((256, 8), (512, 4), (1024, 4)) for _ in range(2)),
    ]
    # 600,000 / 128 = 4687.5; / 64 = 9375; / 4 = 150,000; the last 2,400,000 / 4.
    assert [phase.steps for phase in phases] == [
        4688, 4688, 4688, 4688, 4688, 9375, 9375, 18750, 18750, 37500, 37500, 75000, 75000, 150000, 150000, 150000, 600000,
    ]  # fmt: skip
    assert [phase.learning_rate_factor for phase in phases] == [1.0] * 15 + [1.5] * 2
    shown = sum(phase.steps * phase.batch_size for phase in phases)
    assert shown == pytest.approx(12_000_000, abs=5 * 128)


def test_schedule_of_the_paper_in_thousands_of_images():
    phases = ProGANOptions(stable_images=800, fade_images=800).phases(32)
    assert [phase.steps * phase.batch_size for phase in phases] == [800_000] * 7


def test_a_small_schedule_by_hand():
    options = ProGANOptions(
        stable_images=0.6,
        fade_images=0.1,
        batch_sizes={4: 64, 8: 32},
        learning_rate_factors={8: 0.5},
        last_stable_images=1.0,
    )
    # 600 / 64 = 9.4, 100 / 32 = 3.1, 1000 / 32 = 31.25.
    assert options.phases(8) == (Phase(10, 64, 4), Phase(4, 32, 8, 0.5), Phase(32, 32, 8, 0.5))


def test_no_fading_and_no_growing():
    assert ProGANOptions(stable_images=1, fade_images=0).phases(8) == (Phase(8, 128, 4), Phase(8, 128, 8))
    assert ProGANOptions(stable_images=1, start=64).phases(64) == (Phase(32, 32, 64),)
    assert ProGANOptions(stable_images=1, fade_images=1, start=16).phases(32) == (
        Phase(8, 128, 16),
        Phase(16, 64, 32),
        Phase(16, 64, 32),
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 6}, r"a power of two from 4 on\. Received: 6"),
        ({"batch_sizes": {12: 4}}, r"by resolution, a power of two from 4 on\. Received: 12"),
        ({"batch_sizes": {8: 0}}, r"numbers above 0\. Received: \{8: 0\}"),
        ({"batch_sizes": {8: 6}}, r"divide into groups of 4.*Received: 6 samples at 8 × 8"),
        ({"generator": "dcgan"}, r"only the generator 'progan' can do\. Received: 'dcgan'; the model 'gan' takes any"),
        ({"discriminator": "dcgan"}, r"only the discriminator 'progan' can do\. Received: 'dcgan'"),
        ({"stable_images": 0}, "greater than 0"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        ProGANOptions.model_validate(options)


def test_groups_of_one_take_any_batch():
    options = {"discriminator": {"type": "progan", "group": 1}, "batch_sizes": {8: 6}}
    assert ProGANOptions.model_validate(options).batch_size(8) == 6


@pytest.mark.parametrize("name", ["epochs", "batch_size"])
def test_the_train_stage_refuses_what_the_phases_say(name):
    with pytest.raises(ValidationError, match=f"trains in phases.*takes no {name} with it. Received: {name}=3"):
        TrainOptions.model_validate({"model": "progan", name: 3})


def test_the_train_stage_knows_the_phases_before_anything_is_built():
    options = TrainOptions.model_validate({"model": {"type": "progan", "stable_images": 1}, "discriminator_steps": 2})
    phases = training_phases(options, {"image": (8, 8, 3)})
    assert phases == options.model.options.phases(8)
    # 8 steps of 128 at 4 × 4, 4688 and 8 at 8 × 8; a pass over 1,280 pictures with two updates a step: 1280 / 256.
    assert epoch_steps(options, phases, lambda size: 1280 // size) == 5
    given = TrainOptions.model_validate({"model": "progan", "steps_per_epoch": 7})
    assert epoch_steps(given, phases, lambda size: 1280 // size) == 7
    other = TrainOptions.model_validate({"model": "gan", "batch_size": 16})
    assert training_phases(other, {"image": (8, 8, 3)}) == ()
    assert epoch_steps(other, (), lambda size: 1280 // size) == 80


def test_a_schedule_of_rates_that_ends_early_is_no_caution_of_a_growing_training():
    falling = {"type": "linear", "decay": 1}
    assert TrainOptions.model_validate({"model": "progan", "schedule": falling}).cautions() == []


def test_the_model_is_found_by_name():
    component = TypeAdapter(ModelChoice).validate_python({"type": "progan", "labels": "auxiliary"})
    assert component.spec.layout == "single"
    assert component.to_plain()["penalties"] == [
        {"type": "gradient", "weight": 10.0, "every": 1, "target": 1.0, "sided": "two", "drift": 0.001}
    ]
