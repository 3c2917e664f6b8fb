"""The training step on JAX: the stateful step run in a `StatelessScope`, its updates returned as values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import keras

from gantk.errors import RunFailed


class JaxStep:
    """What `AdversarialModel` needs of JAX. Mixed in before `keras.Model`."""

    def train_step(self, state: Any, data: Any) -> tuple[dict[str, Any], Any]:
        """Run one training step; called by Keras inside its jitted function with the state donated."""
        groups = [
            self.trainable_variables,  # type: ignore[attr-defined]
            self.non_trainable_variables,  # type: ignore[attr-defined]
            self.optimizer.variables,  # type: ignore[attr-defined]
            self.metrics_variables,  # type: ignore[attr-defined]
        ]
        mapping = [
            pair for group, values in zip(groups, state, strict=True) for pair in zip(group, values, strict=True)
        ]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            logs = self._training_step(data)  # type: ignore[attr-defined]
        stray = scope.state_mapping.keys() - {id(variable) for variable, _ in mapping}
        if stray:
            # Without this check the update would be lost in silence: JAX code is pure.
            raise RunFailed(
                "The step updates variables that do not belong to the model, so their new values would be lost.\n"
                f"Received: {len(stray)} such variables",
                hint="Assign every layer, network and SeedGenerator that the step uses to an attribute of the model.",
            )
        return logs, tuple([scope.get_current_value(variable) for variable in group] for group in groups)

    def _differentiate(
        self, loss_fn: Callable[[], tuple[Any, Any]], variables: Sequence[keras.Variable]
    ) -> tuple[Any, Any, list[Any]]:
        variables = list(variables)
        run = self._as_pure_function(loss_fn, variables)

        def pure(values: list[Any]) -> tuple[Any, tuple[Any, list[Any]]]:
            (loss, aux), updates = run(values)
            return loss, (aux, updates)

        (loss, (aux, updates)), gradients = jax.value_and_grad(pure, has_aux=True)(
            [variable.value for variable in variables]
        )
        run.commit(updates)
        return loss, aux, gradients

    def _differentiate_input(self, fn: Callable[[Any], Any], x: Any) -> Any:
        x = jax.numpy.asarray(x)
        argument: list[Any] = []
        run = self._as_pure_function(lambda: fn(argument[0]), [])

        def pure(value: Any) -> tuple[Any, list[Any]]:
            argument[:] = [value]
            total, updates = run([])
            return total.sum(), updates

        gradient, updates = jax.grad(pure, has_aux=True)(x)
        run.commit(updates)
        return gradient

    def _evaluate_if(self, condition: Any, fn: Callable[[], Any]) -> Any:
        run = self._as_pure_function(fn, [])
        # Traced once for nothing but to know what it updates, so that both branches return the same variables.
        jax.eval_shape(lambda: run([]))
        held = [variable.value for variable in run.updated]
        result, updates = jax.lax.cond(
            condition, lambda: run([]), lambda: (jax.numpy.zeros((), jax.numpy.float32), held)
        )
        run.commit(updates)
        return result

    def _apply_if(
        self,
        condition: Any,
        optimizer: keras.optimizers.Optimizer,
        gradients: Sequence[Any],
        variables: Sequence[keras.Variable],
    ) -> None:
        touched = [*variables, *optimizer.variables]
        held = [variable.value for variable in touched]
        run = self._as_pure_function(lambda: optimizer.apply(gradients, variables), [])

        def apply() -> list[Any]:
            _, updates = run([])
            changed = dict(zip(map(id, run.updated), updates, strict=True))
            return [changed.get(id(variable), value) for variable, value in zip(touched, held, strict=True)]

        for variable, value in zip(touched, jax.lax.cond(condition, apply, lambda: held), strict=True):
            variable.assign(value)

    def _as_pure_function(self, fn: Callable[[], Any], arguments: Sequence[keras.Variable]) -> _PureFunction:
        return _PureFunction(fn, arguments, self._state_variables())  # type: ignore[attr-defined]


class _PureFunction:
    """A function that reads and updates variables, as one from values to (result, updated values).

    Args:
        fn: The stateful function.
        arguments: Variables whose values are passed at the call.
        state: Every other variable that it may read or update; held at the value of this moment.
    """

    def __init__(
        self, fn: Callable[[], Any], arguments: Sequence[keras.Variable], state: Sequence[keras.Variable]
    ) -> None:
        self._fn = fn
        self._arguments = list(arguments)
        given = {id(variable) for variable in arguments}
        self._rest = [variable for variable in state if id(variable) not in given]
        self._held = [variable.value for variable in self._rest]
        self.updated: list[keras.Variable] = []

    def __call__(self, values: Sequence[Any]) -> tuple[Any, list[Any]]:
        held = list(zip(self._rest, self._held, strict=True))
        with keras.StatelessScope(state_mapping=[*held, *zip(self._arguments, values, strict=True)]) as scope:
            before = dict(scope.state_mapping)
            result = self._fn()
        # Only what changed is returned; which variables those are is known once the function was traced.
        known = {id(variable): variable for variable in self._rest}
        changed = [key for key, value in scope.state_mapping.items() if value is not before.get(key)]
        self.updated = [known[key] for key in changed if key in known]
        return result, [scope.state_mapping[id(variable)] for variable in self.updated]

    def commit(self, updates: Sequence[Any]) -> None:
        """Assign the updated values that a call returned."""
        for variable, value in zip(self.updated, updates, strict=True):
            variable.assign(value)
