import logging

import numpy as np
import pytest

from gantk_metrics.feature_network import load_features, resized
from gantk_metrics.fid import FID
from gantk_metrics.fid import frechet_distance as distance_of_factors
from gantk_metrics.moments import Moments, factor_of
from gantk_metrics.options import FIDOptions

RANDOM = np.random.default_rng(3)


def frechet_distance(mean: np.ndarray, covariance: np.ndarray, other_mean: np.ndarray, other: np.ndarray) -> float:
    return distance_of_factors(mean, factor_of(covariance), other_mean, factor_of(other))


def test_equal_distributions_have_no_distance() -> None:
    rows = RANDOM.normal(size=(40, 12))
    covariance = np.cov(rows, rowvar=False)
    assert frechet_distance(rows.mean(0), covariance, rows.mean(0), covariance) == pytest.approx(0, abs=1e-12)


def test_independent_features_have_the_closed_form() -> None:
    # Tr(C + C' - 2 (C C')^½) of diagonal matrices is Σ (√c - √c')².
    mean, other_mean = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 4.0])
    variances, other_variances = np.array([4.0, 1.0, 0.0]), np.array([1.0, 9.0, 16.0])
    distance = frechet_distance(mean, np.diag(variances), other_mean, np.diag(other_variances))
    assert distance == pytest.approx((4 + 1) + (1 + 4 + 16), rel=1e-12)


def test_covariances_that_do_not_commute() -> None:
    # For 2 × 2 matrices Tr M^½ = √(Tr M + 2 √det M).
    covariance, other = np.array([[2.0, 0.6], [0.6, 1.0]]), np.array([[1.0, -0.4], [-0.4, 3.0]])
    product = covariance @ other
    root_trace = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = np.trace(covariance) + np.trace(other) - 2 * root_trace
    assert frechet_distance(np.zeros(2), covariance, np.zeros(2), other) == pytest.approx(expected, rel=1e-12)


def test_singular_covariances_in_many_dimensions() -> None:
    # Samples on orthogonal subspaces: the product of the covariances is zero, and so is its root.
    first, second = np.zeros((5, 300)), np.zeros((6, 300))
    first[:, :100] = RANDOM.normal(size=(5, 100))
    second[:, 200:] = RANDOM.normal(size=(6, 100))
    moments = [np.cov(rows, rowvar=False) for rows in (first, second)]
    means = [rows.mean(0) for rows in (first, second)]
    expected = float(np.sum((means[0] - means[1]) ** 2) + np.trace(moments[0]) + np.trace(moments[1]))
    assert frechet_distance(means[0], moments[0], means[1], moments[1]) == pytest.approx(expected, rel=1e-12)


def test_shifting_a_singular_sample_moves_only_the_mean() -> None:
    rows = RANDOM.normal(size=(10, 200))
    covariance = np.cov(rows, rowvar=False)
    assert frechet_distance(np.zeros(200), covariance, np.full(200, 0.1), covariance) == pytest.approx(2.0, rel=1e-10)


def test_moments_in_batches_are_those_of_the_whole() -> None:
    rows = RANDOM.normal(1e4, 1.0, size=(57, 6))  # a large mean loses digits in a naive sum of squares
    moments = Moments(6)
    for part in np.split(rows, [1, 20, 20, 50]):
        moments.add(part)
    assert moments.count == 57
    np.testing.assert_allclose(moments.mean, rows.mean(0), rtol=1e-14)
    np.testing.assert_allclose(moments.covariance(), np.cov(rows, rowvar=False), rtol=1e-9)


