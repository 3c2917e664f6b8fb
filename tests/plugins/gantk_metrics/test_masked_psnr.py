import math

import numpy as np
import pytest

from gantk.errors import RunFailed
from gantk_metrics.masked_psnr import MaskedPSNR, masked_psnr
from gantk_metrics.options import MaskedPSNROptions
from gantk_metrics.psnr import IDENTICAL


def test_a_known_difference_gives_the_psnr_of_the_formula() -> None:
    truth = np.zeros((1, 2, 2, 3), np.float32)
    prediction = truth + np.float32(10 / 127.5)  # ten 8-bit levels everywhere
    weight = np.ones((1, 2, 2, 1))
    assert masked_psnr(truth, prediction, weight) == pytest.approx(10 * math.log10(255**2 / 100), abs=1e-4)


def test_only_the_weighted_pixels_count() -> None:
    truth = np.zeros((1, 1, 2, 1), np.float32)
    prediction = np.float32([[[[0.0], [20 / 127.5]]]])
    left, right = np.array([[[[1.0], [0.0]]]]), np.array([[[[0.0], [1.0]]]])
    assert masked_psnr(truth, prediction, left) == IDENTICAL
    assert masked_psnr(truth, prediction, right) == pytest.approx(10 * math.log10(255**2 / 400), abs=1e-4)
    half = (left + right) / 2  # a soft edge counts both pixels alike: the mean squared error is 200
    assert masked_psnr(truth, prediction, half) == pytest.approx(10 * math.log10(255**2 / 200), abs=1e-4)


def test_an_empty_mask_is_an_error() -> None:
    with pytest.raises(ValueError, match="zero everywhere"):
        masked_psnr(np.zeros((1, 1, 1, 1)), np.zeros((1, 1, 1, 1)), np.zeros((1, 1, 1, 1)))


class OnePair:
    """Two pixels: the left one background, the right one the animal."""

    seed = 0

    def fields(self, split: str, domain: str) -> tuple[str, ...]:
        return ("A", "B", "mask")

    def images(self, split: str, domain: str, field: str = "image", limit: int | None = None) -> np.ndarray:
        pixels = {"A": (0.2, 0.4), "B": (0.2, -0.4), "mask": (-1.0, 1.0)}[field]
        return np.float32(pixels).reshape(1, 1, 2, 1).repeat(3, axis=-1)


class Copy:
    directions = ("AtoB",)

    def __call__(self, direction: str, images: np.ndarray) -> np.ndarray:
        return images


def test_a_copy_keeps_the_background_and_misses_the_animal() -> None:
    result = MaskedPSNR(MaskedPSNROptions()).evaluate(Copy(), OnePair())
    assert result.values["outside_a_to_b"] == IDENTICAL
    assert result.values["inside_a_to_b"] == pytest.approx(10 * math.log10(255**2 / (0.8 * 127.5) ** 2), abs=1e-4)
    (picture,) = result.pictures.values()
    assert picture.shape == (1, 6, 3)
    assert picture.dtype == np.uint8


@pytest.mark.parametrize(("mask", "side"), [((-1.0, -1.0), "inside"), ((1.0, 1.0), "outside")])
def test_masks_that_leave_a_side_empty_are_an_error(mask: tuple[float, float], side: str) -> None:
    class OneSided(OnePair):
        def images(self, split: str, domain: str, field: str = "image", limit: int | None = None) -> np.ndarray:
            pixels = np.float32(mask).reshape(1, 1, 2, 1).repeat(3, axis=-1)
            return pixels if field == "mask" else super().images(split, domain, field, limit)

    with pytest.raises(RunFailed, match=rf"masks of test/AB.* Received: masks of 1 samples with no pixel {side}"):
        MaskedPSNR(MaskedPSNROptions()).evaluate(Copy(), OneSided())
