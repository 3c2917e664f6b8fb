"""Small prepared data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from gantk.errors import RunFailed


class Held:
    """Images held by (domain, field). Implements `gantk.EvaluationData`."""

    seed = 0

    def __init__(self, **images: np.ndarray) -> None:
        """Keys are `A` and `B` for unpaired images, `AB_A` and `AB_B` for the fields of aligned ones."""
        self._images = {tuple(key.split("_")) if "_" in key else (key, "image"): value for key, value in images.items()}

    def fields(self, split: str, domain: str) -> tuple[str, ...]:
        return tuple(field for owner, field in self._images if owner == domain)

    def images(self, split: str, domain: str, field: str = "image", limit: int | None = None) -> np.ndarray:
        if (domain, field) not in self._images:
            raise RunFailed(f"no {field} of {domain} in {split}")
        return self._images[domain, field][:limit]

    def samples(self, split: str, domain: str, fields: Sequence[str], limit: int | None = None) -> list[dict[str, Any]]:
        images = {field: self.images(split, domain, field, limit) for field in fields}
        count = min(len(held) for held in images.values())
        return [{"key": f"{n}.png", **{field: held[n] for field, held in images.items()}} for n in range(count)]


@pytest.fixture
def held() -> type[Held]:
    return Held


class Pictures:
    """Pictures by name. Implements `gantk.PictureSet`; None stands for one that cannot be read."""

    def __init__(self, **pictures: np.ndarray | None) -> None:
        self._pictures = pictures
        self.description = {"folder": "made"}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._pictures)

    def read(self, name: str) -> np.ndarray | None:
        return self._pictures[name]


@pytest.fixture
def picture_set() -> type[Pictures]:
    return Pictures


class Translating:
    """A translator of given directions that applies a function."""

    def __init__(self, function: Callable[[np.ndarray], np.ndarray], directions: tuple[str, ...] = ("AtoB",)) -> None:
        self.directions = directions
        self._function = function

    def __call__(self, direction: str, images: np.ndarray) -> np.ndarray:
        return self._function(images)


@pytest.fixture
def translating() -> type[Translating]:
    return Translating


class Sampling:
    """A sampler that gives given images in order, and notes what it was asked for. Implements `gantk.Sampler`."""

    def __init__(self, images: np.ndarray, classes: tuple[str, ...] = (), split: str | None = None) -> None:
        self._images = images
        self.shape = images.shape[1:]
        self.classes = classes
        self.asked: list[tuple[int, int, list[int] | None]] = []
        if split is not None:
            self.split = split
            self.available = len(images)

    def sample(self, count: int, *, seed: int, first: int = 0, labels: list[int] | None = None) -> np.ndarray:
        self.asked.append((first, count, labels))
        assert first + count <= len(self._images)
        return self._images[first : first + count]


@pytest.fixture
def sampling() -> type[Sampling]:
    return Sampling


class Single:
    """Single pictures by split, with labels. Implements `gantk.EvaluationData`."""

    seed = 5

    def __init__(
        self, classes: tuple[str, ...] = (), labels: dict[str, list[int]] | None = None, **images: np.ndarray
    ) -> None:
        self._images = images
        self.classes = classes
        self._labels = labels or {}

    def fields(self, split: str, domain: str) -> tuple[str, ...]:
        return ("image",) if domain == "image" and split in self._images else ()

    def images(self, split: str, domain: str, field: str = "image", limit: int | None = None) -> np.ndarray:
        return self._images[split][:limit]

    def samples(self, split: str, domain: str, fields: tuple[str, ...], limit: int | None = None) -> list[dict]:
        return [{"key": str(number), "image": image} for number, image in enumerate(self._images[split][:limit])]

    def labels(self, split: str, domain: str, limit: int | None = None) -> np.ndarray:
        return np.array(self._labels[split][:limit], np.int32)


@pytest.fixture(scope="session")
def single() -> type[Single]:
    return Single
