"""The way of batches into `fit`: batch k is used for step k, and nothing is read ahead of that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

# Keras takes any DataAdapter but does not export the class. Its own adapter for generators reads two batches
# ahead to guess shapes and, on TensorFlow, goes through tf.data, which forgets the batch size (so XLA cannot
# compile) and takes 1.0 ms a step more (two 4 × 64² × 3 images).
from keras.src.trainers.data_adapters.data_adapter import DataAdapter
from numpy.typing import NDArray

from gantk.engine.input_watch import InputWatch
from gantk.errors import RunFailed


class StepBatches(DataAdapter):
    """Hands the batches of an iterator to `fit` as they come, with their static shapes.

    Args:
        batches: Batches in the order of the steps. All must have the shapes of the first.
        watch: Is told when a batch is asked for and when it is there.
    """

    def __init__(self, batches: Iterator[Mapping[str, NDArray[Any]]], watch: InputWatch | None = None) -> None:
        self._batches = self._checked(batches if watch is None else _watched(batches, watch))

    @staticmethod
    def _checked(batches: Iterator[Mapping[str, NDArray[Any]]]) -> Iterator[dict[str, NDArray[Any]]]:
        shapes: dict[str, tuple[int, ...]] | None = None
        for batch in batches:
            found = {name: np.shape(value) for name, value in batch.items()}
            shapes = shapes or found
            if found != shapes:
                raise RunFailed(
                    f"Every batch must have the shapes of the first, {shapes}.\nReceived: {found}",
                    hint="Resize or crop all samples to one size, and leave out a last smaller batch.",
                )
            yield dict(batch)
        raise RunFailed(
            "The training batches ended before the training did.\nReceived: the end of the iterator",
            hint="Batches must be endless: begin again, reshuffled, after the last sample.",
        )

    def get_numpy_iterator(self) -> Iterator[dict[str, NDArray[Any]]]:
        return self._batches

    def get_jax_iterator(self) -> Iterator[dict[str, NDArray[Any]]]:
        return self._batches

    def get_tf_dataset(self) -> Iterator[dict[str, NDArray[Any]]]:
        return self._batches

    @property
    def num_batches(self) -> None:
        return None

    @property
    def batch_size(self) -> None:
        return None


def _watched(batches: Iterator[Mapping[str, NDArray[Any]]], watch: InputWatch) -> Iterator[Mapping[str, NDArray[Any]]]:
    while True:
        watch.asks()
        batch = next(batches, None)
        if batch is None:
            return
        watch.has()
        yield batch
