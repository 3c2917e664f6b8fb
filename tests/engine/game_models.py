"""A small image model that plays the game, and a critic whose slopes are known, as a plugin. Also run in subprocesses."""

import keras
from keras import layers, ops

import gantk
from gantk import AdversarialModel, ModelContext, ModelSpec, OptimizerOptions

SHAPES = {"A": (8, 8, 2), "B": (8, 8, 3)}


class LabelledLoss:
    """Least squares with the labels 0 and 1, and label smoothing."""

    boundary = 0.5

    def __init__(self, real_label=1.0):
        self.real_label = real_label

    def discriminator_loss(self, real_logits, fake_logits):
        real_part = ops.mean(ops.square(ops.cast(real_logits, "float32") - self.real_label))
        return real_part + ops.mean(ops.square(ops.cast(fake_logits, "float32")))

    def generator_loss(self, fake_logits, real_logits=None):
        loss = ops.mean(ops.square(ops.cast(fake_logits, "float32") - 1.0))
        return loss if real_logits is None else loss + 100.0 * ops.mean(ops.cast(real_logits, "float32"))

    def smoothed(self, label_smoothing):
        return LabelledLoss(self.real_label * (1.0 - label_smoothing))


class PlainLoss:
    """The critic's loss of a WGAN: no labels, no boundary."""

    def discriminator_loss(self, real_logits, fake_logits):
        return ops.mean(ops.cast(fake_logits, "float32")) - ops.mean(ops.cast(real_logits, "float32"))

    def generator_loss(self, fake_logits, real_logits=None):
        return -ops.mean(ops.cast(fake_logits, "float32"))


class TinyGame(AdversarialModel):
    """Translates A to B; the discriminator sees A beside B."""

    def __init__(self, options, context):
        generator = keras.Sequential(
            [
                keras.Input((None, None, 2)),
                layers.Conv2D(4, 1, activation="tanh"),
                layers.Conv2D(3, 1, activation="tanh", dtype="float32"),
            ]
        )
        discriminator = keras.Sequential(
            [
                keras.Input((None, None, 5)),
                layers.Conv2D(4, 3, strides=2, activation="tanh"),
                layers.Conv2D(1, 1, dtype="float32"),
            ]
        )
        slow = OptimizerOptions(learning_rate=1e-3)
        super().__init__(
            context,
            networks={"translator": generator, "judge": discriminator},
            trained_by={"generators": ["translator"], "discriminators": ["judge"]},
            losses=["generator_loss", "discriminator_loss"],
            directions={"AtoB": "translator"},
            optimizers={"generators": slow, "discriminators": slow},
        )
        self.game = self.adversarial_game("judge", LabelledLoss())

    def adversarial_step(self, batch):
        translator, game = self.networks["translator"], self.game

        def generator_loss(source):
            fake = translator(source, training=True)
            return game.generator_loss(fake, condition=source), fake

        losses, fake = [], None
        for part in self.discriminator_batches(batch):
            if fake is None:
                source = part["A"]
                loss_of_generator, fake = self.minimize("generators", lambda source=source: generator_loss(source))
            else:
                fake = translator(part["A"], training=True)
            seen = part["B"], ops.stop_gradient(fake), part["A"]
            losses.append(self.minimize("discriminators", lambda seen=seen: (game.discriminator_loss(*seen), None))[0])
        return {"generator_loss": loss_of_generator, "discriminator_loss": sum(losses) / len(losses)}


class LinearCritic(AdversarialModel):
    """D(x) = w · x at every position of an image, w given for each channel: its slope is w at every pixel."""

    def __init__(self, weights, training, loss=None, *, condition=0, square=False, **context):
        shape = (2, 2, len(weights))
        image = keras.Input(shape)
        kernel = keras.initializers.Constant([[[[value] for value in weights]]])
        dense = layers.Conv2D(1, 1, use_bias=False, kernel_initializer=kernel)
        logits = dense(layers.Multiply()([image, image]) if square else image)
        critic = keras.Model(image, logits)
        other = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
        super().__init__(
            ModelContext({"B": shape}, training, **context),
            networks={"critic": critic, "other": other},
            trained_by={"critics": ["critic"], "others": ["other"]},
            losses=["loss"],
            directions={"AtoB": "other"},
            optimizers={"critics": OptimizerOptions(type="sgd", learning_rate=1e-9, beta_1=0.0)},
        )
        self.game = self.adversarial_game("critic", PlainLoss() if loss is None else loss)

    def adversarial_step(self, batch):
        loss, _ = self.minimize("critics", lambda: (self.game.discriminator_loss(batch["real"], batch["fake"]), None))
        return {"loss": loss}


@gantk.hookimpl
def gantk_models():
    return [ModelSpec(name="tiny_game", factory=f"{__name__}:TinyGame", summary="For tests.", layout="aligned")]
