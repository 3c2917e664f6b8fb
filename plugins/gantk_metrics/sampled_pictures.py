"""Samples beside the real pictures they are compared with, both read a few at a time."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gantk import EvaluationData, RunFailed, Sampler
from gantk_metrics.picture_levels import to_levels

BATCH_PIXELS = 1 << 20
"""Pixels of samples that are held at once."""

_MOST_AT_ONCE = 256

logger = logging.getLogger("gantk.evaluation")


class NotFiniteSampleError(Exception):
    """A sample holds values that are not finite."""

    def __init__(self) -> None:
        super().__init__("the samples hold values that are not finite")


class SampleChoice(Protocol):
    """The options of a metric of samples."""

    split: str
    limit: int | None
    samples: int | None


class SampledPictures:
    """Images that a sampler makes, as a `gantk.PictureSet`: in the order of their numbers a few are made at a time.

    Args:
        sampler: What makes them.
        count: How many.
        seed: Decides them.
        labels: A class number for each; None where the sampler takes none.
        enlarged: Every pixel becomes a square of so many, as images of a network that is still growing are shown.
        description: What else the protocol says of them.
    """

    def __init__(
        self,
        sampler: Sampler,
        count: int,
        seed: int,
        labels: NDArray[np.int64] | None = None,
        enlarged: int = 1,
        description: Mapping[str, Any] | None = None,
    ) -> None:
        self.sampler = sampler
        self.labels = labels
        self._count = count
        self._seed = seed
        self._enlarged = enlarged
        self._description = dict(description or {})
        height, width, _ = sampler.shape
        self._batch_size = max(1, min(_MOST_AT_ONCE, BATCH_PIXELS // (height * width * enlarged**2)))
        self._first = -1
        self._held: NDArray[np.uint8] = np.zeros((0, 0, 0, 0), np.uint8)

    @property
    def names(self) -> Sequence[str]:
        """Their numbers."""
        return tuple(map(str, range(self._count)))

    @property
    def description(self) -> Mapping[str, Any]:
        """How they are made."""
        return {
            "samples": self._count,
            "seed": self._seed,
            **({"enlarged": f"{self._enlarged} times, by nearest neighbour"} if self._enlarged > 1 else {}),
            **self._description,
        }

    def read(self, name: str) -> NDArray[np.uint8]:
        """Return a sample, uint8, height × width × channels.

        Raises:
            NotFiniteSampleError: It, or one made beside it, holds values that are not finite.
        """
        number = int(name)
        first = number - number % self._batch_size
        if first != self._first:
            count = min(self._batch_size, self._count - first)
            labels = None if self.labels is None else self.labels[first : first + count].tolist()
            images = self.sampler.sample(count, seed=self._seed, first=first, labels=labels)
            if not np.all(np.isfinite(images)):
                raise NotFiniteSampleError
            levels = to_levels(images)
            if self._enlarged > 1:
                levels = levels.repeat(self._enlarged, axis=1).repeat(self._enlarged, axis=2)
            self._held, self._first = levels, first
        return self._held[number - first]


class RealPictures:
    """Real pictures of prepared data, as a `gantk.PictureSet`: read one at a time.

    Args:
        data: The prepared data, of single pictures.
        split: Their split.
        limit: At most so many.
    """

    def __init__(self, data: EvaluationData, split: str, limit: int | None = None) -> None:
        self._samples = data.samples(split, "image", ("image",), limit)
        self._split = split

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def names(self) -> Sequence[str]:
        """Their numbers."""
        return tuple(map(str, range(len(self._samples))))

    @property
    def description(self) -> Mapping[str, Any]:
        """Where they are from."""
        return {"split": self._split, "domain": "image"}

    def read(self, name: str) -> NDArray[np.uint8]:
        """Return a picture, uint8, height × width × channels."""
        return to_levels(self._samples[int(name)]["image"])


@dataclass(frozen=True)
class Comparison:
    """What a metric of samples looks at.

    Args:
        samples: What a sampler makes.
        reals: What it is compared with.
    """

    samples: SampledPictures
    reals: RealPictures


def real_pictures(metric: str, choice: SampleChoice, data: EvaluationData) -> RealPictures:
    """Return the real pictures of a metric of samples.

    Raises:
        RunFailed: There are none.
    """
    there = data.fields(choice.split, "image")
    if "image" not in there:
        raise RunFailed(
            f"{metric}: samples are compared with single pictures of the split {choice.split!r}. "
            f"Received: {'samples without an image' if there else 'no such pictures'}",
            hint=f"Give the source pictures for it, or name another split: {{type: {metric}, split: train}}.",
        )
    return RealPictures(data, choice.split, choice.limit)


def comparison(metric: str, choice: SampleChoice, sampler: Sampler, data: EvaluationData) -> Comparison:
    """Return samples and the real pictures to compare them with.

    As many samples are made as there are real pictures, or as the options say. A sampler with labels gets those of real
    pictures of the split, drawn with replacement.

    Args:
        metric: Who asks, for messages.
        choice: Its options.
        sampler: What makes samples; real pictures of another split for the floor.
        data: The prepared data.

    Raises:
        RunFailed: There are no real pictures, the floor is made of them, or samples do not fit them.
    """
    reals = real_pictures(metric, choice, data)
    split = getattr(sampler, "split", None)
    if split == choice.split:
        raise RunFailed(
            f"{metric}: real pictures in place of samples must be of another split than those they are compared with. "
            f"Received: {split!r} for both",
            hint=f"Name another `baseline_split`, or another split of the metric: {{type: {metric}, split: …}}.",
        )
    count = choice.samples or len(reals)
    description: dict[str, Any] = {} if split is None else {"real_pictures_of": split}
    available = getattr(sampler, "available", None)
    if available is not None and available < count:
        logger.warning(
            "%s: the floor is of %d real pictures, all that the split %r has, and not of %d",
            metric,
            available,
            split,
            count,
        )
        description["warning"] = f"{available} pictures, not {count}: there are no more"
        count = available
    return Comparison(
        SampledPictures(
            sampler,
            count,
            data.seed,
            _labels(metric, sampler, data, choice, count),
            _enlargement(metric, sampler, reals),
            {**description, **({"labels": "drawn as in the real pictures"} if sampler.classes else {})},
        ),
        reals,
    )


def _labels(
    metric: str, sampler: Sampler, data: EvaluationData, choice: SampleChoice, count: int
) -> NDArray[np.int64] | None:
    if not sampler.classes:
        return None
    if set(data.classes) != set(sampler.classes):
        raise RunFailed(
            f"{metric}: the data must have the classes of the model, {', '.join(sampler.classes)}. "
            f"Received: {', '.join(data.classes) or 'data without classes'}"
        )
    places = np.array([sampler.classes.index(name) for name in data.classes])
    real = data.labels(choice.split, "image", choice.limit)
    return places[np.random.default_rng([data.seed, count]).choice(real, count)]


def _enlargement(metric: str, sampler: Sampler, reals: RealPictures) -> int:
    expected, found = reals.read("0").shape, sampler.shape
    times = expected[0] // found[0]
    if times < 1 or (found[0] * times, found[1] * times, found[2]) != expected:
        raise RunFailed(
            f"{metric}: samples must have the shape of the real pictures, {expected}, or be smaller by a whole factor. "
            f"Received: {tuple(found)}",
            hint="Evaluate with data prepared as that which the model was trained on.",
        )
    return times
