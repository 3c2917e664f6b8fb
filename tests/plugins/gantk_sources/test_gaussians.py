"""Points of a grid of Gaussians."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from gantk import Item
from gantk_sources.gaussians import GaussiansSource
from gantk_sources.gaussians_options import GaussiansOptions


def points(source: GaussiansSource, split: str) -> np.ndarray:
    items = [item for item in source.items() if item.split == split]
    images = [fields["image"] for _, fields in source.read(items)]
    assert {(image.shape, image.dtype.name) for image in images} == {((1, 2, 1), "uint8")}
    return np.stack(images).reshape(-1, 2) / 127.5 - 1


def test_every_centre_has_its_points() -> None:
    source = GaussiansSource(GaussiansOptions(train=2000, test=50))
    found = points(source, "train")
    assert found.shape == (2000, 2)
    places = np.rint(found / 0.4)
    assert np.abs(places).max() == 2
    _, counts = np.unique(places, axis=0, return_counts=True)
    # 25 centres, 80 each on average, with a deviation of 8.8.
    assert len(counts) == 25
    assert counts.min() > 40
    # A deviation of 0.01, and the rounding to levels of 1/127.5, which adds a twelfth of its square.
    assert (found - places * 0.4).std() == pytest.approx(np.sqrt(0.01**2 + (1 / 127.5) ** 2 / 12), rel=0.1)
    np.testing.assert_allclose((found - places * 0.4).mean(axis=0), 0, atol=0.002)


def test_points_follow_from_seed_split_and_number() -> None:
    one, same, other = (GaussiansSource(GaussiansOptions(train=20, test=20, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(points(one, "train"), points(same, "train"))
    assert not np.array_equal(points(one, "train"), points(one, "test"))
    assert not np.array_equal(points(one, "train"), points(other, "train"))
    last = [item for item in one.items() if item.split == "test"][-1]
    ((_, fields),) = one.read([last])
    np.testing.assert_array_equal(fields["image"].reshape(2) / 127.5 - 1, points(one, "test")[-1])


def test_an_item_of_another_source_is_an_error_of_its_own() -> None:
    ((_, error),) = GaussiansSource(GaussiansOptions()).read([Item(key="valid/3", domain="image")])
    assert "an item must be one that `items` yields. Received: 'valid/3'" in str(error)


def test_a_grid_beyond_the_range_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"must lie in \[-1, 1\]. Received: points as far out as 1.04"):
        GaussiansOptions(spacing=0.5)
