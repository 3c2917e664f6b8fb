"""The model class that every adversarial set-up derives from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import keras
from keras import ops

from gantk.engine.backend import use_jit
from gantk.engine.ema import copy_network, update_average
from gantk.engine.loss_scale import DynamicLossScale
from gantk.engine.model_context import ModelContext
from gantk.engine.optimizers import OptimizerGroup
from gantk.engine.options import OptimizerOptions
from gantk.engine.schedules import ScheduledLearningRate
from gantk.errors import PluginError, RunFailed

if TYPE_CHECKING:
    from gantk.config.components import Component

    BackendStep = Any
elif keras.backend.backend() == "tensorflow":
    from gantk.engine.tensorflow_gradients import TensorFlowStep as BackendStep
elif keras.backend.backend() == "jax":
    from gantk.engine.jax_gradients import JaxStep as BackendStep
else:
    raise RunFailed(
        f"Training needs the TensorFlow or the JAX backend of Keras.\nReceived: {keras.backend.backend()!r}",
        hint="Set KERAS_BACKEND, or `runtime: {backend: …}` in the pipeline, to tensorflow or jax.",
    )


class AdversarialModel(BackendStep, keras.Model):
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
        optimizers: Default options by optimizer name; the pipeline's `optimizers` goes before them.
        averaged: Names of the networks that a moving average is kept of when the pipeline asks for one;
            by default the networks of `directions`.
        components: What the networks of `directions` were built from, by the networks' names: saved with the trained
            weights, so that the bundle can build them again.

    Raises:
        ValueError: Names that do not agree with each other.

    Example:
        ```python
        import keras
        from keras import ops

        from gantk import AdversarialModel, OptimizerOptions


        class WassersteinGAN(AdversarialModel):
            '''WGAN-GP (Gulrajani 2017): image = generator(latent).'''

            def __init__(self, options, context):
                height, width, channels = context.shapes["image"]
                generator = keras.Sequential(
                    [
                        keras.Input((options.latents,)),
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
                    optimizers={"generator": slow, "critic": slow},
                )
                self.latents = options.latents
                self.random = keras.random.SeedGenerator(context.seed)

            def draw(self, count):
                latents = keras.random.normal((count, self.latents), seed=self.random)
                return self.networks["generator"](latents, training=True)

            def adversarial_step(self, batch):
                critic, real = self.networks["critic"], batch["image"]
                size = real.shape[0]

                def critic_loss():
                    fake = self.draw(size)
                    mix = keras.random.uniform((size, 1, 1, 1), seed=self.random)
                    slope = self.input_gradient(lambda x: critic(x, training=True), mix * real + (1 - mix) * fake)
                    norm = ops.sqrt(ops.sum(ops.square(slope), axis=(1, 2, 3)) + 1e-12)
                    wasserstein = ops.mean(critic(fake, training=True)) - ops.mean(critic(real, training=True))
                    return wasserstein + 10.0 * ops.mean(ops.square(norm - 1.0)), None

                def generator_loss():
                    return -ops.mean(critic(self.draw(size), training=True)), None

                loss_of_critic, _ = self.minimize("critic", critic_loss)
                loss_of_generator, _ = self.minimize("generator", generator_loss)
                return {"generator_loss": loss_of_generator, "critic_loss": loss_of_critic}
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
    ) -> None:
        super().__init__()
        self.context = context
        self.losses_reported = tuple(losses)
        self.directions = dict(directions)
        self.components = dict(components or {})
        self._check_names(networks, trained_by, averaged)
        self.networks = dict(networks)
        self.trained_by = {name: tuple(trained) for name, trained in trained_by.items()}
        trained = {name for group in self.trained_by.values() for name in group}
        for name, network in self.networks.items():
            if not network.built:
                raise ValueError(f"Network {name!r} must be built before the model is. Received: one without weights")
            if name not in trained:
                network.trainable = False

        training = context.training
        self.average_decay = training.ema
        names = tuple(averaged if averaged is not None else dict.fromkeys(self.directions.values()))
        self.ema_networks = {name: copy_network(self.networks[name]) for name in names} if training.ema else {}

        self.training_step = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="training_step"
        )
        self.loss_scale = DynamicLossScale() if training.precision == "float16" else None
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
            Here: for each direction named `XtoY`, field `X` of the batch and its translation.

        Raises:
            NotImplementedError: A direction of another form; the subclass must then write its own.
        """
        shown = {}
        for direction, network in self.inference_networks().items():
            source, separator, _ = direction.partition("to")
            if not separator or source not in batch:
                raise NotImplementedError(
                    f"{type(self).__name__} must define preview(batch), since its direction {direction!r} does not "
                    f"name a field of the batch. Received: fields {', '.join(batch)}"
                )
            shown[direction] = {"input": batch[source], "output": network(batch[source], training=False)}
        return shown

    # -- what a subclass uses -----------------------------------------------------------------------------

    def variables_of(self, optimizer: str) -> list[keras.Variable]:
        """Return the trainable variables of the networks that an optimizer trains, in a fixed order."""
        return [variable for name in self.trained_by[optimizer] for variable in self.networks[name].trainable_variables]

    def gradients(
        self, loss_fn: Callable[[], tuple[Any, Any]], variables: Sequence[keras.Variable]
    ) -> tuple[Any, Any, list[Any]]:
        """Differentiate a loss.

        Args:
            loss_fn: A function without arguments that returns `(loss, aux)`: a scalar, and any tensors (in
                tuples, lists and dicts; or None) to be used after it. It may call networks in training mode and
                use random numbers.
            variables: By which to differentiate.

        Returns:
            `(loss, aux, gradients)`: the loss as a float32 scalar, `aux` as returned, and one gradient for each
            variable, float32, zero where the loss does not depend on it.
        """
        scale = self.loss_scale.scale.value if self.loss_scale is not None else None

        def scaled() -> tuple[Any, tuple[Any, Any]]:
            loss, aux = loss_fn()
            loss = ops.cast(loss, "float32")
            if loss.shape != ():
                raise ValueError(f"loss_fn must return a scalar loss first. Received: shape {tuple(loss.shape)}")
            return (loss if scale is None else loss * scale), (loss, aux)

        _, (loss, aux), gradients = self._differentiate(scaled, variables)
        if scale is not None:
            gradients = [gradient / scale for gradient in gradients]
        return loss, aux, gradients

    def input_gradient(self, fn: Callable[[Any], Any], x: Any) -> Any:
        """Differentiate the sum of `fn(x)` by `x`; may itself be differentiated, for gradient penalties.

        Args:
            fn: From a tensor to a tensor of any shape; with samples that do not depend on each other the
                result holds each sample's own gradient.
            x: Where to differentiate.

        Returns:
            A float32 tensor of the shape of `x`.
        """
        if self.loss_scale is None:
            return ops.cast(self._differentiate_input(lambda value: ops.cast(fn(value), "float32"), x), "float32")
        scale = self.loss_scale.scale.value
        gradient = self._differentiate_input(lambda value: ops.cast(fn(value), "float32") * scale, x)
        return ops.cast(gradient, "float32") / scale

    def apply_gradients(
        self, optimizer: str, gradients: Sequence[Any], variables: Sequence[keras.Variable] | None = None
    ) -> None:
        """Update variables; or, while accumulating, add to the mean that every N-th call applies.

        In float16 an update whose gradients are not finite is left out.

        Args:
            optimizer: Name of the optimizer.
            gradients: As `gradients` returns them.
            variables: What to update, among those of the optimizer's networks; by default `variables_of(optimizer)`.
        """
        variables = list(variables) if variables is not None else self.variables_of(optimizer)
        if self.loss_scale is None:
            self.optimizers[optimizer].apply(gradients, variables)
        else:
            finite = self.loss_scale.all_finite(gradients)
            self._apply_if(finite, self.optimizers[optimizer], gradients, variables)

    def minimize(self, optimizer: str, loss_fn: Callable[[], tuple[Any, Any]]) -> tuple[Any, Any]:
        """Differentiate a loss by all the variables an optimizer trains, and update them.

        Args:
            optimizer: Name of the optimizer.
            loss_fn: As for `gradients`.

        Returns:
            `(loss, aux)`.
        """
        variables = self.variables_of(optimizer)
        loss, aux, gradients = self.gradients(loss_fn, variables)
        self.apply_gradients(optimizer, gradients, variables)
        return loss, aux

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
        losses = self.adversarial_step(data[0] if isinstance(data, tuple) else data)
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
            updated = ops.equal(ops.mod(self.training_step + 1, every), 0)
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
                optimizer._learning_rate.follow(self.training_step)
            optimizers[name] = optimizer
        return optimizers

    def _check_names(
        self,
        networks: Mapping[str, keras.Model],
        trained_by: Mapping[str, Sequence[str]],
        averaged: Sequence[str] | None,
    ) -> None:
        asked = {
            "trained_by": [name for group in trained_by.values() for name in group],
            "directions": list(self.directions.values()),
            "averaged": list(averaged or ()),
        }
        for argument, names in asked.items():
            for name in names:
                if name not in networks:
                    raise ValueError(f"`{argument}` must name networks: {', '.join(networks)}. Received: {name!r}")
        for name in set(asked["trained_by"]):
            if asked["trained_by"].count(name) > 1:
                raise ValueError(f"A network is trained by one optimizer. Received: {name!r} in two of `trained_by`")
