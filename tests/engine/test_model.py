"""The adversarial step: gradients worked out by hand, updates, averages, loss scaling, and its complaints."""

from __future__ import annotations

import textwrap
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tiny_models
from keras import ops

from gantk import AdversarialModel, LatentOptions, ModelContext, OptimizerOptions, Options, RunFailed
from gantk.engine.batches import StepBatches
from gantk.engine.options import OptimizerChanges, ScheduleOptions, TrainingOptions
from gantk.engine.precision import precision_scope
from gantk_losses.wasserstein import WassersteinLoss

SGD = OptimizerOptions(type="sgd", learning_rate=0.5, beta_1=0.0)


def line(weight):
    """The network y = w x + b, with b = 0."""
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    network.layers[0].kernel.assign(np.full((1, 1), weight, "f4"))
    return network


class TwoLines(AdversarialModel):
    """Losses whose derivatives are easy: `first` minimises mean(w² x²), `second` mean(w x)."""

    def __init__(self, training, *, losses=("first_loss", "second_loss"), factor=1.0, **arguments):
        super().__init__(
            ModelContext({"x": (1,)}, training, steps_per_epoch=2),
            networks={"first": line(2.0), "second": line(3.0)},
            trained_by={"one": ["first"], "two": ["second"]},
            losses=losses,
            directions={"XtoY": "first"},
            optimizers={"one": SGD, "two": SGD},
            **arguments,
        )
        self.factor = factor

    def adversarial_step(self, batch):
        x = batch["x"]
        first, second = self.networks["first"], self.networks["second"]
        first_loss, outputs = self.minimize("one", lambda: self._square(first(x, training=True)))
        second_loss, _ = self.minimize("two", lambda: (self.factor * ops.mean(second(x, training=True)), None))
        # `outputs` of the first forward pass, used after the update that followed it.
        return {"first_loss": first_loss, "second_loss": second_loss + 0.0 * ops.mean(outputs)}

    @staticmethod
    def _square(outputs):
        return ops.mean(ops.square(outputs)), outputs


X = np.array([[1.0], [2.0]], "f4")


def fit(model, steps=1, batch=None):
    batch = {"x": X} if batch is None else batch
    return model.fit(StepBatches(iter([batch] * steps)), steps_per_epoch=steps, verbose=0).history


def weight(network):
    return float(ops.convert_to_numpy(network.layers[0].kernel.value)[0, 0])


@pytest.fixture(params=["eager", "compiled"])
def compiled(request):
    def prepare(model):
        model.compile(run_eagerly=request.param == "eager")
        return model

    return prepare


def test_each_optimizer_updates_its_own_network(compiled):
    model = compiled(TwoLines(TrainingOptions()))
    history = fit(model)
    # mean(w² x²) = 4 · 2.5 = 10, derivative 2 w · 2.5 = 10; mean(w x) = 3 · 1.5, derivative 1.5.
    assert history["first_loss"][0] == pytest.approx(10.0)
    assert history["second_loss"][0] == pytest.approx(4.5)
    assert weight(model.networks["first"]) == pytest.approx(2.0 - 0.5 * 10.0)
    assert weight(model.networks["second"]) == pytest.approx(3.0 - 0.5 * 1.5)
    assert int(model.training_step) == 1


def test_the_history_holds_epoch_means():
    model = TwoLines(TrainingOptions())
    model.compile()
    history = fit(model, steps=2)
    # The second step: w = -3 and b = 2 · mean(w x) · -0.5 = -3, so the outputs are -6 and -9.
    assert history["first_loss"][0] == pytest.approx((10.0 + (36 + 81) / 2) / 2)


def test_accumulation_updates_every_second_step_with_the_mean(compiled):
    model = compiled(TwoLines(TrainingOptions(accumulate=2)))
    fit(model, steps=1)
    assert weight(model.networks["first"]) == 2.0
    fit(model, steps=1, batch={"x": 3 * X})
    # Derivatives 10 and 90 at the same weight.
    assert weight(model.networks["first"]) == pytest.approx(2.0 - 0.5 * 50.0)
    assert weight(model.networks["second"]) == pytest.approx(3.0 - 0.5 * (1.5 + 4.5) / 2)


