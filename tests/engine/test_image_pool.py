"""The pool against a plain Python reference that moves one image at a time."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from gantk import ImagePool
from gantk.engine.image_pool import exchange


class ReferencePool:
    """The published algorithm: a list of images, one query at a time."""

    def __init__(self, size):
        self.size = size
        self.images = []

    def query(self, image, coin, slot):
        if len(self.images) < self.size:
            self.images.append(image)
            return image
        if coin > 0.5:
            place = min(int(np.float32(slot) * np.float32(self.size)), self.size - 1)
            stored, self.images[place] = self.images[place], image
            return stored
        return image


def scatter(buffer, places, rows):
    result = buffer.copy()
    for place, row in zip(places, rows, strict=True):
        result[place] = row
    return result


@pytest.mark.parametrize(("size", "batch"), [(1, 1), (1, 4), (5, 1), (5, 3), (4, 9), (50, 4)])
def test_same_images_as_the_reference(size, batch):
    random = np.random.default_rng(7)
    reference = ReferencePool(size)
    buffer, count = np.zeros((size, 2, 2, 1), "f4"), np.int32(0)
    met_in_batch = 0
    for _ in range(40):
        images = random.standard_normal((batch, 2, 2, 1)).astype("f4")
        coins, slots = random.random((2, batch), dtype="f4")
        expected = [reference.query(*query) for query in zip(images, coins, slots, strict=True)]
        returned, rows, places, new_count = exchange(
            *map(keras.ops.convert_to_tensor, (buffer, count, images, coins, slots))
        )
        returned, rows, places = map(keras.ops.convert_to_numpy, (returned, rows, places))
        np.testing.assert_array_equal(returned, expected)
        buffer, count = scatter(buffer, places, rows), np.int32(new_count)
        assert count == len(reference.images)
        np.testing.assert_array_equal(buffer[:count], reference.images)
        met_in_batch += sum(
            any(np.array_equal(image, other) for other in images[:index]) for index, image in enumerate(expected)
        )
    if batch == 9:
        assert met_in_batch > 0, "no image met one of its own batch, so the test has not tried it"


def test_written_rows_of_one_place_are_equal():
    """Scatters may write a place twice in any order, so both rows must be the same."""
    images = keras.ops.convert_to_tensor(np.arange(3, dtype="f4").reshape(3, 1, 1, 1))
    buffer = keras.ops.full((1, 1, 1, 1), 9.0)
    coins = keras.ops.convert_to_tensor(np.array([0.9, 0.1, 0.8], "f4"))
    returned, rows, places, _ = exchange(buffer, keras.ops.convert_to_tensor(1), images, coins, coins)
    assert keras.ops.convert_to_numpy(returned).ravel().tolist() == [9.0, 1.0, 0.0]
    assert keras.ops.convert_to_numpy(places).tolist() == [0, 0, 0]
    assert keras.ops.convert_to_numpy(rows).ravel().tolist() == [2.0, 2.0, 2.0]


def test_a_pool_fills_then_returns_half_of_the_images_from_store():
    pool = ImagePool((1, 1, 1), 10, seed=3)
    number, from_store = 0, 0
    for step in range(100):
        images = np.arange(number, number + 10, dtype="f4").reshape(10, 1, 1, 1) + 1
        number += 10
        returned = keras.ops.convert_to_numpy(pool(images))
        if step == 0:
            np.testing.assert_array_equal(returned, images)
            assert int(pool.count) == 10
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(pool.buffer.value), images)
        else:
            from_store += int((returned != images).sum())
            assert (returned > 0).all()
    # 990 fair coins: four standard deviations are 63.
    assert abs(from_store - 495) < 63


def test_size_zero_returns_the_batch_and_has_no_variables():
    pool = ImagePool((2, 2, 3), 0)
    images = np.ones((2, 2, 2, 3), "f4")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(pool(images)), images)
    assert pool.variables == []


def test_dtype_is_kept():
    images = keras.ops.ones((2, 2, 2, 1), "bfloat16")
    assert keras.backend.standardize_dtype(ImagePool((2, 2, 1), 3).call(images).dtype) == "bfloat16"


def test_same_seed_same_choices():
    def run(seed):
        pool = ImagePool((1, 1, 1), 2, seed=seed)
        batches = [
            np.full((2, 1, 1, 1), step, "f4") + np.array([0, 0.5], "f4").reshape(2, 1, 1, 1) for step in range(20)
        ]
        return np.concatenate([keras.ops.convert_to_numpy(pool(batch)) for batch in batches]).ravel().tolist()

    assert run(5) == run(5)
    assert run(5) != run(6)


def test_a_negative_size_is_refused():
    with pytest.raises(ValueError, match=r"size must be 0 or more\. Received: -1"):
        ImagePool((2, 2, 3), -1)


def test_a_dynamic_batch_is_refused():
    with pytest.raises(ValueError, match="static batch size"):
        ImagePool((2, 2, 3), 4).call(keras.KerasTensor((None, 2, 2, 3)))
