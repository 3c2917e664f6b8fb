"""Names for every variable of a model in training, the same in every process and on both backends."""

from __future__ import annotations

from collections.abc import Iterable

import keras

from gantk.engine.model import AdversarialModel


def named_state(model: AdversarialModel) -> dict[str, keras.Variable]:
    """Return every variable that a training run depends on, by name.

    Keras numbers layers by how many the process has built, so its own paths differ from process to process.
    The names here are made of what the model itself says: `networks/<name>/<index>.<leaf>`,
    `averages/<name>/…`, `optimizers/<name>/…`, `schedule/…`, and `model/…` for all else (image pools, random states,
    the step counter). The epoch's loss trackers are left out, since nothing depends on them.
    """
    named: dict[str, keras.Variable] = {}
    seen: set[int] = set()

    def add(prefix: str, variables: Iterable[keras.Variable]) -> None:
        fresh = [variable for variable in variables if id(variable) not in seen]
        for index, variable in enumerate(fresh):
            seen.add(id(variable))
            # An optimizer's names end with what they hold: …_kernel_momentum.
            leaf = variable.name.rsplit("_", 1)[-1] if prefix.startswith("optimizers/") else variable.name
            named[f"{prefix}/{index:04d}.{leaf}"] = variable

    for name, network in model.networks.items():
        add(f"networks/{name}", network.variables)
    for name, network in model.ema_networks.items():
        add(f"averages/{name}", network.variables)
    for name, optimizer in model.optimizers.members.items():
        add(f"optimizers/{name}", optimizer.variables)
    if model.plateau is not None:
        add("schedule", model.plateau.variables)
    add("model", model.variables)
    return named


def synchronise(model: AdversarialModel) -> None:
    """Bring the variables up to date in the middle of `fit`; on JAX the step keeps its state elsewhere."""
    if keras.backend.backend() == "jax":
        model.jax_state_sync()
