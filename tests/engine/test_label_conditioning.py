"""Labels in a game, against the papers' formulas in float64 NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from game_models import LabelledLoss, PlainLoss
from keras import layers, ops

from gantk import AdversarialModel, ModelContext, OptimizerOptions
from gantk.engine.label_conditioning import class_accuracy, class_loss, label_maps, outputs_needed, read_logits
from gantk.engine.options import TrainingOptions

RANDOM = np.random.default_rng(3)
CLASSES = 3
OUTPUTS = RANDOM.normal(size=(5, 1 + CLASSES)).astype("f4")
PATCHES = RANDOM.normal(size=(4, 2, 3, 1 + CLASSES)).astype("f4")
NUMBERS = np.array([0, 2, 1, 1, 2])


def one_hot(numbers):
    return np.eye(CLASSES, dtype="f4")[numbers]


def log_softmax(values):
    values = values.astype("f8")
    return values - np.log(np.sum(np.exp(values), axis=-1, keepdims=True))


def test_a_label_is_laid_out_as_a_white_channel_among_black_ones():
    maps = ops.convert_to_numpy(label_maps(one_hot([2, 0]), 2, 3))
    assert maps.shape == (2, 2, 3, CLASSES)
    np.testing.assert_array_equal(maps[0], np.broadcast_to([-1, -1, 1], (2, 3, 3)))
    np.testing.assert_array_equal(maps[1], np.broadcast_to([1, -1, -1], (2, 3, 3)))


def test_the_projections_logit_by_hand():
    # ψ = 0.5; the numbers of the classes are 1, -2, 4: 0.5 + 1, 0.5 - 2, 0.5 + 4.
    outputs = np.array([[0.5, 1, -2, 4]] * 3, "f4")
    found = ops.convert_to_numpy(read_logits(outputs, one_hot([0, 1, 2]), "projection"))
    np.testing.assert_array_equal(found, [[1.5], [-1.5], [4.5]])


def test_the_projection_is_the_papers_inner_product_for_outputs_linear_in_the_features():
    # Miyato 2018, equation 3: f(x, y) = yᵀVφ(x) + ψ(φ(x)).
    features, weights, psi = RANDOM.normal(size=(5, 7)), RANDOM.normal(size=(CLASSES, 7)), RANDOM.normal(size=7)
    labels = one_hot(NUMBERS)
    expected = np.einsum("ny,yf,nf->n", labels, weights, features) + features @ psi
    outputs = features @ np.concatenate([psi[None], weights]).T
    found = ops.convert_to_numpy(read_logits(outputs.astype("f4"), labels, "projection"))
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("use", [None, "input", "auxiliary", "projection"])
def test_patches_have_a_logit_each(use):
    labels = one_hot(NUMBERS[:4])
    found = ops.convert_to_numpy(read_logits(PATCHES, labels, use))
    expected = PATCHES if use in (None, "input") else PATCHES[..., :1].copy()
    if use == "projection":
        for sample, number in enumerate(NUMBERS[:4]):
            expected[sample, ..., 0] += PATCHES[sample, ..., 1 + number]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_class_loss_is_the_mean_cross_entropy_in_nats():
    for outputs, numbers in ((OUTPUTS, NUMBERS), (PATCHES, NUMBERS[:4])):
        expected = -np.mean(np.stack([log_softmax(outputs[n, ..., 1:])[..., k] for n, k in enumerate(numbers)]))
        assert float(class_loss(outputs, one_hot(numbers))) == pytest.approx(expected, rel=1e-5)
    # Of no preference among three classes: log 3.
    assert float(class_loss(np.zeros((2, 4), "f4"), one_hot([0, 1]))) == pytest.approx(np.log(3), rel=1e-6)


def test_the_class_loss_of_half_precision_is_computed_in_float32():
    outputs = np.array([[0, 20.0, -30000.0, -30000.0]], "f2")
    assert float(class_loss(outputs, one_hot([0]))) == pytest.approx(0.0, abs=1e-6)
    assert np.isfinite(float(class_loss(outputs, one_hot([1]))))


def test_the_class_accuracy_counts_judgements():
    outputs = np.array([[9, 1, 0, 0], [9, 0, 2, 1], [0, 0, 0, 3], [0, 5, 0, 3]], "f4")
    assert float(class_accuracy(outputs, one_hot([0, 2, 2, 0]))) == pytest.approx(0.75)


@pytest.mark.parametrize(("use", "expected"), [(None, 1), ("input", 1), ("projection", 4), ("auxiliary", 4)])
def test_outputs_needed(use, expected):
    assert outputs_needed(use, CLASSES) == expected


class LinearGame(AdversarialModel):
    """A discriminator that is one linear map of a 2 × 2 image, with labels."""

    def __init__(self, labels, loss, training=None, lambda_class=(1.0, 1.0)):
        channels = 2 + (CLASSES if labels == "input" else 0)
        judge = keras.Sequential(
            [keras.Input((2, 2, channels)), layers.Flatten(), layers.Dense(outputs_needed(labels, CLASSES))]
        )
        other = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
        super().__init__(
            ModelContext({"image": (2, 2, 2)}, TrainingOptions.model_validate(training or {}), classes=("a", "b", "c")),
            networks={"judge": judge, "other": other},
            trained_by={"judges": ["judge"], "others": ["other"]},
            losses=["loss"],
            directions={"sample": "other"},
            optimizers={"judges": OptimizerOptions(type="sgd", learning_rate=1e-9, beta_1=0.0)},
        )
        self.game = self.adversarial_game("judge", loss, labels=labels, lambda_class=lambda_class)

    def judged(self, images):
        kernel, bias = (ops.convert_to_numpy(weight).astype("f8") for weight in self.networks["judge"].weights)
        return images.reshape(len(images), -1).astype("f8") @ kernel + bias


REAL, FAKE = (RANDOM.uniform(-1, 1, (5, 2, 2, 2)).astype("f4") for _ in range(2))
LABELS = one_hot(NUMBERS)


def test_the_auxiliary_games_losses_are_acgans():
    # Odena 2017, equations 2 and 3: the discriminator maximizes L_S + L_C, the generator L_C - L_S.
    model = LinearGame("auxiliary", LabelledLoss(), lambda_class=(0.5, 0.25))
    real, fake = model.judged(REAL), model.judged(FAKE)
    rows = np.arange(5)
    of_real, of_fake = (-np.mean(log_softmax(judged[:, 1:])[rows, NUMBERS]) for judged in (real, fake))
    expected = np.mean((real[:, 0] - 1) ** 2) + np.mean(fake[:, 0] ** 2) + 0.5 * (of_real + of_fake)
    assert float(model.game.discriminator_loss(REAL, FAKE, labels=LABELS)) == pytest.approx(expected, rel=1e-5)
    expected = np.mean((fake[:, 0] - 1) ** 2) + 0.25 * of_fake
    assert float(model.game.generator_loss(FAKE, labels=LABELS)) == pytest.approx(expected, rel=1e-5)
    assert model.losses_reported == ("loss", "judge_accuracy", "judge_class_accuracy")
    found = float(model.game.report()["judge_class_accuracy"])
    assert found == pytest.approx(np.mean(np.argmax(real[:, 1:], axis=1) == NUMBERS))


def test_the_projection_games_logits_know_the_label():
    model = LinearGame("projection", PlainLoss())
    real, fake = (
        judged[:, 0] + judged[np.arange(5), 1 + NUMBERS] for judged in (model.judged(REAL), model.judged(FAKE))
    )
    found = float(model.game.discriminator_loss(REAL, FAKE, labels=LABELS))
    assert found == pytest.approx(fake.mean() - real.mean(), rel=1e-4)
    assert float(model.game.generator_loss(FAKE, labels=LABELS)) == pytest.approx(-fake.mean(), rel=1e-5)


def test_the_input_game_lays_the_labels_before_the_images():
    model = LinearGame("input", PlainLoss())
    maps = np.broadcast_to(2 * LABELS[:, None, None, :] - 1, (5, 2, 2, CLASSES))
    expected = -model.judged(np.concatenate([maps, FAKE], axis=-1)).mean()
    assert float(model.game.generator_loss(FAKE, labels=LABELS)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("use", ["input", "projection", "auxiliary"])
def test_a_gradient_penalty_is_that_of_the_logit_by_the_image(use):
    model = LinearGame(use, PlainLoss(), {"penalties": [{"type": "r1", "weight": 2.0}]})
    kernel = ops.convert_to_numpy(model.networks["judge"].weights[0]).astype("f8")
    if use == "input":
        # The numbers of the label's channels are no numbers of the image.
        kernel = kernel.reshape(2, 2, CLASSES + 2, 1)[:, :, CLASSES:].reshape(-1, 1)
    slopes = np.repeat(kernel[:, :1], 5, axis=1)
    if use == "projection":
        slopes += kernel[:, 1 + NUMBERS]
    model.game.discriminator_loss(REAL, FAKE, labels=LABELS)
    found = float(model.game.report()["judge_r1"])
    assert found == pytest.approx(np.mean(np.sum(slopes**2, axis=0)), rel=1e-5)


@pytest.mark.parametrize(("use", "labels", "told"), [("input", None, "missing"), (None, LABELS, "given")])
def test_labels_that_are_missing_or_not_asked_for_are_an_error(use, labels, told):
    model = LinearGame(use, PlainLoss())
    with pytest.raises(ValueError, match=f"Received: labels {told}"):
        model.game.generator_loss(FAKE, labels=labels)
