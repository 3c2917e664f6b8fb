"""A tiny model whose discriminator sees augmented pictures, and what is tried with it on either backend."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops
from pydantic import TypeAdapter

from gantk import AdversarialModel, ModelContext
from gantk.engine.augmentation import build_augmentation
from gantk.engine.augmentation.options import AugmentationOptions
from gantk.engine.building import set_seeds
from gantk.engine.checkpoints import read_checkpoint
from gantk.engine.options import TrainingOptions
from gantk.engine.training import train

SHAPE = (8, 8, 3)
STEPS = 4
OPTIONS = {
    "diffaugment": {"type": "diffaugment"},
    "ada": {"type": "ada", "probability": 0.4, "interval": 2, "speed_kimg": 0.05},
}


def augmentation(options, seed=0):
    return build_augmentation(TypeAdapter(AugmentationOptions).validate_python(options), seed=seed)


class AugmentedTranslation(AdversarialModel):
    """Least-squares translation of A to B; the judge sees A and B or the translation, changed alike."""

    def __init__(self, context):
        translator = keras.Sequential(
            [keras.Input(SHAPE), layers.Conv2D(4, 3, padding="same", activation="relu"), layers.Conv2D(3, 1)]
        )
        judge = keras.Sequential(
            [
                keras.Input((*SHAPE[:2], 6)),
                layers.Conv2D(4, 3, strides=2, activation="tanh"),
                layers.Flatten(),
                layers.Dense(1),
            ]
        )
        super().__init__(
            context,
            networks={"translator": translator, "judge": judge},
            trained_by={"generators": ["translator"], "discriminators": ["judge"]},
            losses=["generators", "discriminators", "probability"],
            directions={"AtoB": "translator"},
        )
        self.augmentation = build_augmentation(context.training.augmentation, seed=context.seed)

    def adversarial_step(self, batch):
        translator, judge = self.networks["translator"], self.networks["judge"]

        def seen(images):
            return judge(self.augmentation(ops.concatenate([batch["A"], images], axis=-1), judged=3), training=True)

        def generator_loss():
            fake = translator(batch["A"], training=True)
            return ops.mean(ops.square(seen(fake) - 1.0)), fake

        loss_of_generator, fake = self.minimize("generators", generator_loss)
        fake = ops.stop_gradient(fake)

        def discriminator_loss():
            real_logits = seen(batch["B"])
            self.augmentation.observe(real_logits, boundary=0.5)
            return ops.mean(ops.square(real_logits - 1.0)) + ops.mean(ops.square(seen(fake))), None

        loss_of_discriminator, _ = self.minimize("discriminators", discriminator_loss)
        return {
            "generators": loss_of_generator,
            "discriminators": loss_of_discriminator,
            "probability": self.augmentation.probability,
        }


def build(name, *, seed=0, **changes):
    training = TrainingOptions(batch_size=4, augmentation=OPTIONS[name], log_every=3, **changes)
    set_seeds(seed)
    model = AugmentedTranslation(ModelContext({"A": SHAPE, "B": SHAPE}, training, steps_per_epoch=STEPS, seed=seed))
    model.compile()
    return model, training


def batches(step):
    while True:
        random = np.random.default_rng([3, step])
        yield {name: random.uniform(-1, 1, (4, *SHAPE)).astype("f4") for name in "AB"}
        step += 1


def trained(name, directory, *, resume=False, **changes):
    """Train for two epochs.

    Returns:
        The states of the checkpoints after the first and the second.
    """
    model, training = build(name, epochs=2, **changes)
    train(
        model,
        batches=batches,
        training=training,
        steps_per_epoch=STEPS,
        directory=directory,
        resume=resume,
        progress=False,
    )
    paths = [directory / "checkpoints" / f"step-{epoch * STEPS:08d}.safetensors" for epoch in (1, 2)]
    return [read_checkpoint(path)[1] for path in paths]


def resumed(name, directory, **changes):
    """Train the second epoch once more, from the checkpoint of the first; return the state after it."""
    (directory / "checkpoints" / f"step-{2 * STEPS:08d}.safetensors").unlink()
    return trained(name, directory, resume=True, **changes)[1]


def changed_state(before, after):
    """The names of what is neither weight nor moment and has changed."""
    return [key.rsplit(".", 1)[-1] for key in after if key.startswith("model/") and np.any(before[key] != after[key])]


def gradient_of_a_linear_function(name, judged=None):
    """Both sides of ⟨w, f(x + d) - f(x)⟩ = ⟨∇⟨w, f(x)⟩, d⟩, which holds exactly where f is affine.

    Returns:
        The two numbers, and the size of the terms they are sums of.
    """
    model, _ = build(name)
    layer = model.augmentation
    random = np.random.default_rng(1)
    x, d, w = (random.uniform(-1, 1, (6, *SHAPE[:2], 6)).astype("f4") for _ in range(3))
    state = np.asarray(keras.ops.convert_to_numpy(layer.seed_generator.state.value)).copy()

    def changed(images):
        # The same random numbers at every call.
        layer.seed_generator.state.assign(state)
        return layer(images, judged=judged)

    difference = keras.ops.convert_to_numpy(changed(x + d)) - keras.ops.convert_to_numpy(changed(x))
    gradient = keras.ops.convert_to_numpy(model.input_gradient(lambda images: changed(images) * w, x))
    left = float(np.sum(w.astype("f8") * difference))
    right = float(np.sum(gradient.astype("f8") * d))
    return left, right, float(np.sqrt(np.sum(np.square(gradient * d))))


def fixed_numbers(rows, batch=5, seed=7):
    """Uniform and normal numbers that are the same in every process."""
    random = np.random.default_rng(seed)
    return random.uniform(0, 1, (rows, batch)).astype("f4"), random.standard_normal((4, batch)).astype("f4")


def with_given_numbers():
    """What every change makes of the same pictures with the same numbers, by name: tensors."""
    from gantk.engine.augmentation import blitting, color, diffaugment, geometry

    uniform, normal = fixed_numbers(7)
    images = np.random.default_rng(8).uniform(-1, 1, (5, 9, 9, 3)).astype("f4")
    placement = geometry.Placement()
    probability = ops.convert_to_tensor(0.7, "float32")
    placement.draw((9, 9), uniform, normal, probability)
    return {
        "color": diffaugment.color(images, uniform),
        "translation": diffaugment.translation(images, uniform),
        "cutout": diffaugment.cutout(images, uniform),
        "flip_and_turn": blitting.flip_and_turn(images, uniform, probability),
        "shift": blitting.shift(images, *blitting.whole_pixel_shifts((9, 9), uniform, probability)),
        "warp": geometry.warp(images, placement),
        "change_colors": color.change_colors(images, uniform, normal, probability),
    }
