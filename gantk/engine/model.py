"""The model class that every adversarial set-up derives from."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import keras
from keras import ops

from gantk.engine.adversarial_game import AdversarialGame
from gantk.engine.backend import use_jit
from gantk.engine.ema import copy_network, update_average
from gantk.engine.latent_preview import latent_preview
from gantk.engine.latents import LatentOptions
from gantk.engine.loss_scale import DynamicLossScale
from gantk.engine.model_context import ModelContext
from gantk.engine.network_names import check_names
from gantk.engine.optimizers import OptimizerGroup
from gantk.engine.options import OptimizerOptions
from gantk.engine.phases import Phase, phase_starts
from gantk.engine.plateau import Plateau
from gantk.engine.sample_independence import samples_independent
from gantk.engine.schedules import ScheduledLearningRate
from gantk.engine.updates import GradientUpdates
from gantk.errors import ConfigError, PluginError, RunFailed

if TYPE_CHECKING:
    from gantk.config.components import Component
    from gantk.engine.label_conditioning import LabelUse
    from gantk.engine.penalties.options import PenaltyOptions
    from gantk.protocols import AdversarialLoss


class AdversarialModel(GradientUpdates, keras.Model):
    """Networks and optimizers tied together by one training step, for Keras' own `fit`.

    A subclass builds its networks, names which optimizer trains which, and writes ONE method,
    `adversarial_step`, as if everything ran eagerly: call networks, differentiate with `gradients` (or
    `minimize`), update with `apply_gradients`. The same method runs compiled on TensorFlow and JAX, in
    graph or XLA. It imports `keras` only. Gradient accumulation, loss scaling, moving averages, the
    learning-rate schedule and the step counter need no line in it.

    Everything with variables that the step uses (networks, `ImagePool`, layers, `keras.random.SeedGenerator`)
    must be an attribute of the model (or a value in a list or dict that is one): so it is part of the compiled step's
    state and of the checkpoints. Random functions need such a `SeedGenerator`.

    Args:
        context: What the model is built for; a `ModelContext`.
        networks: Built networks by name. Each name appears in checkpoints and error messages.
        trained_by: Which networks each optimizer trains: optimizer name → names of networks. A network that no
            optimizer trains is frozen.
        losses: The names that `adversarial_step` returns.
        directions: What a trained model does: a direction (`AtoB`, or any name) → the name of its network.
        optimizers: Options by optimizer name, which the pipeline's `optimizers` may change.
        averaged: Names of the networks that a moving average is kept of when the pipeline asks for one;
            by default the networks of `directions`.
        components: What the networks of `directions` were built from, by the networks' names: saved with the trained
            weights, so that the bundle can build them again.
        latents: By direction, the latent vectors that its network makes images of; no entry for a translation.
        takes_labels: Whether the networks of `latents` are given the labels of the data, too.
        phases: Of a training whose images grow, one after the other; empty: all steps are alike.
        average_decay: Decay of the moving average where the training options' `ema` gives none; None: then none is kept.

    Raises:
        ValueError: Names that do not agree with each other.

    Example:
        ```python
        import keras

        from gantk import AdversarialModel, OptimizerOptions, draw_latents


        class WassersteinGAN(AdversarialModel):
            '''WGAN (Arjovsky 2017): image = generator(latent). With `penalties: [{type: gradient}]` WGAN-GP.'''

            def __init__(self, options, context):
                height, width, channels = context.shapes["image"]
                generator = keras.Sequential(
                    [
                        keras.Input((options.latents.size,)),
                        keras.layers.Dense(height * width * channels, activation="tanh"),
                        keras.layers.Reshape((height, width, channels), dtype="float32"),
                    ]
                )
                critic = options.discriminator.create(input_shape=context.shapes["image"])
                slow = OptimizerOptions(learning_rate=1e-4, beta_1=0.0, beta_2=0.9)
                super().__init__(
                    context,
                    networks={"generator": generator, "critic": critic},
                    trained_by={"generator": ["generator"], "critic": ["critic"]},
                    losses=["generator_loss", "critic_loss"],
                    directions={"sample": "generator"},
                    latents={"sample": options.latents},
                    optimizers={"generator": slow, "critic": slow},
                )
                self.game = self.adversarial_game("critic", options.adversarial_loss.create())
                self.options = options
                self.random = keras.random.SeedGenerator(context.seed)

            def draw(self, count):
                latents = draw_latents(self.options.latents, count, self.random)
                return self.networks["generator"](latents, training=True)

            def adversarial_step(self, batch):
                for part in self.discriminator_batches(batch):
                    real = part["image"]
                    fake = self.draw(real.shape[0])
                    critic, _ = self.minimize("critic", lambda: (self.game.discriminator_loss(real, fake), None))
                count = real.shape[0]
                generator, _ = self.minimize("generator", lambda: (self.game.generator_loss(self.draw(count)), None))
                return {"generator_loss": generator, "critic_loss": critic}
        ```
        To use one forward pass twice, return it as the second value of the first loss function and use it,
        through `ops.stop_gradient`, in the next: what CycleGAN does with the generators' images.
    """

    def __init__(
        self,
        context: ModelContext,
        *,
        networks: Mapping[str, keras.Model],
        trained_by: Mapping[str, Sequence[str]],
        losses: Sequence[str],
        directions: Mapping[str, str],
        optimizers: Mapping[str, OptimizerOptions] | None = None,
        averaged: Sequence[str] | None = None,
        components: Mapping[str, Component] | None = None,
        latents: Mapping[str, LatentOptions] | None = None,
        takes_labels: bool = False,
        phases: Sequence[Phase] = (),
        average_decay: float | None = None,
    ) -> None:
        super().__init__()
        self.context = context
        self.losses_reported = tuple(losses)
        self.directions = dict(directions)
        self.components = dict(components or {})
        self.latents = dict(latents or {})
        self.classes = context.classes if takes_labels else ()
        self.phases = tuple(phases)
        self.phase = 0
        check_names(networks, trained_by=trained_by, directions=directions, averaged=averaged)
        self.networks = dict(networks)
        self.trained_by = {name: tuple(trained) for name, trained in trained_by.items()}
        trained = {name for group in self.trained_by.values() for name in group}
        for name, network in self.networks.items():
            if not network.built:
                raise ValueError(f"Network {name!r} must be built before the model is. Received: one without weights")
            if name not in trained:
                network.trainable = False

        training = context.training
        self.average_decay = average_decay if training.ema is None else training.ema
        names = tuple(averaged if averaged is not None else dict.fromkeys(self.directions.values()))
        self.ema_networks = {name: copy_network(self.networks[name]) for name in names} if self.average_decay else {}

        self.training_step = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="training_step"
        )
        self.loss_scale = DynamicLossScale() if training.precision == "float16" else None
        self.plateau = Plateau(training.schedule) if training.schedule.type == "plateau" else None
        self.joined = {name: samples_independent(network) for name, network in self.networks.items()}
        self.games: dict[str, AdversarialGame] = {}
        self._game_states: list[keras.layers.Layer] = []
        self._trackers = {name: keras.metrics.Mean(name=name, dtype="float32") for name in self.losses_reported}
        self.optimizers = OptimizerGroup(self._build_optimizers(optimizers or {}))
        self.built = True

    # -- what a subclass writes ---------------------------------------------------------------------------

    def adversarial_step(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Update every network once from one batch; written by the subclass.

        Args:
            batch: Fields of one batch, such as `{"A": images, "B": images}`; images are float32 in
                [-1, 1], batch × height × width × channels, with a static shape.

        Returns:
            The scalar losses by exactly the names given as `losses`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define adversarial_step(batch)")

    def preview(self, batch: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Show what the model does with a batch; a subclass may add columns such as `reconstruction`.

        Args:
            batch: As for `adversarial_step`; the same one at every preview of a run.

        Returns:
            Images by direction and column, in the order to be shown: `{"AtoB": {"input": …, "output": …}}`.
            Here: for each direction with latent vectors a grid of images, of the same vectors at every call; for each
            named `XtoY`, field `X` of the batch and its translation.

        Raises:
            NotImplementedError: A direction of another form; the subclass must then write its own.
        """
        shown: dict[str, dict[str, Any]] = {}
        for direction, network in self.inference_networks().items():
            if direction in self.latents:
                shown[direction] = latent_preview(network, self.latents[direction], self.classes, self.context.seed)
                continue
            source, separator, _ = direction.partition("to")
            if not separator or source not in batch:
                raise NotImplementedError(
                    f"{type(self).__name__} must define preview(batch), since its direction {direction!r} does not "
                    f"name a field of the batch. Received: fields {', '.join(batch)}"
                )
            shown[direction] = {"input": batch[source], "output": network(batch[source], training=False)}
        return shown

    def after_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Take note of how an epoch went; called between steps, before the checkpoint of the epoch's end.

        Variables may be read and assigned here, on every backend; what is kept must be a variable of the model.

        Args:
            epoch: The epoch that has ended, counted from one.
            values: The mean of each loss over the epoch by its name and, after an epoch with an evaluation, every
                measured value under `metric.value`, such as `cycle_error.cycle_error_a`.
        """

    def enter_phase(self, number: int, *, begin: bool) -> None:
        """Make the step of a phase the one that is trained; called between steps, of a model with `phases`.

        A subclass that has networks to grow extends it, and calls this first.

        Args:
            number: Number of the phase, counted from zero; then in `self.phase`.
            begin: Whether it begins now, so that optimizers forget what they know; not where a run is continued in
                the midst of it.
        """
        self.phase = number
        for optimizer in self.optimizers.members.values():
            optimizer._learning_rate.phase_factor = self.phases[number].learning_rate_factor
        if begin and number:
            self.reset_optimizers()
        # Keras compiles anew.
        self.train_function = None

    # -- what a subclass uses -----------------------------------------------------------------------------

    def adversarial_game(
        self,
        network: str,
        loss: AdversarialLoss,
        *,
        labels: LabelUse | None = None,
        lambda_class: tuple[float, float] = (1.0, 1.0),
        penalties: Sequence[PenaltyOptions] = (),
    ) -> AdversarialGame:
        """Return the game of a discriminator against whoever makes its fakes; called in the subclass' `__init__`.

        The game does what the training options say of discriminators (augmentation, instance noise, label smoothing,
        penalties); what it reports is added to the model's losses.

        Args:
            network: Name of the discriminator.
            loss: The adversarial loss.
            labels: How the discriminator takes the labels of images into account: `input`, `projection` or `auxiliary`.
            lambda_class: Weights of an auxiliary classifier's loss in the discriminator's and in the generator's.
            penalties: Those of this set-up, where the training options name none.

        Raises:
            ConfigError: The options do not go with this loss.
        """
        game = AdversarialGame(self, network, loss, labels=labels, lambda_class=lambda_class, penalties=penalties)
        self.games[network] = game
        self._game_states.append(game.state)
        self.losses_reported = (*self.losses_reported, *game.reported())
        self._trackers.update({name: keras.metrics.Mean(name=name, dtype="float32") for name in game.reported()})
        return game

    def check_game_options(self) -> None:
        """Make sure that training options which only a game takes note of meet a game.

        Raises:
            ConfigError: There are some, and the model has no game.
        """
        options = ("augmentation", "instance_noise", "label_smoothing", "penalties")
        unused = [name for name in options if getattr(self.context.training, name)]
        if unused and not self.games:
            raise ConfigError(
                f"{type(self).__name__} must play its losses as adversarial games to follow these options of training.\n"
                f"Received: {', '.join(unused)}",
                hint="Leave them out, or use a model that takes them.",
            )

    def call_joined(self, network: str, *inputs: Any) -> list[Any]:
        """Call a network in training mode on several batches, in one call where that changes nothing.

        Args:
            network: Name of the network.
            inputs: Batches; each of any size.

        Returns:
            The result for each.
        """
        called = self.networks[network]
        if len(inputs) == 1 or not self.joined[network] or len({tuple(batch.shape[1:]) for batch in inputs}) > 1:
            return [called(batch, training=True) for batch in inputs]
        ends = list(itertools.accumulate(batch.shape[0] for batch in inputs))
        return ops.split(called(ops.concatenate(inputs, axis=0), training=True), ends[:-1], axis=0)

    def reset_optimizers(self) -> None:
        """Let every optimizer begin as if no step had been taken; called between steps."""
        for variable in self.optimizers.variables:
            variable.assign(ops.zeros(variable.shape, variable.dtype))

    @property
    def phase_step(self) -> Any:
        """Steps taken in this phase before the one in progress, int32 scalar; for use in `adversarial_step`."""
        return ops.convert_to_tensor(self.training_step) - phase_starts(self.phases)[self.phase]

    def discriminator_batches(self, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Split the samples of a step into one batch for each update of the discriminators.

        The first is also the generators'. A model that does not call this takes `discriminator_steps: 1` only.

        Args:
            batch: What `adversarial_step` is given: `batch_size` · `discriminator_steps` samples of each field.
        """
        self._batches_are_split = True
        steps = self.context.training.discriminator_steps
        # Every so many-th sample: where a batch lies on several devices each keeps its share.
        return [{name: value[first::steps] for name, value in batch.items()} for first in range(steps)]

    # -- what the rest of gantk uses ----------------------------------------------------------------------

    @property
    def generators(self) -> dict[str, keras.Model]:
        """The networks in training, by direction."""
        return {direction: self.networks[name] for direction, name in self.directions.items()}

    def inference_networks(self) -> dict[str, keras.Model]:
        """Return the networks to use and to save, by direction: the averaged ones where an average is kept."""
        return {
            direction: self.ema_networks.get(name, self.networks[name]) for direction, name in self.directions.items()
        }

    def inference_components(self) -> dict[str, Component]:
        """Return what the networks of `inference_networks` were built from, by direction.

        Raises:
            PluginError: The model does not say it of every direction.
        """
        missing = sorted({name for name in self.directions.values() if name not in self.components})
        if missing:
            raise PluginError(
                f"{type(self).__name__} must give `components` for the networks of its directions, or what it has "
                f"learnt cannot be saved. Received: none for {', '.join(missing)}"
            )
        return {direction: self.components[name] for direction, name in self.directions.items()}

    def networks_to_save(self) -> dict[str, tuple[keras.Model, Component]]:
        """Return what the bundle of a trained model holds: by direction a network, and what it was built from.

        Raises:
            PluginError: The model does not say what a network was built from.
        """
        components = self.inference_components()
        return {direction: (network, components[direction]) for direction, network in self.inference_networks().items()}

    def compile(self, *, jit: Literal["auto"] | bool | None = None, run_eagerly: bool = False, **kwargs: Any) -> None:
        """Make the model ready for `fit`.

        Args:
            jit: XLA: `auto` where there is a GPU or TPU; JAX always compiles. By default as the training options say.
            run_eagerly: Run the step uncompiled, to debug it.
            **kwargs: For `keras.Model.compile`.
        """
        super().compile(
            optimizer=self.optimizers,
            jit_compile=not run_eagerly and use_jit(self.context.training.jit if jit is None else jit),
            run_eagerly=run_eagerly,
            auto_scale_loss=False,
            **kwargs,
        )

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self._trackers.values())

    def call(self, inputs: Any) -> Any:
        """Refuse: an adversarial model is several networks.

        Raises:
            TypeError: Always.
        """
        raise TypeError(
            "Call one of the model's networks, such as model.inference_networks()[direction](images). "
            f"Received: a call of {type(self).__name__}"
        )

    # -- inside the compiled step -------------------------------------------------------------------------

    def _training_step(self, data: Any) -> dict[str, Any]:
        self._batches_are_split = self.context.training.discriminator_steps == 1
        losses = dict(self.adversarial_step(data[0] if isinstance(data, tuple) else data))
        if not self._batches_are_split:
            raise ConfigError(
                f"{type(self).__name__} must take its batches from discriminator_batches(batch) to update discriminators "
                "several times a step.\n"
                f"Received: discriminator_steps: {self.context.training.discriminator_steps}",
                hint="Set discriminator_steps: 1, or use a model that takes more.",
            )
        for game in self.games.values():
            losses.update(game.report())
        if set(losses) != set(self.losses_reported):
            raise RunFailed(
                f"{type(self).__name__}.adversarial_step must return the losses {', '.join(self.losses_reported)}.\n"
                f"Received: {', '.join(losses)}",
                hint="Make the names in `losses` and those that the step returns the same.",
            )
        losses = {name: ops.cast(losses[name], "float32") for name in self.losses_reported}
        self._update_averages()
        if self.loss_scale is not None:
            self.loss_scale.end_step()
        self.training_step.assign_add(ops.ones((), "int32"))
        for name, value in losses.items():
            self._trackers[name].update_state(value)
        return losses

    def _update_averages(self) -> None:
        if self.average_decay is None:
            return
        rate: Any = 1.0 - self.average_decay
        every = self.context.training.accumulate
        if every > 1:
            # Weights change at every N-th step only, and one change is averaged in once.
            # Optimizers begin to count anew in each phase.
            step = self.phase_step if self.phases else self.training_step
            updated = ops.equal(ops.mod(step + 1, every), 0)
            rate = rate * ops.cast(updated, "float32")
        for name, average in self.ema_networks.items():
            update_average(average, self.networks[name], rate)

    def _state_variables(self) -> list[keras.Variable]:
        """Return every variable that the step may read or change."""
        return [*self.variables, *self.optimizers.variables, *self.metrics_variables]

    # -- construction -------------------------------------------------------------------------------------

    def _build_optimizers(self, defaults: Mapping[str, OptimizerOptions]) -> dict[str, keras.optimizers.Optimizer]:
        unknown = self.context.training.optimizers.keys() - self.trained_by.keys()
        if unknown:
            raise RunFailed(
                f"{type(self).__name__} has no such optimizer; it has {', '.join(self.trained_by)}.\n"
                f"Received: optimizers: {', '.join(sorted(unknown))}",
                hint="Use the model's names under `optimizers` of the train stage.",
            )
        optimizers = {}
        for name in self.trained_by:
            optimizer = self.context.optimizer(name, defaults.get(name))
            optimizer.build(self.variables_of(name))
            if isinstance(optimizer._learning_rate, ScheduledLearningRate):
                optimizer._learning_rate.follow(self.training_step, self.plateau.factor if self.plateau else None)
            optimizers[name] = optimizer
        return optimizers