@pytest.mark.parametrize("count", [2, 5, 6, 7, 30])
def test_the_factor_is_that_of_the_covariance_from_few_vectors_and_from_many(count: int) -> None:
    rows = RANDOM.normal(3.0, 1.0, size=(count, 6))
    moments = Moments(6)
    for part in np.split(rows, [1, 4, 6]):
        moments.add(part)
        if moments.count >= 2:
            moments.factor()  # asked for in between, it must not be kept
    assert moments.factor().shape == (6, min(count, 6))
    np.testing.assert_allclose(moments.factor() @ moments.factor().T, np.cov(rows, rowvar=False), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(moments.covariance(), np.cov(rows, rowvar=False), rtol=1e-9, atol=1e-12)


def test_one_vector_has_no_covariance() -> None:
    moments = Moments(2)
    moments.add(np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"at least 2 vectors. Received: 1"):
        moments.covariance()


def pictures(count: int, seed: int, size: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def features_of(images: np.ndarray, options: FIDOptions) -> np.ndarray:
    """One picture at a time through the network, without the metric's batches."""
    loaded = load_features(options.features)
    rows = [
        loaded.network(loaded.preprocessing(resized(image, 32, "bicubic"))[None].astype("float32")) for image in images
    ]
    return np.concatenate([np.asarray(row) for row in rows]).astype("float64")


@pytest.fixture
def options(vgg16_file: str) -> FIDOptions:
    return FIDOptions(features={"type": "vgg16", "path": vgg16_file, "size": 32}, batch_size=4)


def test_two_sets_of_pictures(options: FIDOptions, picture_set: type) -> None:
    first, second = pictures(7, 0), pictures(11, 1) // 2
    result = FID(options).compare(
        picture_set(**{f"a{number}": image for number, image in enumerate(first)}, broken=None),
        picture_set(**{f"b{number}": image for number, image in enumerate(second)}),
    )
    rows = [features_of(images, options) for images in (first, second)]
    expected = frechet_distance(*(f(r) for r in rows for f in (lambda x: x.mean(0), lambda x: np.cov(x, rowvar=False))))
    assert result.values == {"fid": pytest.approx(expected, rel=1e-5)}
    assert result.better == {"fid": "lower"}
    protocol = result.protocol
    assert (protocol["pictures"]["count"], protocol["reference"]["count"]) == (7, 11)
    assert protocol["pictures"]["digest"] != protocol["reference"]["digest"]
    assert protocol["features"]["network"] == "VGG16"
    assert protocol["features"]["layer"] == "relu5_3, averaged over the picture"
    assert protocol["features"]["dimension"] == 8
    assert len(protocol["features"]["sha256"]) == 64
    assert protocol["features"]["resizer"] == "Pillow bicubic, antialiased, in floats, to 32 × 32"
    assert protocol["warning"].startswith("7 pictures are too few for 8 features")


def test_translations_against_real_pictures_of_the_target(
    options: FIDOptions, held: type, translating: type, caplog: pytest.LogCaptureFixture
) -> None:
    levels = {"A": pictures(9, 2), "B": pictures(10, 3) // 2}
    data = held(**{name: images / np.float32(127.5) - 1 for name, images in levels.items()})
    metric = FID(options)
    metric.prepare(data)
    caplog.set_level(logging.WARNING, "gantk.evaluation")
    result = metric.evaluate(translating(lambda images: -images, ("AtoB", "BtoA")), data)
    assert list(result.values) == ["fid_a_to_b", "fid_b_to_a"]
    rows = [features_of(images, options) for images in (255 - levels["A"], levels["B"])]
    expected = frechet_distance(*(f(r) for r in rows for f in (lambda x: x.mean(0), lambda x: np.cov(x, rowvar=False))))
    assert result.values["fid_a_to_b"] == pytest.approx(expected, rel=1e-5)
    assert result.protocol["AtoB"]["reference"]["domain"] == "B"
    assert result.protocol["BtoA"]["pictures"]["translated"] == {"split": "test", "domain": "B"}
    assert not caplog.records, "9 pictures are enough for 8 features"


def test_translations_that_are_not_finite_have_no_value(options: FIDOptions, held: type, translating: type) -> None:
    data = held(A=np.zeros((3, 8, 8, 3), np.float32), B=np.zeros((3, 8, 8, 3), np.float32))
    result = FID(options).evaluate(translating(lambda images: images * np.nan), data)
    assert list(result.values) == ["fid_a_to_b"]
    assert np.isnan(result.values["fid_a_to_b"])


def test_aligned_data_grey_pictures_and_one_direction(options: FIDOptions, held: type, translating: type) -> None:
    grey = pictures(12, 4)[..., :1] / np.float32(127.5) - 1
    data = held(AB_A=grey, AB_B=grey)
    result = FID(options).evaluate(translating(lambda images: images), data)
    assert result.values == {"fid_a_to_b": pytest.approx(0, abs=1e-9)}
    assert result.protocol["AtoB"]["reference"]["field"] == "B"


def test_a_set_of_one_is_refused(options: FIDOptions, picture_set: type) -> None:
    two = picture_set(a=pictures(1, 0)[0], b=pictures(1, 1)[0])
    with pytest.raises(Exception, match=r"fid: a set must have at least 2 pictures that can be read. Received: 1"):
        FID(options).compare(picture_set(a=pictures(1, 0)[0], b=None), two)


def test_pictures_with_alpha_are_refused(options: FIDOptions, picture_set: type) -> None:
    image = np.zeros((8, 8, 4), np.uint8)
    with pytest.raises(Exception, match=r"1 or 3 channels. Received: a with 4") as raised:
        FID(options).compare(picture_set(a=image, b=image), picture_set(a=image, b=image))
    assert "{type: channels, to: rgb}" in raised.value.hint