def test_the_schedule_counts_training_steps():
    schedule = ScheduleOptions(type="linear", constant=1, decay=1)
    model = TwoLines(TrainingOptions(schedule=schedule))
    model.compile()
    rates = []
    for _ in range(3):
        fit(model, steps=2)
        rates.append(float(model.optimizers["one"].learning_rate))
    # Epochs of two steps: after the first the factor is that of epoch 2, 1/2; after the second 0.
    assert rates == pytest.approx([0.25, 0.0, 0.0])


def test_the_average_follows_by_its_decay(compiled):
    model = compiled(TwoLines(TrainingOptions(ema=0.75)))
    fit(model)
    average = model.inference_networks()["XtoY"]
    assert average is not model.networks["first"]
    # The weight went from 2 to -3.
    assert weight(average) == pytest.approx(0.75 * 2.0 + 0.25 * -3.0)
    assert weight(model.generators["XtoY"]) == pytest.approx(-3.0)


def test_the_average_counts_updates_not_accumulated_steps():
    model = TwoLines(TrainingOptions(ema=0.75, accumulate=2))
    model.compile()
    fit(model, steps=2)
    assert weight(model.inference_networks()["XtoY"]) == pytest.approx(0.75 * 2.0 + 0.25 * -3.0)


def test_without_an_average_inference_uses_the_network_itself():
    model = TwoLines(TrainingOptions())
    assert model.inference_networks()["XtoY"] is model.networks["first"]


def test_batchnorm_statistics_are_copied_into_the_average():
    model = tiny_models.build("tiny_wgan", TrainingOptions(ema=0.999))
    images = np.random.default_rng(0).uniform(-1, 1, (8, 2, 2, 3)).astype("f4")
    fit(model, steps=3, batch={"image": images})
    for average, network in zip(
        model.ema_networks["generator"].weights, model.networks["generator"].weights, strict=True
    ):
        moved = not np.allclose(average, network, atol=1e-7)
        assert moved == network.trainable, network.path


def test_input_gradient_and_its_derivative():
    """y = w x² has slope 2 w x; the penalty mean(slope²) = 4 w² mean(x²) has the derivative 8 w mean(x²)."""
    model = TwoLines(TrainingOptions())
    kernel = model.networks["first"].layers[0].kernel
    slope = model.input_gradient(lambda x: ops.square(x) * kernel, X)
    np.testing.assert_allclose(ops.convert_to_numpy(slope), 2 * 2.0 * X, rtol=1e-6)

    def penalty():
        return ops.mean(ops.square(model.input_gradient(lambda x: ops.square(x) * kernel, X))), None

    loss, _, gradients = model.gradients(penalty, [kernel])
    assert float(loss) == pytest.approx(4 * 4 * 2.5)
    assert ops.convert_to_numpy(gradients[0]).item() == pytest.approx(8 * 2 * 2.5)


def test_a_variable_the_loss_does_not_need_has_a_zero_gradient():
    model = TwoLines(TrainingOptions())
    variables = [*model.variables_of("one"), *model.variables_of("two")]
    _, _, gradients = model.gradients(lambda: (ops.mean(model.networks["first"](X)), None), variables)
    values = [ops.convert_to_numpy(gradient).item() for gradient in gradients]
    assert values == pytest.approx([1.5, 1.0, 0.0, 0.0])


def test_float16_gradients_are_true_ones_and_small_ones_survive():
    """A derivative of 1.5e-8 is below float16's smallest number, 6e-8, and above it once scaled."""
    with precision_scope("float16"):
        model = TwoLines(TrainingOptions(precision="float16"), factor=1e-8)
    kernel = model.networks["second"].layers[0].kernel
    _, _, gradients = model.gradients(
        lambda: (1e-8 * ops.cast(ops.mean(model.networks["second"](X)), "float32"), None), [kernel]
    )
    assert ops.convert_to_numpy(gradients[0]).item() == pytest.approx(1.5e-8, rel=0.01)


