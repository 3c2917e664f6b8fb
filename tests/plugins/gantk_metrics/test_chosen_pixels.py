"""PSNR and SSIM of the luma and without a border: values worked out by hand, names, and what is refused."""

import math

import numpy as np
import pytest

from gantk.errors import RunFailed
from gantk_metrics.chosen_pixels import luma
from gantk_metrics.options import ChosenPixelsOptions
from gantk_metrics.psnr import IDENTICAL, PSNR
from gantk_metrics.ssim import SSIM, structural_similarity


def test_luma_of_known_colours() -> None:
    colours = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [51, 102, 153]], np.uint8)
    # MATLAB's table; the last is 16 + 0.2 · 65.481 + 0.4 · 128.553 + 0.6 · 24.966.
    expected = [16, 235, 81.481, 144.553, 40.966, 16 + 13.0962 + 51.4212 + 14.9796]
    np.testing.assert_allclose(luma(colours)[:, 0], expected, rtol=1e-12)


def test_grey_has_the_luma_of_equal_colours() -> None:
    grey = np.arange(256, dtype=np.uint8)[:, None]
    np.testing.assert_allclose(luma(grey), luma(grey.repeat(3, axis=1)), rtol=1e-12)


def test_alpha_has_no_luma() -> None:
    pictures = np.zeros((1, 12, 12, 4), np.uint8)
    with pytest.raises(RunFailed, match=r"Luma is made of 1 or 3 channels. Received: pictures with 4") as raised:
        PSNR(ChosenPixelsOptions(channels="y")).scores(pictures, pictures)
    assert "channels: rgb" in raised.value.hint


def test_psnr_of_the_luma_of_a_known_difference() -> None:
    first = np.full((2, 3, 3, 3), 100, np.uint8)
    second = first.copy()
    second[0] += 10  # Y differs by 10 · 219 / 255 everywhere
    second[1, 0, 0, 1] += 30  # one green of 9 pixels: Y differs by 30 · 128.553 / 255 there
    squares = [(10 * 219 / 255) ** 2, (30 * 128.553 / 255) ** 2 / 9]
    expected = [10 * math.log10(255**2 / square) for square in squares]
    np.testing.assert_allclose(PSNR(ChosenPixelsOptions(channels="y")).scores(first, second), expected, rtol=1e-12)


def test_what_lies_in_the_border_does_not_count() -> None:
    first = np.full((1, 5, 6, 3), 100, np.uint8)
    second = first.copy()
    second[:, 0], second[:, -1], second[:, :, 0], second[:, :, -1] = 0, 0, 0, 0
    second[0, 2, 2, 0] = 112  # one of 3 · 4 · 3 values that are left
    assert PSNR(ChosenPixelsOptions(border=1)).scores(first, second) == pytest.approx(
        [10 * math.log10(255**2 * 36 / 144)], rel=1e-12
    )
    assert PSNR(ChosenPixelsOptions(border=2)).scores(first[:, :, :5], second[:, :, :5])[0] < IDENTICAL
    second[0, 2, 2, 0] = 100
    assert PSNR(ChosenPixelsOptions(border=1)).scores(first, second).tolist() == [IDENTICAL]


@pytest.mark.parametrize("metric", [PSNR, SSIM])
def test_a_border_must_leave_something(metric: type) -> None:
    pictures = np.zeros((1, 40, 8, 3), np.uint8)
    with pytest.raises(RunFailed, match=r"larger than the border of 4 pixels on each side. Received: 8 × 40"):
        metric(ChosenPixelsOptions(border=4)).scores(pictures, pictures)


def test_ssim_of_the_luma_inside_the_border() -> None:
    random = np.random.default_rng(0)
    first, second = (random.integers(0, 256, (2, 17, 19, 3)).astype(np.uint8) for _ in range(2))
    weights = np.array([65.481, 128.553, 24.966]) / 255
    one, other = ((images[:, 2:15, 2:17] @ weights + 16)[..., None] for images in (first, second))
    expected = structural_similarity(one, other)[0][:, 0]
    scores = SSIM(ChosenPixelsOptions(channels="y", border=2)).scores(first, second)
    np.testing.assert_allclose(scores, expected, rtol=1e-10)
    with pytest.raises(RunFailed, match=r"at least 11 pixels.* Received: 11 × 9, without a border of 4"):
        SSIM(ChosenPixelsOptions(border=4)).scores(first, second)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "psnr"),
        ({"channels": "y"}, "psnr_y"),
        ({"border": 4}, "psnr_border4"),
        ({"channels": "y", "border": 4}, "psnr_y_border4"),
    ],
)
def test_values_say_what_is_compared(
    options: dict[str, object], name: str, held: type, translating: type, picture_set: type
) -> None:
    metric = PSNR(ChosenPixelsOptions(**options))
    images = np.zeros((2, 12, 12, 3), np.float32)
    result = metric.evaluate(translating(lambda given: given + 0.1), held(AB_A=images, AB_B=images))
    assert list(result.values) == list(result.units) == list(result.better) == [f"{name}_a_to_b"]
    pictures = picture_set(a=np.zeros((12, 12, 3), np.uint8))
    compared = metric.compare(pictures, pictures)
    assert compared.values == {name: IDENTICAL}
    assert ("luma" in compared.protocol["channels"]) == ("channels" in options)
    assert compared.protocol["border"].startswith("4 pixels" if "border" in options else "none")
