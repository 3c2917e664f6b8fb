"""The second-order degradation: its kernels by their formulas, its steps one by one, and the whole."""

import math

import numpy as np
import pytest
import simplejpeg
from pydantic import ValidationError

from gantk import RunFailed
from gantk_transforms.blind_degradation import (
    BlindDegradation,
    _drawn,
    _drawn_beta,
    _scaled,
    blurred,
    compressed,
    drawn_kernel,
    noisy,
    resized,
)
from gantk_transforms.blur_kernels import bessel_j1, generalised_gaussian, plateau, sinc, squared_distances
from gantk_transforms.degradation_options import BlindDegradationOptions, FirstDegradation, SecondDegradation

QUIET = {
    "blur_probability": 0,
    "resizing": {"keep": 1},
    "gaussian_probability": 1,
    "gaussian_sigma": [1e-9, 1e-9],
    "jpeg_quality": [100, 100],
}


def bessel_by_its_series(x):
    # Abramowitz and Stegun 9.1.10
    return math.fsum(
        (-1) ** k / (math.factorial(k) * math.factorial(k + 1)) * (x / 2) ** (2 * k + 1) for k in range(80)
    )


def test_bessel_function_by_its_series():
    points = np.array([[0.0, 0.5, 1.0], [3.8317059702075125, 7.0, 12.0]])
    expected = [[bessel_by_its_series(x) for x in row] for row in points]
    np.testing.assert_allclose(bessel_j1(points), expected, atol=1e-12)
    assert abs(bessel_j1(np.array([44.0]))[0] + 0.08280335927) < 1e-9  # by scipy.special.j1


