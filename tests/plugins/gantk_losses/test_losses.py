"""Every built-in loss against its formula in float64 NumPy."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from keras import ops
from pydantic import ValidationError

from gantk import ConfigError, Options
from gantk_losses import gantk_losses
from gantk_losses.charbonnier import CharbonnierLoss
from gantk_losses.hinge import HingeLoss
from gantk_losses.l1 import MeanAbsoluteError
from gantk_losses.l2 import MeanSquaredError
from gantk_losses.lsgan import LeastSquaresLoss
from gantk_losses.options import CharbonnierOptions, LeastSquaresOptions, VanillaOptions
from gantk_losses.relativistic_average import RelativisticAverageLoss
from gantk_losses.vanilla import VanillaLoss
from gantk_losses.wasserstein import WassersteinLoss

RANDOM = np.random.default_rng(0)
REAL = RANDOM.normal(0.4, 1.5, (3, 5, 4, 1))
FAKE = RANDOM.normal(-0.3, 1.5, (3, 5, 4, 1))


def float32(array: np.ndarray) -> object:
    return ops.convert_to_tensor(array, "float32")


def value(tensor: object) -> float:
    assert keras.backend.standardize_dtype(tensor.dtype) == "float32"
    assert tuple(tensor.shape) == ()
    return float(ops.convert_to_numpy(tensor))


def log_sigmoid(logits: np.ndarray) -> np.ndarray:
    return -np.log1p(np.exp(-logits))


EXPECTED = {
    # name: (loss, discriminator's loss, generator's loss)
    "lsgan": (
        LeastSquaresLoss(LeastSquaresOptions()),
        np.mean((REAL - 1) ** 2) + np.mean(FAKE**2),
        np.mean((FAKE - 1) ** 2),
    ),
    "lsgan, labels of Mao's equation 8": (
        LeastSquaresLoss(LeastSquaresOptions(real_label=1, fake_label=-1, generator_label=0)),
        np.mean((REAL - 1) ** 2) + np.mean((FAKE + 1) ** 2),
        np.mean(FAKE**2),
    ),
    "vanilla": (
        VanillaLoss(VanillaOptions()),
        -np.mean(log_sigmoid(REAL)) - np.mean(log_sigmoid(-FAKE)),
        -np.mean(log_sigmoid(FAKE)),
    ),
    "vanilla, smoothed": (
        VanillaLoss(VanillaOptions(real_label=0.9)),
        -np.mean(0.9 * log_sigmoid(REAL) + 0.1 * log_sigmoid(-REAL)) - np.mean(log_sigmoid(-FAKE)),
        -np.mean(log_sigmoid(FAKE)),
    ),
    "hinge": (
        HingeLoss(Options()),
        np.mean(np.maximum(0, 1 - REAL)) + np.mean(np.maximum(0, 1 + FAKE)),
        -np.mean(FAKE),
    ),
    "wasserstein": (WassersteinLoss(Options()), np.mean(FAKE) - np.mean(REAL), -np.mean(FAKE)),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_an_adversarial_loss_is_its_formula(name: str) -> None:
    loss, discriminator_loss, generator_loss = EXPECTED[name]
    assert value(loss.discriminator_loss(float32(REAL), float32(FAKE))) == pytest.approx(discriminator_loss, rel=1e-6)
    assert value(loss.generator_loss(float32(FAKE))) == pytest.approx(generator_loss, rel=1e-6)
    assert value(loss.generator_loss(float32(FAKE), float32(REAL))) == pytest.approx(generator_loss, rel=1e-6)


@pytest.mark.parametrize("name", EXPECTED)
def test_logits_in_bfloat16_are_averaged_in_float32(name: str) -> None:
    # 1000 equal values: a bfloat16 sum would lose most of them (it has 8 bits of mantissa).
    loss = EXPECTED[name][0]
    real = ops.full((10, 10, 10, 1), 0.71875, dtype="bfloat16")
    fake = ops.full((10, 10, 10, 1), 0.28125, dtype="bfloat16")
    in_float32 = loss.discriminator_loss(ops.cast(real, "float32"), ops.cast(fake, "float32"))
    assert value(loss.discriminator_loss(real, fake)) == value(in_float32)
    assert value(loss.generator_loss(fake)) == value(loss.generator_loss(ops.cast(fake, "float32")))


def test_lsgan_by_hand() -> None:
    loss = LeastSquaresLoss(LeastSquaresOptions())
    real, fake = float32(np.array([[1.0], [3.0]])), float32(np.array([[0.5], [-1.5]]))
    # (0² + 2²)/2 + (0.25 + 2.25)/2 = 2 + 1.25
    assert value(loss.discriminator_loss(real, fake)) == 3.25
    # (0.25 + 6.25)/2
    assert value(loss.generator_loss(fake)) == 3.25


def test_vanilla_at_zero_logits_is_log_two() -> None:
    loss = VanillaLoss(VanillaOptions())
    zeros = float32(np.zeros((2, 3)))
    assert value(loss.discriminator_loss(zeros, zeros)) == pytest.approx(2 * math.log(2), rel=1e-6)
    assert value(loss.generator_loss(zeros)) == pytest.approx(math.log(2), rel=1e-6)


@pytest.mark.parametrize("logit", [-300.0, 300.0])
def test_vanilla_is_finite_and_linear_at_extreme_logits(logit: float) -> None:
    loss = VanillaLoss(VanillaOptions())
    extreme = float32(np.full((2, 2), logit))
    # -log σ(x) → max(0, -x), -log(1 - σ(x)) → max(0, x).
    assert value(loss.generator_loss(extreme)) == pytest.approx(max(0.0, -logit), abs=1e-6)
    assert value(loss.discriminator_loss(extreme, extreme)) == pytest.approx(300.0, rel=1e-6)


def test_smoothing_out_of_range_is_refused() -> None:
    with pytest.raises(ValidationError):
        VanillaOptions(real_label=1.1)
    with pytest.raises(ValidationError):
        VanillaOptions(real_label=0.0)


def test_pairwise_losses_are_means_over_all_elements() -> None:
    l1, l2 = MeanAbsoluteError(Options()), MeanSquaredError(Options())
    assert value(l1(float32(REAL), float32(FAKE))) == pytest.approx(np.mean(np.abs(REAL - FAKE)), rel=1e-6)
    assert value(l2(float32(REAL), float32(FAKE))) == pytest.approx(np.mean((REAL - FAKE) ** 2), rel=1e-6)
    target, prediction = np.array([0.0, 1.0, -1.0, 4.0]), np.array([1.0, 1.0, 2.0, 2.0])
    # |.| 1 0 3 2, squares 1 0 9 4
    assert value(l1(float32(target), float32(prediction))) == 1.5
    assert value(l2(float32(target), float32(prediction))) == 3.5


def test_pairwise_losses_take_bfloat16_in_float32() -> None:
    target = ops.cast(np.full((4, 8, 8, 3), 0.75), "bfloat16")
    prediction = ops.cast(np.full((4, 8, 8, 3), 0.703125), "bfloat16")
    assert value(MeanAbsoluteError(Options())(target, prediction)) == 0.046875
    assert value(MeanSquaredError(Options())(target, prediction)) == pytest.approx(0.046875**2, rel=1e-6)


def test_every_record_makes_its_loss() -> None:
    import importlib

    for spec in gantk_losses():
        if spec.name == "perceptual":  # needs a file of weights: test_perceptual.py
            continue
        module, _, attribute = spec.factory.partition(":")
        loss = getattr(importlib.import_module(module), attribute)(spec.options())
        if spec.role == "pairwise":
            least = spec.options().epsilon if spec.name == "charbonnier" else 0.0
            assert value(loss(float32(REAL), float32(REAL))) == pytest.approx(least)
        else:
            real = float32(REAL) if getattr(loss, "relativistic", False) else None
            assert np.isfinite(value(loss.generator_loss(float32(FAKE), real)))


def test_label_smoothing_moves_the_real_label_towards_the_other_for_the_discriminator_alone() -> None:
    real, fake = float32(REAL), float32(FAKE)
    squares = LeastSquaresLoss(LeastSquaresOptions(real_label=1, fake_label=-1, generator_label=1))
    found = value(squares.smoothed(0.25).discriminator_loss(real, fake))
    assert found == pytest.approx(np.mean((REAL - 0.5) ** 2) + np.mean((FAKE + 1) ** 2), rel=1e-5)
    assert value(squares.smoothed(0.25).generator_loss(fake)) == value(squares.generator_loss(fake))
    vanilla = VanillaLoss(VanillaOptions())
    found = value(vanilla.smoothed(0.1).discriminator_loss(real, fake))
    expected = -np.mean(0.9 * log_sigmoid(REAL) + 0.1 * log_sigmoid(-REAL)) - np.mean(log_sigmoid(-FAKE))
    assert found == pytest.approx(expected, rel=1e-5)
    assert value(vanilla.smoothed(0.1).generator_loss(fake)) == value(vanilla.generator_loss(fake))
    for unlabelled in (HingeLoss(Options()), WassersteinLoss(Options())):
        assert not hasattr(unlabelled, "smoothed")


def test_the_boundary_is_where_real_and_generated_are_equally_probable() -> None:
    # There the ideal discriminator's derivative is zero: that of the loss of one real and one generated sample alike.
    assert LeastSquaresLoss(LeastSquaresOptions(real_label=1, fake_label=-0.5)).boundary == 0.25
    assert VanillaLoss(VanillaOptions()).boundary == 0.0
    smoothed = VanillaLoss(VanillaOptions(real_label=0.8)).boundary
    assert 1 / (1 + math.exp(-smoothed)) == pytest.approx(0.4)
    for loss in (VanillaLoss(VanillaOptions(real_label=0.8)), LeastSquaresLoss(LeastSquaresOptions(fake_label=-1))):
        around = [
            value(loss.discriminator_loss(float32(np.array([at])), float32(np.array([at]))))
            for at in (loss.boundary - 0.1, loss.boundary, loss.boundary + 0.1)
        ]
        assert around[1] < min(around[0], around[2])
    assert HingeLoss(Options()).boundary == 0.0
    assert not hasattr(WassersteinLoss(Options()), "boundary")


def test_relativistic_average_is_its_formula() -> None:
    loss = RelativisticAverageLoss(Options())
    real, fake = REAL - FAKE.mean(), FAKE - REAL.mean()
    discriminator_loss = -0.5 * (np.mean(log_sigmoid(real)) + np.mean(log_sigmoid(-fake)))
    generator_loss = -0.5 * (np.mean(log_sigmoid(fake)) + np.mean(log_sigmoid(-real)))
    assert value(loss.discriminator_loss(float32(REAL), float32(FAKE))) == pytest.approx(discriminator_loss, rel=1e-6)
    assert value(loss.generator_loss(float32(FAKE), float32(REAL))) == pytest.approx(generator_loss, rel=1e-6)
    # By hand: real 1 and 3, generated 0 and 2 are 0 and 2 above the others' mean 1, and 2 and 0 below theirs.
    real, fake = float32(np.array([[1.0], [3.0]])), float32(np.array([[0.0], [2.0]]))
    softplus = [math.log1p(math.exp(-x)) for x in (0, 2)]
    assert value(loss.discriminator_loss(real, fake)) == pytest.approx(0.5 * (sum(softplus) / 2 + sum(softplus) / 2))


def test_relativistic_average_needs_real_images_and_has_no_boundary() -> None:
    loss = RelativisticAverageLoss(Options())
    assert loss.relativistic
    assert not hasattr(loss, "boundary")
    with pytest.raises(ConfigError, match="does not show real images"):
        loss.generator_loss(float32(FAKE))
    # Only differences count.
    moved = value(loss.generator_loss(float32(FAKE + 50), float32(REAL + 50)))
    assert moved == pytest.approx(value(loss.generator_loss(float32(FAKE), float32(REAL))), rel=1e-5)
    large = float32(np.full((2, 2), 300.0))
    assert value(loss.generator_loss(-large, large)) == pytest.approx(600.0)


def test_charbonnier_is_its_formula() -> None:
    loss = CharbonnierLoss(CharbonnierOptions(epsilon=0.5))
    expected = np.mean(np.sqrt((REAL - FAKE) ** 2 + 0.25))
    assert value(loss(float32(REAL), float32(FAKE))) == pytest.approx(expected, rel=1e-6)
    # √(1.2² + 0.5²) = 1.3, √(0 + 0.5²) = 0.5
    assert value(loss(float32(np.array([1.0, 2.0])), float32(np.array([-0.2, 2.0])))) == pytest.approx(0.9)
    halves = ops.cast(np.full((4, 4), 0.75), "bfloat16"), ops.cast(np.full((4, 4), 0.703125), "bfloat16")
    assert value(CharbonnierLoss(CharbonnierOptions(epsilon=1e-6))(*halves)) == pytest.approx(0.046875, rel=1e-5)
    with pytest.raises(ValidationError):
        CharbonnierOptions(epsilon=0)
