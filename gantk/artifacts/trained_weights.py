"""Beginning a training with what a saved model has learnt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gantk.artifacts.bundle import Bundle, load_bundle
from gantk.config.components import Component
from gantk.errors import ConfigError

if TYPE_CHECKING:
    import keras

_LISTED_DIFFERENCES = 8


def take_trained_weights(network: keras.Model, component: Component, path: Path | str) -> Bundle:
    """Give a network the weights that a saved model has for the same generator, all of them.

    For models that start from another one, such as SRGAN from SRResNet; called where the network is built.

    Args:
        network: A generator, built.
        component: What it was built from.
        path: A model bundle with one direction, or with `AtoB`; or a run directory with one.

    Returns:
        The bundle, whose `metadata` tells what was trained, and how.

    Raises:
        UsageError: There is no bundle at the path.
        ConfigError: It is of another generator, or of one with other options or channels; all that differs is named.
        PluginError, RunFailed: The bundle cannot be read, or its plugin is missing.

    Example:
        ```python
        generator = options.generator.create(input_shape=shape, output_channels=3)
        if options.initial is not None:
            take_trained_weights(generator, options.generator, options.initial)
        ```
    """
    from gantk.artifacts.weights import assign_weights, read_weights, weight_names

    bundle = load_bundle(path)
    direction = bundle.direction()
    record = bundle.metadata.networks[direction]
    differences = []
    if record.component.name != component.name:
        differences = [f"the generator {record.component.name!r}, where {component.name!r} is trained"]
    else:
        arrays = read_weights(bundle.network(direction))
        shapes = {
            name: tuple(variable.shape) for name, variable in zip(weight_names(network), network.weights, strict=True)
        }
        if shapes != {name: array.shape for name, array in arrays.items()}:
            differences = _differing_options(record.component.options, component)
            channels = int(network.input_shape[-1]), int(network.output_shape[-1])
            if channels != (record.input_channels, record.output_channels):
                differences.append(
                    f"channels {record.input_channels} → {record.output_channels}, where {channels[0]} → {channels[1]} "
                    "are trained"
                )
    if differences:
        raise ConfigError(
            f"A training can start from the weights of the same generator only. Received: {bundle.path} with\n"
            + "\n".join(f"  {difference}" for difference in differences[:_LISTED_DIFFERENCES]),
            hint="Give the generator the options of that model (`gantk models show`), or start from another one.",
        )
    assign_weights(network, arrays, origin=f"{bundle.path}, {direction}")
    return bundle


def _differing_options(stored: dict[str, object], component: Component) -> list[str]:
    chosen = component.options.model_dump(mode="json")
    names = dict.fromkeys([*stored, *chosen])
    found = [
        f"{name}: {stored.get(name)}, where {chosen.get(name)} is trained"
        for name in names
        if stored.get(name) != chosen.get(name)
    ]
    return found or ["other weights for the same options: its plugin has changed"]