def by_loops(side, formula):
    kernel = np.zeros((side, side))
    for row in range(side):
        for column in range(side):
            kernel[row, column] = formula(column - side // 2, row - side // 2)
    return kernel / kernel.sum()


def mahalanobis(across, down, sigmas, angle):
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    covariance = rotation @ np.diag(np.square(sigmas)) @ rotation.T
    point = np.array([across, down])
    return point @ np.linalg.inv(covariance) @ point


@pytest.mark.parametrize(("sigmas", "angle"), [((1.5, 1.5), 0.0), ((0.7, 2.5), 0.6), ((2.0, 0.4), -2.0)])
def test_gaussian_family_by_formula(sigmas, angle):
    squared = squared_distances(7, sigmas, angle)
    gaussian = by_loops(7, lambda x, y: math.exp(-mahalanobis(x, y, sigmas, angle) / 2))
    np.testing.assert_allclose(generalised_gaussian(squared), gaussian, atol=1e-13)
    general = by_loops(7, lambda x, y: math.exp(-(mahalanobis(x, y, sigmas, angle) ** 0.7) / 2))
    np.testing.assert_allclose(generalised_gaussian(squared, 0.7), general, atol=1e-13)
    flat = by_loops(7, lambda x, y: 1 / (1 + mahalanobis(x, y, sigmas, angle) ** 1.6))
    np.testing.assert_allclose(plateau(squared, 1.6), flat, atol=1e-13)


def test_sinc_by_formula():
    def value(x, y):
        radius = math.hypot(x, y)
        if radius == 0:
            return 1.3**2 / (4 * math.pi)
        return 1.3 * bessel_by_its_series(1.3 * radius) / (2 * math.pi * radius)

    np.testing.assert_allclose(sinc(9, 1.3), by_loops(9, value), atol=1e-12)


def test_drawn_kernels_are_of_the_kinds_and_sides_asked_for():
    generator = np.random.default_rng(0)
    kernels = [drawn_kernel(FirstDegradation(), generator) for _ in range(400)]
    assert {kernel.shape[0] for kernel in kernels} == set(range(7, 22, 2))
    np.testing.assert_allclose([kernel.sum() for kernel in kernels], 1)
    ringing = sum(bool((kernel < 0).any()) for kernel in kernels)
    assert abs(ringing - 40) < 30  # a tenth; five standard deviations
    only = FirstDegradation(kernels={"isotropic": 1}, sinc_probability=0, kernel_sides=(7, 7), blur_sigma=(2, 2))
    expected = generalised_gaussian(squared_distances(7, (2, 2)))
    np.testing.assert_array_equal(drawn_kernel(only, generator), expected)


def test_shares_and_shapes_are_drawn_as_often_as_asked():
    generator = np.random.default_rng(0)
    drawn = [_drawn({"enlarge": 0.2, "reduce": 0.7, "keep": 0.1}, generator) for _ in range(2000)]
    for name, expected in (("enlarge", 400), ("reduce", 1400), ("keep", 200)):
        assert abs(drawn.count(name) - expected) < 103  # five standard deviations of the largest
    assert {_drawn({"enlarge": 0.0, "reduce": 1.0}, generator) for _ in range(50)} == {"reduce"}
    betas = np.array([_drawn_beta((0.5, 4), generator) for _ in range(2000)])
    assert betas.min() >= 0.5
    assert betas.max() <= 4
    assert abs((betas < 1).mean() - 0.5) < 0.06
    assert {_drawn_beta((2, 2), generator) for _ in range(9)} == {2.0}


def test_sizes_are_drawn_in_the_range():
    def sizes(what):
        step = FirstDegradation(resizing={what: 1}, resize_range=(0.5, 1.5))
        return [_scaled((100, 200), step, np.random.default_rng(seed)) for seed in range(50)]

    assert set(sizes("keep")) == {(100, 200)}
    assert all(50 <= height <= 100 and abs(width - 2 * height) <= 1 for height, width in sizes("reduce"))
    assert all(100 <= height <= 150 for height, _ in sizes("enlarge"))
    assert len(set(sizes("reduce"))) > 20


def test_blur_is_a_correlation_with_mirrored_edges():
    random = np.random.default_rng(1)
    picture = random.random((9, 12, 3), np.float32)
    step = FirstDegradation(kernels={"anisotropic": 1}, sinc_probability=0, kernel_sides=(5, 5))
    state = np.random.default_rng(4)
    state.random()  # whether it is blurred
    kernel = drawn_kernel(step, state)
    padded = np.pad(picture, ((2, 2), (2, 2), (0, 0)), mode="reflect").astype(np.float64)
    expected = sum(
        kernel[row, column] * padded[row : row + 9, column : column + 12] for row in range(5) for column in range(5)
    )
    np.testing.assert_allclose(blurred(picture, step, np.random.default_rng(4)), expected, atol=1e-5)
    assert blurred(picture, step.model_copy(update={"blur_probability": 0.0}), np.random.default_rng(4)) is picture


def test_gaussian_noise_has_the_width_asked_for():
    picture = np.full((200, 200, 3), 0.5, np.float32)
    step = FirstDegradation(gaussian_probability=1, gaussian_sigma=(10, 10), grey_noise_probability=0)
    noise = 255 * (noisy(picture, step, np.random.default_rng(0)) - picture)
    assert abs(noise.std() - 10) < 0.15  # 120 000 values: five standard errors are 0.1
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.03
    grey = noisy(picture, step.model_copy(update={"grey_noise_probability": 1.0}), np.random.default_rng(0))
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])


def test_poisson_noise_grows_with_the_root_of_brightness():
    levels = np.arange(256, dtype=np.float32) / 255
    picture = np.broadcast_to(levels[None, :, None], (4000, 256, 1)).copy()
    step = FirstDegradation(gaussian_probability=0, poisson_scale=(2, 2), grey_noise_probability=0)
    noise = noisy(picture, step, np.random.default_rng(0)) - picture
    # 256 levels, 256 quanta: the variance of a count is its mean.
    for level in (32, 64, 100):
        expected = 2 * math.sqrt(level / 255 / 256)
        assert abs(noise[:, level].std() / expected - 1) < 0.06


