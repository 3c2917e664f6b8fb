"""The game between one discriminator and whoever makes its fakes, with everything the training options say of it."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from gantk.engine.augmentation import build_augmentation
from gantk.engine.instance_noise import add_noise, noise_deviation
from gantk.engine.label_conditioning import LabelUse, class_accuracy, class_loss, label_maps, read_logits
from gantk.engine.penalties import build_penalty
from gantk.engine.penalties.options import PenaltyOptions
from gantk.errors import ConfigError
from gantk.protocols import AdversarialLoss

if TYPE_CHECKING:
    from gantk.engine.augmentation.augmentation import Augmentation
    from gantk.engine.model import AdversarialModel

logger = logging.getLogger("gantk.engine")

_SEEDS = 1000
"""Where the seeds of games begin, after those that a model gives to its own parts."""


class AdversarialGame:
    """Both losses of a discriminator's game; `AdversarialModel.adversarial_game` makes one.

    What the training options ask for happens in this order: images are augmented; instance noise is added to everything
    the discriminator sees; the discriminator judges; its loss is taken with smoothed labels; penalties on its slope are
    added, at the images as it saw them. Without such options the losses are those of the discriminator's bare logits, and
    nothing random is drawn. Real and generated images go through the discriminator as one batch where none of its layers
    mixes samples: the result is the same, with fewer and larger operations.

    Beside the model's own losses these values are reported, each under the discriminator's name and a word, such as
    `discriminator_a_r1`: `accuracy`, the share of right answers about real and generated images (of losses that have a
    `boundary`); each penalty, with its weight, as of the step that computed it last; `augmentation`, the probability of
    each change (ADA); `class_accuracy`, the share of real images whose label an auxiliary classifier finds.

    Args:
        model: The model; its networks are built.
        network: Name of the discriminator.
        loss: The adversarial loss.
        labels: How the discriminator takes labels into account (`gantk.engine.label_conditioning`); None: not at all.
        lambda_class: Weights of the auxiliary classifier's loss in the discriminator's and in the generator's.
        penalties: Those of the model's set-up, where the training options name none.

    Raises:
        ConfigError: Label smoothing of a loss without labels, or ADA with a loss that has no boundary between real and
            generated.

    Example:
        ```python
        # in the model's __init__, after super().__init__(…)
        self.game = self.adversarial_game("discriminator", options.adversarial_loss.create())
        # in its adversarial_step; `condition` is for a discriminator that sees the generator's input too
        self.minimize("generators", lambda: (self.game.generator_loss(fake, condition=source), None))
        self.minimize("discriminators", lambda: (self.game.discriminator_loss(real, fake, condition=source), None))
        ```
    """

    def __init__(
        self,
        model: AdversarialModel,
        network: str,
        loss: AdversarialLoss,
        *,
        labels: LabelUse | None = None,
        lambda_class: tuple[float, float] = (1.0, 1.0),
        penalties: Sequence[PenaltyOptions] = (),
    ) -> None:
        training = model.context.training
        self.network = network
        self.loss = loss
        self.labels = labels
        self.lambda_class = lambda_class
        self._model = model
        self._training = training
        self._boundary: float | None = getattr(loss, "boundary", None)
        self._discriminator_loss = _smoothed(loss, training.label_smoothing)
        seed = model.context.seed + _SEEDS + 2 * len(model.games)
        self.state = _GameState(seed=seed, name=f"{network}_game")
        self._augmentation = self._build_augmentation(seed + 1)
        asked = training.penalties or penalties
        self._penalties = [(options, build_penalty(options, self.state.random)) for options in asked]
        if training.penalties and not model.joined[network]:
            logger.warning(
                "penalties on %s: a layer of it may mix the samples of a batch (batch normalization does), so that the "
                "slope of an image is not its own alone; `normalization: instance` or `none` keeps images apart",
                network,
            )
        words = [] if self._boundary is None else ["accuracy"]
        words += [penalty.type for penalty in asked]
        if training.augmentation is not None and training.augmentation.type == "ada":
            words.append("augmentation")
        if labels == "auxiliary":
            words.append("class_accuracy")
        self._values = {word: self.state.add_value(word) for word in words}

    def generator_loss(self, fake: Any, real: Any = None, condition: Any = None, labels: Any = None) -> Any:
        """Compute the loss of whoever made the fakes.

        Args:
            fake: Generated images, float in [-1, 1], batch × height × width × channels, static.
            real: Real images, for losses that compare the two (relativistic ones); by default the loss sees none.
            condition: Images of the same batch, height and width that the discriminator sees before the channels of the
                judged ones.
            labels: One-hot, float, batch × classes, of real and generated images alike; in a game with labels.

        Returns:
            A float32 scalar.
        """
        condition = self._with_labels(condition, fake, labels)
        if real is None:
            (outputs,) = self._judge(*self._seen(condition, fake))
            loss = self.loss.generator_loss(read_logits(outputs, labels, self.labels))
        else:
            real_outputs, outputs = self._judge(*self._seen(condition, real, fake))
            loss = self.loss.generator_loss(
                read_logits(outputs, labels, self.labels), read_logits(real_outputs, labels, self.labels)
            )
        return loss + self.lambda_class[1] * class_loss(outputs, labels) if self.labels == "auxiliary" else loss

    def discriminator_loss(self, real: Any, fake: Any, condition: Any = None, labels: Any = None) -> Any:
        """Compute the loss of the discriminator, penalties included.

        Args:
            real: Real images, float in [-1, 1], batch × height × width × channels, static.
            fake: Generated images, likewise; not to be differentiated.
            condition: As for `generator_loss`; the same for both.
            labels: As for `generator_loss`; the same for both.

        Returns:
            A float32 scalar.
        """
        condition = self._with_labels(condition, real, labels)
        real_seen, fake_seen = self._seen(condition, real, fake)
        outputs = self._judge(real_seen, fake_seen)
        real_logits, fake_logits = (read_logits(one, labels, self.labels) for one in outputs)
        self._observe(real_logits, fake_logits)
        loss = self._discriminator_loss.discriminator_loss(real_logits, fake_logits)
        if self.labels == "auxiliary":
            loss = loss + self.lambda_class[0] * (class_loss(outputs[0], labels) + class_loss(outputs[1], labels))
            self._values["class_accuracy"].assign(class_accuracy(outputs[0], labels))
        slope = self._slope(judged=real.shape[-1], labels=labels)
        for options, penalty in self._penalties:
            value = functools.partial(penalty, slope, real_seen, fake_seen, real_logits)
            loss = loss + self._regularly(options, value)
        return loss

    def reported(self) -> tuple[str, ...]:
        """Return the names of the values reported beside the model's losses."""
        return tuple(f"{self.network}_{word}" for word in self._values)

    def report(self) -> dict[str, Any]:
        """Return these values, float32 scalars, as of the last `discriminator_loss`."""
        return {f"{self.network}_{word}": variable.value for word, variable in self._values.items()}

    def _build_augmentation(self, seed: int) -> Augmentation | None:
        options = self._training.augmentation
        if options is None:
            return None
        if options.type == "ada" and self._boundary is None:
            raise ConfigError(
                "The augmentation `ada` needs an adversarial loss with a boundary between real and generated.\n"
                f"Received: {type(self.loss).__name__}",
                hint="Use the augmentation `diffaugment`, or a loss such as vanilla, lsgan or hinge.",
            )
        # An attribute of the state, so that its variables are the model's.
        self.state.augmentation = build_augmentation(options, seed=seed, name=f"{self.network}_augmentation")
        return self.state.augmentation

    def _with_labels(self, condition: Any, images: Any, labels: Any) -> Any:
        """Return the condition with what the discriminator sees of the labels.

        Raises:
            ValueError: The game is one with labels and was given none, or the other way round.
        """
        if (labels is None) != (self.labels is None):
            raise ValueError(
                f"a game with labels={self.labels!r} is given the labels of its images in that case only. "
                f"Received: labels {'missing' if labels is None else 'given'}"
            )
        if self.labels != "input":
            return condition
        maps = ops.cast(label_maps(labels, *images.shape[1:3]), images.dtype)
        return maps if condition is None else ops.concatenate([condition, maps], axis=-1)

    def _judge(self, *seen: Any) -> list[Any]:
        return self._model.call_joined(self.network, *seen)

    def _seen(self, condition: Any, *images: Any) -> list[Any]:
        """Return what the discriminator is to see of each batch of images."""
        seen = list(images) if condition is None else [ops.concatenate([condition, one], axis=-1) for one in images]
        if self._augmentation is not None:
            seen = [self._augmentation(one, judged=images[0].shape[-1]) for one in seen]
        noise = self._training.instance_noise
        if noise is not None:
            model = self._model
            deviation = noise_deviation(noise, model.training_step, steps_per_epoch=model.context.steps_per_epoch)
            seen = [add_noise(one, deviation, self.state.random) for one in seen]
        return seen

    def _observe(self, real_logits: Any, fake_logits: Any) -> None:
        if self._boundary is not None:
            taken_for_real = [
                ops.mean(ops.cast(ops.cast(logits, "float32") > self._boundary, "float32"))
                for logits in (real_logits, fake_logits)
            ]
            self._values["accuracy"].assign(0.5 * (1.0 + taken_for_real[0] - taken_for_real[1]))
        if self._augmentation is not None and self._boundary is not None:
            self._augmentation.observe(real_logits, self._boundary)
        if self._augmentation is not None and "augmentation" in self._values:
            self._values["augmentation"].assign(self._augmentation.probability)

    def _slope(self, *, judged: int, labels: Any) -> Callable[[Any], Any]:
        network = self._model.networks[self.network]

        def slope(seen: Any) -> Any:
            given = seen[..., : seen.shape[-1] - judged]

            def logits(images: Any) -> Any:
                whole = ops.concatenate([given, images], axis=-1) if given.shape[-1] else images
                return read_logits(network(whole, training=True), labels, self.labels)

            return self._model.input_gradient(logits, seen[..., seen.shape[-1] - judged :])

        return slope

    def _regularly(self, options: PenaltyOptions, penalty: Callable[[], Any]) -> Any:
        """Compute a penalty where it is due, as many times as it is left out, and keep its last value."""
        kept = self._values[options.type]
        if options.every == 1:
            value = penalty()
            kept.assign(value)
            return value
        due = ops.equal(ops.mod(ops.convert_to_tensor(self._model.training_step), options.every), 0)
        value = self._model.evaluate_if(due, penalty)
        kept.assign(ops.where(due, value, kept.value))
        return options.every * value


class _GameState(keras.layers.Layer):
    """The variables of a game: random states and the values it reports."""

    def __init__(self, *, seed: int, name: str) -> None:
        super().__init__(name=name, dtype="float32", trainable=False)
        self.random = keras.random.SeedGenerator(seed)
        self.built = True

    def add_value(self, name: str) -> keras.Variable:
        """Return a variable for a reported value."""
        return self.add_weight(shape=(), initializer="zeros", dtype="float32", trainable=False, name=name)


def _smoothed(loss: AdversarialLoss, label_smoothing: float) -> AdversarialLoss:
    """Return the loss with the label of real images moved towards that of generated ones.

    Raises:
        ConfigError: The loss has no labels.
    """
    if not label_smoothing:
        return loss
    if not hasattr(loss, "smoothed"):
        raise ConfigError(
            "Label smoothing needs an adversarial loss with labels.\n"
            f"Received: label_smoothing: {label_smoothing} with {type(loss).__name__}",
            hint="Leave out label_smoothing, or use a loss with labels: vanilla, lsgan.",
        )
    smoothed: AdversarialLoss = loss.smoothed(label_smoothing)
    return smoothed
