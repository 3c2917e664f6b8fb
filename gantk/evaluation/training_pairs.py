"""The aligned samples that a baseline learns from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gantk.errors import RunFailed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gantk.data import PreparedDataset

    Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class TrainingPairs:
    """Pairs of one split of prepared data, read one at a time.

    Args:
        dataset: The prepared data.
        split: The split to learn from.
        baseline: What learns from them, for the error message.

    Raises:
        RunFailed: The split holds no pairs.
    """

    def __init__(self, dataset: PreparedDataset, split: str, *, baseline: str) -> None:
        self.split = split
        self._records: Sequence[Mapping[str, Any]] = dataset.records(split, "AB")
        if not {"A", "B"} <= set(dataset.fields(split, "AB")) or not len(self._records):
            raise RunFailed(
                f"The baseline {baseline!r} learns from pairs: aligned samples with the fields A and B in the split "
                f"{split!r}.\nReceived: {dataset.layout} data, with {', '.join(dataset.domains(split)) or 'nothing'} in "
                "that split",
                hint="Leave it out of `baselines`, prepare aligned data, or name another `baseline_split`.",
            )

    def __len__(self) -> int:
        return len(self._records)

    def read(self, direction: str) -> Iterator[Pair]:
        """Yield `(input, target)` of every pair, uint8, height × width × channels.

        Args:
            direction: `AtoB` or `BtoA`.

        Raises:
            RunFailed: Input and target of a pair differ in size.
        """
        source, target = direction.split("to")
        for record in self._records:
            if record[source].shape[:2] != record[target].shape[:2]:
                raise RunFailed(
                    f"The two sides of a pair must have one size. Received: {record['key']} with "
                    f"{record[source].shape[:2]} and {record[target].shape[:2]}",
                    hint="Resize them alike in the transforms of the prepare stage.",
                )
            yield record[source], record[target]
