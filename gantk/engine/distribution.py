"""Data parallelism: one batch spread over several devices, every weight on each."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from gantk.engine.options import TrainingOptions
from gantk.errors import RunFailed


def use_one_device() -> None:
    """End the spreading: batches of any size may be given to networks built from now on."""
    keras.distribution.set_distribution(None)


def use_devices(training: TrainingOptions, batch_sizes: Sequence[int] = ()) -> None:
    """Spread the batches of models built from now on over `training.devices` devices, or over one.

    Means over a batch (losses, BatchNorm) are over the whole batch, as on one device.

    Args:
        training: The training options.
        batch_sizes: Those of the phases, of a training that has any.

    Raises:
        RunFailed: Not JAX, fewer devices than asked for, or a batch that does not divide.
    """
    count = training.devices or 1
    if count == 1:
        use_one_device()
        return
    if keras.backend.backend() != "jax":
        raise RunFailed(
            f"Training on several devices needs the JAX backend.\nReceived: devices={count} on {keras.backend.backend()}",
            hint="Set `runtime: {backend: jax}`, or leave out `devices`.",
        )
    devices = keras.distribution.list_devices()
    if len(devices) < count:
        raise RunFailed(
            f"Training asks for {count} devices.\nReceived: {len(devices)} ({', '.join(devices)})",
            hint=f"Set `devices` to at most {len(devices)}.",
        )
    uneven = [size for size in batch_sizes or (training.batch_size,) if size % count]
    if uneven:
        raise RunFailed(
            f"The batch must divide by the number of devices.\nReceived: batch_size={uneven[0]}, devices={count}",
            hint=f"Use a batch_size that is a multiple of {count}.",
        )
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices[:count]))