def test_noise_stays_in_range():
    picture = np.random.default_rng(0).random((30, 30, 3), np.float32)
    for probability in (0, 1):
        step = FirstDegradation(gaussian_probability=probability, gaussian_sigma=(90, 90), poisson_scale=(9, 9))
        result = noisy(picture, step, np.random.default_rng(0))
        assert result.dtype == np.float32
        assert (result.min(), result.max()) == (0, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_compression_is_that_of_jpeg(channels):
    image = np.random.default_rng(0).integers(0, 256, (33, 20, channels), dtype=np.uint8)
    step = FirstDegradation(jpeg_quality=(40, 40))
    result = compressed(image.astype(np.float32) / 255, step, np.random.default_rng(0))
    space, colours = ("GRAY", "Gray") if channels == 1 else ("RGB", "420")
    file = simplejpeg.encode_jpeg(image, quality=40, colorspace=space, colorsubsampling=colours)
    np.testing.assert_array_equal(np.rint(result * 255), simplejpeg.decode_jpeg(file, colorspace=space))


def test_resizing_draws_one_of_three_interpolations():
    picture = np.random.default_rng(0).random((16, 16, 1), np.float32)
    results = {resized(picture, (4, 8), np.random.default_rng(seed)).tobytes() for seed in range(30)}
    assert len(results) == 3
    # Averages of 4 × 2 blocks are among them.
    means = picture.reshape(4, 4, 8, 2).mean((1, 3))
    assert any(np.allclose(np.frombuffer(result, np.float32), means.ravel(), atol=1e-6) for result in results)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_without_any_degradation_a_smooth_picture_is_only_made_smaller(channels):
    rows = np.linspace(40, 200, 22)[:, None, None] + np.linspace(0, 20, 32)[None, :, None] + np.zeros(channels)
    options = BlindDegradationOptions(factor=4, first=QUIET, second=QUIET, final_sinc_probability=0)
    image = np.rint(rows).astype(np.uint8)
    if channels == 4:
        image[..., 3] = 99
    expected = rows[:20].reshape(5, 4, 8, 4, channels).mean((1, 3))
    for seed in range(6):
        result = BlindDegradation(options)(image, np.random.default_rng(seed))
        assert result.shape == (5, 8, channels)
        assert abs(result[..., :3].astype(float) - expected[..., :3]).max() < 5
        if channels == 4:
            assert (result[..., 3] == 99).all()


def test_everything_is_decided_by_the_generator():
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    degrade = BlindDegradation(BlindDegradationOptions())
    results = [degrade(image, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any()


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (4, 40)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_small_pictures(size, channels):
    image = np.random.default_rng(0).integers(0, 256, (*size, channels), dtype=np.uint8)
    degrade = BlindDegradation(BlindDegradationOptions())
    for seed in range(15):
        assert degrade(image, np.random.default_rng(seed)).shape == (size[0] // 4, size[1] // 4, channels)
    with pytest.raises(RunFailed, match=r"'blind_degradation' needs images of at least 4 x 4 pixels. Received: 3 x 4"):
        degrade(np.zeros((3, 4, 3), np.uint8), np.random.default_rng(0))


def test_the_second_time_has_defaults_of_its_own_also_beside_others():
    options = BlindDegradationOptions.model_validate({"second": {"jpeg_quality": [50, 95]}})
    assert options.second == SecondDegradation(jpeg_quality=(50, 95))
    assert (options.second.blur_probability, options.second.blur_sigma) == (0.8, (0.2, 1.5))
    assert (options.first.blur_probability, options.first.blur_sigma) == (1.0, (0.2, 3.0))
    assert set(FirstDegradation.model_fields) == set(SecondDegradation.model_fields)
    assert all(field.description for field in SecondDegradation.model_fields.values())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"blur_sigma": [3, 1]}, "lower end of a range first"),
        ({"kernel_sides": [7, 20]}, "odd sides"),
        ({"kernels": {"isotropic": 0.5}}, "add up to 1"),
        ({"resizing": {"enlarge": 1.5, "reduce": -0.5}}, "shares from 0"),
        ({"resize_range": [1.1, 1.5]}, "range of factors"),
        ({"jpeg_quality": [0, 50]}, "greater than or equal to 1"),
        ({"kernels": {"box": 1}}, "Input should be 'isotropic'"),
    ],
)
def test_impossible_options_are_refused(wrong, message):
    with pytest.raises(ValidationError, match=message):
        BlindDegradationOptions(first=wrong)
