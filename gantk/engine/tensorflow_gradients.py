"""The training step on TensorFlow: gradient tapes inside Keras' own `tf.function`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from gantk.errors import RunFailed


class TensorFlowStep:
    """What `AdversarialModel` needs of TensorFlow. Mixed in before `keras.Model`."""

    def train_step(self, data: Any) -> dict[str, Any]:
        """Run one training step; called by Keras inside its compiled function."""
        return self._training_step(data)  # type: ignore[attr-defined]

    def _differentiate(
        self, loss_fn: Callable[[], tuple[Any, Any]], variables: Sequence[keras.Variable]
    ) -> tuple[Any, Any, list[Any]]:
        watched = [variable.value for variable in variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(watched)
            loss, aux = loss_fn()
        gradients = tape.gradient(loss, watched)
        if all(gradient is None for gradient in gradients):
            raise RunFailed(
                "A loss was differentiated by variables that it does not depend on.\n"
                f"Received: {', '.join(variable.path for variable in variables[:4])}, …",
                hint="Call the network inside loss_fn, and with the variables of that network.",
            )
        # As JAX does: a variable the loss does not depend on has a gradient of zero.
        return (
            loss,
            aux,
            [
                tf.zeros(value.shape, value.dtype) if gradient is None else tf.convert_to_tensor(gradient)
                for gradient, value in zip(gradients, watched, strict=True)
            ],
        )

    def _differentiate_input(self, fn: Callable[[Any], Any], x: Any) -> Any:
        x = tf.convert_to_tensor(x)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            total = fn(x)
        return tape.gradient(total, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def _evaluate_if(self, condition: Any, fn: Callable[[], Any]) -> Any:
        return tf.cond(condition, fn, lambda: tf.zeros((), tf.float32))

    def _apply_if(
        self,
        condition: Any,
        optimizer: keras.optimizers.Optimizer,
        gradients: Sequence[Any],
        variables: Sequence[keras.Variable],
    ) -> None:
        def apply() -> Any:
            optimizer.apply(gradients, variables)
            return tf.constant(True)

        tf.cond(condition, apply, lambda: tf.constant(False))