def test_an_overflow_skips_that_update_and_halves_the_scale(compiled):
    model = compiled(TwoLines(TrainingOptions(precision="float16"), factor=1.0))
    model.loss_scale.growth_steps = 2
    fit(model)
    assert weight(model.networks["first"]) == pytest.approx(-3.0)
    assert float(model.loss_scale.scale) == 2.0**15
    before = weight(model.networks["first"])
    # Squares of 1e19 overflow float32; the other loss is finite and its update is made.
    fit(model, batch={"x": np.array([[1e19], [1.0]], "f4")})
    assert weight(model.networks["first"]) == before
    assert int(model.optimizers["one"].iterations) == 1
    assert int(model.optimizers["two"].iterations) == 2
    assert weight(model.networks["second"]) < -1e18
    assert float(model.loss_scale.scale) == 2.0**14
    model.networks["second"].layers[0].kernel.assign(np.ones((1, 1), "f4"))
    fit(model, steps=2)
    assert float(model.loss_scale.scale) == 2.0**15
    assert int(model.training_step) == 4


def test_an_untrained_network_is_frozen():
    class Frozen(AdversarialModel):
        def __init__(self):
            super().__init__(
                ModelContext({"x": (1,)}),
                networks={"first": line(1.0), "critic": line(1.0)},
                trained_by={"one": ["first"]},
                losses=["loss"],
                directions={"XtoY": "first"},
            )

    model = Frozen()
    assert model.networks["critic"].trainable_variables == []
    assert len(model.variables_of("one")) == 2


def test_a_frozen_layer_of_a_trained_network_stays_frozen():
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, trainable=False), keras.layers.Dense(1)])
    model = AdversarialModel(
        ModelContext({"x": (1,)}),
        networks={"first": network},
        trained_by={"one": ["first"]},
        losses=["loss"],
        directions={"XtoY": "first"},
    )
    assert [id(variable) for variable in model.variables_of("one")] == [
        id(value) for value in network.layers[1].weights
    ]


def test_the_example_of_the_documentation_trains():
    code = textwrap.dedent(AdversarialModel.__doc__.split("```python")[1].split("```")[0])
    names = {}
    exec(code, names)

    def critic(input_shape):
        layers = [
            keras.Input(input_shape),
            keras.layers.Flatten(),
            keras.layers.Dense(4, "tanh"),
            keras.layers.Dense(1),
        ]
        return keras.Sequential(layers)

    options = SimpleNamespace(
        latents=LatentOptions(size=3),
        discriminator=SimpleNamespace(create=critic),
        adversarial_loss=SimpleNamespace(create=lambda: WassersteinLoss(Options())),
    )
    training = TrainingOptions.model_validate(
        {"ema": 0.9, "batch_size": 2, "discriminator_steps": 2, "penalties": [{"type": "gradient"}]}
    )
    model = names["WassersteinGAN"](options, ModelContext({"image": (2, 2, 1)}, training))
    model.compile()
    images = np.random.default_rng(0).uniform(-1, 1, (4, 2, 2, 1)).astype("f4")
    before = ops.convert_to_numpy(model.networks["generator"].layers[0].kernel.value).copy()
    history = fit(model, steps=2, batch={"image": images})
    assert np.isfinite(history["critic_loss"][0])
    assert np.abs(ops.convert_to_numpy(model.networks["generator"].layers[0].kernel.value) - before).max() > 1e-5


def test_losses_of_other_names_are_refused():
    model = TwoLines(TrainingOptions(), losses=("first_loss", "other"))
    model.compile()
    with pytest.raises(
        RunFailed, match=r"(?s)must return the losses first_loss, other.*Received: first_loss, second_loss"
    ):
        fit(model)


def test_a_loss_that_is_no_scalar_is_refused():
    model = TwoLines(TrainingOptions())
    with pytest.raises(ValueError, match=r"scalar loss first. Received: shape \(2, 1\)"):
        model.gradients(lambda: (model.networks["first"](X), None), model.variables_of("one"))


def test_an_unknown_optimizer_in_the_pipeline_is_refused():
    with pytest.raises(RunFailed, match=r"(?s)it has one, two.*Received: optimizers: three"):
        TwoLines(TrainingOptions(optimizers={"three": OptimizerChanges(learning_rate=1.0)}))


def test_the_pipeline_changes_what_it_names_of_an_optimizer_and_nothing_else():
    model = TwoLines(TrainingOptions(optimizers={"two": OptimizerChanges(learning_rate=0.25)}))
    assert float(model.optimizers["one"].learning_rate) == 0.5
    assert float(model.optimizers["two"].learning_rate) == 0.25
    # The model's own kind and momentum, not the defaults of the options: adam, 0.5.
    assert type(model.optimizers["two"]) is keras.optimizers.SGD
    assert model.optimizers["two"].momentum == 0.0


