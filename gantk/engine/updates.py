"""How an adversarial step differentiates losses and updates weights, the same on every backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from gantk.engine.loss_scale import DynamicLossScale
from gantk.engine.optimizers import OptimizerGroup
from gantk.errors import RunFailed

if TYPE_CHECKING:
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

_SLOPE_SCALE = 2.0**6
"""Factor of `input_gradient` in float16: slopes from 1e-9 to 1000 survive. It is not the dynamic scale of the losses: a
slope that overflows would be a loss that is not finite, which ends a run, where a gradient that does is left out."""


class GradientUpdates(BackendStep):
    """The part of `AdversarialModel` that differentiates and updates. Mixed in before `keras.Model`."""

    networks: Mapping[str, keras.Model]
    trained_by: Mapping[str, Sequence[str]]
    optimizers: OptimizerGroup
    loss_scale: DynamicLossScale | None

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
        gradient = self._differentiate_input(lambda value: ops.cast(fn(value), "float32") * _SLOPE_SCALE, x)
        return ops.cast(gradient, "float32") / _SLOPE_SCALE

    def evaluate_if(self, condition: Any, fn: Callable[[], Any]) -> Any:
        """Compute a scalar only where a condition holds; compiled code skips the work where it does not.

        Args:
            condition: A boolean scalar, which may be known only while the step runs.
            fn: A function without arguments that returns a float32 scalar. It may call networks in training mode, use
                random numbers and differentiate, and may itself be differentiated.

        Returns:
            Its result, or 0, a float32 scalar.
        """
        return self._evaluate_if(condition, fn)

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
