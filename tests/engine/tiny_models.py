"""Two models small enough to train in milliseconds, as a plugin of their own. Also run as a script by subprocesses."""

import keras
from keras import layers, ops

import gantk
from gantk import AdversarialModel, ImagePool, ModelContext, ModelSpec, OptimizerOptions

LATENTS = 4


class TinyWGAN(AdversarialModel):
    """WGAN-GP on 2 × 2 × 3 images: second-order gradients, BatchNorm, random numbers, two optimizers."""

    def __init__(self, options, context):
        generator = keras.Sequential(
            [
                keras.Input((LATENTS,)),
                layers.Dense(8),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.Dense(12, activation="tanh", dtype="float32"),
                layers.Reshape((2, 2, 3), dtype="float32"),
            ]
        )
        critic = keras.Sequential(
            [
                keras.Input((2, 2, 3)),
                layers.Flatten(),
                layers.Dense(8, activation="tanh"),
                layers.Dense(1, dtype="float32"),
            ]
        )
        adam = OptimizerOptions(learning_rate=1e-2, beta_1=0.5, beta_2=0.9)
        super().__init__(
            context,
            networks={"generator": generator, "critic": critic},
            trained_by={"generator": ["generator"], "critic": ["critic"]},
            losses=["generator_loss", "critic_loss"],
            directions={"sample": "generator"},
            optimizers={"generator": adam, "critic": adam},
        )
        self.random = keras.random.SeedGenerator(context.seed + 1)

    def adversarial_step(self, batch):
        generator, critic, real = self.networks["generator"], self.networks["critic"], batch["image"]
        size = real.shape[0]

        def critic_loss():
            fake = generator(keras.random.normal((size, LATENTS), seed=self.random), training=True)
            mix = keras.random.uniform((size, 1, 1, 1), seed=self.random)
            slope = self.input_gradient(lambda x: critic(x, training=True), mix * real + (1 - mix) * fake)
            norm = ops.sqrt(ops.sum(ops.square(slope), axis=(1, 2, 3)) + 1e-12)
            difference = ops.mean(critic(fake, training=True)) - ops.mean(critic(real, training=True))
            return difference + 10.0 * ops.mean(ops.square(norm - 1.0)), None

        def generator_loss():
            fake = generator(keras.random.normal((size, LATENTS), seed=self.random), training=True)
            return -ops.mean(critic(fake, training=True)), None

        loss_of_critic, _ = self.minimize("critic", critic_loss)
        loss_of_generator, _ = self.minimize("generator", generator_loss)
        return {"generator_loss": loss_of_generator, "critic_loss": loss_of_critic}


class TinyTranslation(AdversarialModel):
    """Least-squares translation of A to B with an image pool: one forward pass used by two losses."""

    def __init__(self, options, context):
        height, width, channels = context.shapes["A"]
        generator = keras.Sequential(
            [
                keras.Input((None, None, channels)),
                layers.Conv2D(4, 1, activation="relu"),
                layers.Conv2D(channels, 1, activation="tanh", dtype="float32"),
            ]
        )
        discriminator = keras.Sequential(
            [
                keras.Input((None, None, channels)),
                layers.Conv2D(4, 1),
                layers.LeakyReLU(0.2),
                layers.Conv2D(1, 1, dtype="float32"),
            ]
        )
        super().__init__(
            context,
            networks={"translator": generator, "judge": discriminator},
            trained_by={"generators": ["translator"], "discriminators": ["judge"]},
            losses=["generator_loss", "discriminator_loss"],
            directions={"AtoB": "translator"},
        )
        self.pool = ImagePool((height, width, channels), 5, seed=context.seed + 2)

    def adversarial_step(self, batch):
        translator, judge = self.networks["translator"], self.networks["judge"]

        def generator_loss():
            fake = translator(batch["A"], training=True)
            return ops.mean(ops.square(judge(fake, training=True) - 1.0)), fake

        loss_of_generator, fake = self.minimize("generators", generator_loss)
        fake = self.pool(ops.stop_gradient(fake))

        def discriminator_loss():
            real_part = ops.mean(ops.square(judge(batch["B"], training=True) - 1.0))
            return 0.5 * (real_part + ops.mean(ops.square(judge(fake, training=True)))), None

        loss_of_discriminator, _ = self.minimize("discriminators", discriminator_loss)
        return {"generator_loss": loss_of_generator, "discriminator_loss": loss_of_discriminator}


SHAPES = {
    "tiny_wgan": {"image": (2, 2, 3)},
    "tiny_translation": {"A": (2, 2, 3), "B": (2, 2, 3)},
}
MODELS = {"tiny_wgan": TinyWGAN, "tiny_translation": TinyTranslation}


@gantk.hookimpl
def gantk_models():
    return [
        ModelSpec(name=name, factory=f"{__name__}:{MODELS[name].__name__}", summary="For tests.", layout="single")
        for name in MODELS
    ]


def build(name, training, *, steps_per_epoch=4, seed=0):
    """Build and compile a tiny model as the pipeline would."""
    from gantk.config.components import Component
    from gantk.engine.building import build_model
    from gantk.specs import Options

    context = ModelContext(SHAPES[name], training, steps_per_epoch=steps_per_epoch, seed=seed)
    spec = ModelSpec(name=name, factory=f"{__name__}:{MODELS[name].__name__}", summary="For tests.", layout="single")
    return build_model(Component(name, spec, Options()), context)