def test_zero_is_a_change_of_an_optimizer():
    default = OptimizerOptions(beta_1=0.9, gradient_clip_norm=2.0)
    changed = OptimizerChanges(beta_1=0.0).applied_to(default)
    assert changed == OptimizerOptions(beta_1=0.0, gradient_clip_norm=2.0)
    assert OptimizerChanges(gradient_clip_norm=0).applied_to(default) == OptimizerOptions(beta_1=0.9)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("trained_by", {"one": ["third"]}), ("directions", {"XtoY": "third"}), ("averaged", ["third"])],
)
def test_a_name_of_no_network_is_refused(argument, value):
    arguments = {
        "networks": {"first": line(1.0)},
        "trained_by": {"one": ["first"]},
        "directions": {"XtoY": "first"},
        "losses": ["loss"],
        argument: value,
    }
    with pytest.raises(ValueError, match=f"`{argument}` must name networks: first. Received: 'third'"):
        AdversarialModel(ModelContext({"x": (1,)}), **arguments)


def test_a_network_of_two_optimizers_is_refused():
    with pytest.raises(ValueError, match="Received: 'first' in two of `trained_by`"):
        AdversarialModel(
            ModelContext({"x": (1,)}),
            networks={"first": line(1.0)},
            trained_by={"one": ["first"], "two": ["first"]},
            losses=["loss"],
            directions={"XtoY": "first"},
        )


def test_calling_the_model_says_what_to_call():
    with pytest.raises(TypeError, match="inference_networks"):
        TwoLines(TrainingOptions()).call(X)


def test_preview_of_a_translation_and_of_anything_else():
    images = np.zeros((3, 2, 2, 3), "f4")
    shown = tiny_models.build("tiny_translation", TrainingOptions()).preview({"A": images, "B": images})
    assert list(shown) == ["AtoB"]
    assert list(shown["AtoB"]) == ["input", "output"]
    assert shown["AtoB"]["output"].shape == (3, 2, 2, 3)
    with pytest.raises(NotImplementedError, match=r"must define preview\(batch\)"):
        tiny_models.build("tiny_wgan", TrainingOptions()).preview({"image": images})


def test_the_same_seed_gives_the_same_weights():
    def weights(seed):
        model = tiny_models.build("tiny_wgan", TrainingOptions(), seed=seed)
        return np.concatenate(
            [np.ravel(ops.convert_to_numpy(value.value)) for value in model.networks["critic"].weights]
        )

    np.testing.assert_array_equal(weights(1), weights(1))
    assert not np.array_equal(weights(1), weights(2))


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="TensorFlow updates any variable in place")
def test_updating_a_variable_of_no_model_is_refused():
    stray = keras.random.SeedGenerator(0)

    class Stray(TwoLines):
        def adversarial_step(self, batch):
            losses = super().adversarial_step(batch)
            return {**losses, "second_loss": ops.sum(keras.random.uniform((1,), seed=stray))}

    model = Stray(TrainingOptions())
    model.compile()
    with pytest.raises(RunFailed, match="do not belong to the model"):
        fit(model)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX cannot tell")
def test_a_loss_of_other_variables_is_refused():
    model = TwoLines(TrainingOptions())
    with pytest.raises(RunFailed, match="does not depend on"):
        model.gradients(lambda: (ops.mean(model.networks["first"](X)), None), model.variables_of("two"))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_trains_with_float32_weights(precision):
    model = tiny_models.build("tiny_wgan", TrainingOptions(precision=precision))
    dense = model.networks["critic"].layers[1]
    assert dense.compute_dtype == precision
    assert {value.dtype for value in model.trainable_variables} == {"float32"}
    images = np.random.default_rng(0).uniform(-1, 1, (8, 2, 2, 3)).astype("f4")
    before = ops.convert_to_numpy(dense.kernel.value).copy()
    history = fit(model, steps=5, batch={"image": images})
    assert np.isfinite(history["critic_loss"][0])
    assert np.abs(ops.convert_to_numpy(dense.kernel.value) - before).max() > 1e-3
    assert keras.config.dtype_policy().name == "float32"
