"""PSNR, L1, SSIM and MS-SSIM against loops in float64, and what all metrics of pairs share."""

import math

import numpy as np
import pytest

from gantk.errors import RunFailed
from gantk_metrics.absolute_error import AbsoluteError, absolute_error
from gantk_metrics.ms_ssim import WEIGHTS, MultiScaleSSIM, multi_scale_similarity, smallest_side
from gantk_metrics.options import ChosenPixelsOptions, MultiScaleSSIMOptions, PairOptions
from gantk_metrics.picture_rows import picture_rows
from gantk_metrics.psnr import IDENTICAL, PSNR, psnr
from gantk_metrics.ssim import SSIM, structural_similarity


def related(shape: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture, and the same with noise and less contrast; uint8."""
    random = np.random.default_rng(seed)
    ramp = np.add.outer(np.arange(shape[1]) * 3, np.arange(shape[2]) * 2)[None, :, :, None] % 200
    first = np.clip(ramp + random.integers(0, 40, shape), 0, 255)
    second = np.clip(0.8 * first + 20 + random.normal(0, 12, shape), 0, 255)
    return first.astype(np.uint8), second.astype(np.uint8)


def test_psnr_and_l1_of_a_known_difference() -> None:
    first = np.full((3, 2, 2, 3), 100, np.uint8)
    second = first.copy()
    second[0] += 10
    second[1, 0, 0, 0] = 0  # one of 12 values differs by 100
    decibels = [10 * math.log10(255**2 / 100), 10 * math.log10(255**2 * 12 / 100**2), IDENTICAL]
    np.testing.assert_allclose(psnr(first, second), decibels, rtol=1e-12)
    np.testing.assert_allclose(absolute_error(first, second), [10, 100 / 12, 0], rtol=1e-12)


def ssim_by_loops(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Wang 2004 written out for one channel: every window by itself."""
    window = np.array([[math.exp(-((i - 5) ** 2 + (j - 5) ** 2) / (2 * 1.5**2)) for j in range(11)] for i in range(11)])
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    whole, structure = [], []
    for row in range(first.shape[0] - 10):
        for column in range(first.shape[1] - 10):
            x, y = (image[row : row + 11, column : column + 11].astype(float) for image in (first, second))
            mx, my = (window * x).sum(), (window * y).sum()
            vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
            cross = (window * (x - mx) * (y - my)).sum()
            structure.append((2 * cross + c2) / (vx + vy + c2))
            whole.append(structure[-1] * (2 * mx * my + c1) / (mx**2 + my**2 + c1))
    return float(np.mean(whole)), float(np.mean(structure))


def test_ssim_against_every_window_by_itself() -> None:
    first, second = related((2, 17, 14, 3))
    whole, structure = structural_similarity(first, second)
    for sample in range(2):
        for channel in range(3):
            expected = ssim_by_loops(first[sample, ..., channel], second[sample, ..., channel])
            assert (whole[sample, channel], structure[sample, channel]) == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(SSIM(ChosenPixelsOptions()).scores(first, second), whole.mean(axis=1), rtol=1e-12)


def test_ssim_of_flat_pictures_by_hand() -> None:
    # Without variance only the luminance term is left: (2·100·50 + C1) / (100² + 50² + C1).
    first, second = np.full((1, 11, 11, 1), 100, np.uint8), np.full((1, 11, 11, 1), 50, np.uint8)
    c1 = 2.55**2
    assert structural_similarity(first, second)[0][0, 0] == pytest.approx((10000 + c1) / (12500 + c1), rel=1e-10)


def test_ssim_needs_a_window() -> None:
    image = np.zeros((1, 10, 30, 3), np.uint8)
    with pytest.raises(RunFailed, match=r"ssim: .* at least 11 pixels.* Received: 30 × 10"):
        SSIM(ChosenPixelsOptions()).scores(image, image)


def halved_by_loops(image: np.ndarray) -> np.ndarray:
    height, width = (-(-side // 2) for side in image.shape)
    rows, columns = image.shape
    return np.array(
        [
            [
                np.mean([image[min(2 * i + a, rows - 1), min(2 * j + b, columns - 1)] for a in (0, 1) for b in (0, 1)])
                for j in range(width)
            ]
            for i in range(height)
        ]
    )


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_ms_ssim_against_loops(scales: int) -> None:
    first, second = related((1, 43, 41, 1), seed=1)
    one, other = first[0, ..., 0].astype(float), second[0, ..., 0].astype(float)
    weights = [weight / sum(WEIGHTS[:scales]) for weight in WEIGHTS[:scales]]
    expected = 1.0
    for scale in range(scales):
        whole, structure = ssim_by_loops(one, other)
        expected *= (whole if scale == scales - 1 else structure) ** weights[scale]
        one, other = halved_by_loops(one), halved_by_loops(other)
    assert multi_scale_similarity(first, second, scales) == pytest.approx([expected], rel=1e-9)


def test_five_scales_have_the_weights_of_the_paper() -> None:
    assert sum(WEIGHTS) == pytest.approx(1, abs=2e-4)
    first, second = related((1, 161, 161, 1), seed=2)
    product, one, other = 1.0, first.astype(float), second.astype(float)
    for scale, weight in enumerate(WEIGHTS):
        whole, structure = structural_similarity(one, other)
        product *= float((whole if scale == 4 else structure)[0, 0]) ** weight
        one, other = (halved_by_loops(image[0, ..., 0])[None, ..., None] for image in (one, other))
    assert multi_scale_similarity(first, second) == pytest.approx([product], rel=1e-9)


def test_ms_ssim_of_opposites_is_zero_and_not_nan() -> None:
    first, _ = related((1, 21, 21, 3))
    assert multi_scale_similarity(first, 255 - first, 2) == pytest.approx([0])


def test_a_small_picture_is_told_how_many_scales_fit() -> None:
    assert [smallest_side(scales) for scales in range(1, 6)] == [11, 21, 41, 81, 161]
    image = np.zeros((1, 64, 100, 3), np.uint8)
    with pytest.raises(RunFailed, match=r"5 scales need .* at least 161 pixels. Received: 100 × 64") as raised:
        MultiScaleSSIM(MultiScaleSSIMOptions()).scores(image, image)
    assert "{type: ms_ssim, scales: 3}" in raised.value.hint
    metric = MultiScaleSSIM(MultiScaleSSIMOptions(scales=3))
    assert metric.scores(image, image) == pytest.approx([1])
    assert metric.protocol()["weights"].endswith("not the paper's five scales")


def test_aligned_samples_are_compared_with_the_field_of_the_target(held: type, translating: type) -> None:
    levels = np.random.default_rng(5).integers(20, 230, (5, 4, 4, 3)).astype(np.float32)
    data = held(AB_A=levels / 127.5 - 1, AB_B=(levels + 10) / 127.5 - 1)
    result = AbsoluteError(PairOptions(limit=3)).evaluate(translating(lambda images: images + 4 / 127.5), data)
    assert result.values == {"l1_a_to_b": pytest.approx(6)}
    assert (result.units, result.better) == ({"l1_a_to_b": "levels"}, {"l1_a_to_b": "lower"})
    protocol = result.protocol["AtoB"]
    assert protocol["pairs"] == 3
    assert protocol["reference"]["field"] == "B"
    (picture,) = result.pictures.values()
    assert (picture.shape, picture.dtype) == ((12, 12, 3), np.uint8)


def test_translations_are_rounded_as_a_file_would_be(held: type, translating: type) -> None:
    images = np.full((1, 2, 2, 3), 100 / 127.5 - 1, np.float32)
    result = AbsoluteError(PairOptions()).evaluate(
        translating(lambda given: given + 0.4 / 127.5), held(AB_A=images, AB_B=images)
    )
    assert result.values == {"l1_a_to_b": 0.0}


def test_translations_that_are_not_finite_have_no_value(held: type, translating: type) -> None:
    images = np.zeros((1, 2, 2, 1), np.float32)
    result = PSNR(ChosenPixelsOptions()).evaluate(
        translating(lambda given: given + np.inf), held(AB_A=images, AB_B=images)
    )
    assert np.isnan(result.values["psnr_a_to_b"])
    assert "not finite" in result.protocol["AtoB"]["not_finite"]


def test_unpaired_data_has_no_truth(held: type, translating: type) -> None:
    images = np.zeros((1, 2, 2, 3), np.float32)
    with pytest.raises(RunFailed, match="no A of AB"):
        PSNR(ChosenPixelsOptions()).evaluate(translating(lambda given: given), held(A=images, B=images))


def test_sets_are_paired_by_name_and_what_cannot_be_read_is_left_out(picture_set: type) -> None:
    def flat(level: int, size: int = 4) -> np.ndarray:
        return np.full((size, size, 3), level, np.uint8)

    first = picture_set(a=flat(10), alone=flat(0), b=flat(10, 6), c=None, d=flat(10))
    second = picture_set(d=flat(14), a=flat(12), b=flat(10, 6), c=flat(10))
    result = AbsoluteError(PairOptions()).compare(first, second)
    assert result.values == {"l1": pytest.approx((2 + 0 + 4) / 3)}
    assert result.protocol["pairs"] == 3
    with pytest.raises(RunFailed, match=r"one size .* Received: a of 4 × 4 pixels with 3 channels and 6 × 6"):
        AbsoluteError(PairOptions()).compare(first, picture_set(a=flat(10, 6)))
    with pytest.raises(RunFailed, match="at least one pair"):
        AbsoluteError(PairOptions()).compare(first, picture_set(c=flat(1)))


def test_a_smaller_input_is_enlarged_beside_the_output() -> None:
    small = np.array([[-1.0, 1.0]], "float32").reshape(1, 1, 2, 1)
    rows = picture_rows(small, np.zeros((1, 2, 6, 1), "float32"))
    assert rows.shape == (2, 12, 3)
    assert rows[1, :, 0].tolist() == [0, 0, 0, 255, 255, 255] + [128] * 6
