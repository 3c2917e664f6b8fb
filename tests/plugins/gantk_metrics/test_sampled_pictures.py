"""Which samples a metric sees, and what it compares them with."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import numpy as np
import pytest

from gantk.errors import RunFailed
from gantk_metrics.feature_network import load_features
from gantk_metrics.fid import FID, frechet_distance
from gantk_metrics.kid import KID
from gantk_metrics.moments import factor_of
from gantk_metrics.options import FIDOptions, KIDOptions
from gantk_metrics.sampled_pictures import NotFiniteSampleError, SampledPictures, comparison


def choice(**given: object) -> SimpleNamespace:
    return SimpleNamespace(**{"split": "test", "limit": None, "samples": None, **given})


def noise(count: int, seed: int, size: int = 8, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, size, size, channels)).astype("float32")


def test_samples_are_made_a_few_at_a_time_and_each_once(sampling: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gantk_metrics.sampled_pictures.BATCH_PIXELS", 4 * 64)
    images = noise(10, 0)
    sampler = sampling(images)
    pictures = SampledPictures(sampler, 10, seed=3)
    read = np.stack([pictures.read(name) for name in pictures.names])
    np.testing.assert_array_equal(read, np.rint((images + 1) * 127.5).astype(np.uint8))
    assert sampler.asked == [(0, 4, None), (4, 4, None), (8, 2, None)]
    assert pictures.description == {"samples": 10, "seed": 3}


def test_as_many_samples_as_real_pictures_or_as_asked(sampling: type, single: type) -> None:
    data = single(test=noise(7, 0))
    sampler = sampling(noise(20, 1))
    assert len(comparison("fid", choice(), sampler, data).samples.names) == 7
    assert len(comparison("fid", choice(limit=3), sampler, data).samples.names) == 3
    found = comparison("fid", choice(limit=3, samples=12), sampler, data)
    assert (len(found.samples.names), len(found.reals)) == (12, 3)


def test_a_smaller_sampler_is_enlarged(sampling: type, single: type) -> None:
    data = single(test=noise(2, 0, size=8))
    found = comparison("fid", choice(), sampling(noise(2, 1, size=4)), data).samples
    picture = found.read("1")
    assert picture.shape == (8, 8, 1)
    np.testing.assert_array_equal(picture[::2, ::2], picture[1::2, 1::2])
    assert found.description["enlarged"] == "2 times, by nearest neighbour"


@pytest.mark.parametrize("other", [(16, 16, 1), (8, 8, 3), (3, 3, 1), (4, 8, 1)])
def test_other_shapes_are_refused(sampling: type, single: type, other: tuple[int, ...]) -> None:
    with pytest.raises(RunFailed, match=r"fid: samples must have the shape of the real pictures, \(8, 8, 1\)"):
        comparison("fid", choice(), sampling(np.zeros((2, *other), np.float32)), single(test=noise(2, 0)))


def test_labels_are_those_of_real_pictures_by_name(sampling: type, single: type) -> None:
    data = single(("cat", "dog", "fox"), {"test": [0, 0, 2, 2]}, test=noise(4, 0))
    sampler = sampling(noise(200, 1), classes=("fox", "dog", "cat"))
    labels = comparison("fid", choice(samples=200), sampler, data).samples.labels
    # No dog among the real ones; cats and foxes, by their numbers in the model, half and half.
    assert set(labels.tolist()) == {0, 2}
    assert 70 < np.sum(labels == 0) < 130
    pictures = comparison("fid", choice(samples=3), sampler, data).samples
    pictures.read("0")
    assert sampler.asked[-1] == (0, 3, pictures.labels.tolist())
    with pytest.raises(RunFailed, match=r"must have the classes of the model, cat, cow. Received: cat, dog, fox"):
        comparison("fid", choice(), sampling(noise(4, 1), classes=("cat", "cow")), data)


def test_the_floor_is_of_another_split_and_of_as_many(
    sampling: type, single: type, caplog: pytest.LogCaptureFixture
) -> None:
    data = single(test=noise(7, 0), train=noise(9, 1))
    found = comparison("fid", choice(), sampling(noise(9, 1), split="train"), data).samples
    assert len(found.names) == 7
    assert found.description["real_pictures_of"] == "train"
    with pytest.raises(
        RunFailed, match=r"must be of another split than those they are compared with. Received: 'test'"
    ):
        comparison("fid", choice(), sampling(noise(7, 0), split="test"), data)
    caplog.set_level(logging.WARNING, "gantk.evaluation")
    fewer = comparison("fid", choice(samples=50), sampling(noise(9, 1), split="train"), data).samples
    assert len(fewer.names) == 9
    assert fewer.description["warning"] == "9 pictures, not 50: there are no more"
    assert "the floor is of 9 real pictures" in caplog.text


def test_no_real_pictures(sampling: type, single: type) -> None:
    with pytest.raises(
        RunFailed, match=r"compared with single pictures of the split 'test'. Received: no such pictures"
    ):
        comparison("fid", choice(), sampling(noise(2, 0)), single(train=noise(2, 0)))


def test_what_is_not_finite_is_no_picture(sampling: type) -> None:
    images = noise(3, 0)
    images[2, 0, 0, 0] = np.inf
    with pytest.raises(NotFiniteSampleError):
        SampledPictures(sampling(images), 3, seed=0).read("0")


@pytest.fixture
def features(vgg16_file: str) -> dict[str, object]:
    return {"type": "vgg16", "path": vgg16_file, "size": 32}


def rows_of(images: np.ndarray, options: FIDOptions) -> np.ndarray:
    network = load_features(options.features)
    levels = np.rint((images + 1) * 127.5).repeat(3, axis=-1).astype("float32")
    return np.asarray(network.network(network.preprocessing(levels)), np.float64)


def test_fid_of_samples(features: dict[str, object], sampling: type, single: type) -> None:
    real, made = noise(20, 2, size=32), noise(12, 3, size=32) / 2
    options = FIDOptions(features=features, samples=12, batch_size=5)
    metric = FID(options)
    metric.prepare(single(test=real))
    result = metric.evaluate(sampling(made), single(test=real))
    one, other = (rows_of(images, options) for images in (made, real))
    expected = frechet_distance(
        one.mean(0), factor_of(np.cov(one, rowvar=False)), other.mean(0), factor_of(np.cov(other, rowvar=False))
    )
    assert result.values == {"fid": pytest.approx(expected, rel=1e-4)}
    assert result.protocol["pictures"]["count"] == 12
    assert result.protocol["pictures"]["seed"] == 5
    assert result.protocol["reference"]["count"] == 20
    broken = metric.evaluate(sampling(made * np.nan), single(test=real))
    assert np.isnan(broken.values["fid"])


def test_kid_of_samples_of_the_same_pictures(features: dict[str, object], sampling: type, single: type) -> None:
    real = noise(10, 4, size=32)
    result = KID(KIDOptions(features=features)).evaluate(sampling(real), single(test=real))
    assert result.values["kid"] < 0
    assert result.better == {"kid": "lower"}


def test_a_number_of_samples_is_not_for_translations(
    features: dict[str, object], held: type, translating: type
) -> None:
    images = noise(3, 0, size=32, channels=3)
    with pytest.raises(RunFailed, match="`samples` is for models that make images of latent vectors"):
        FID(FIDOptions(features=features, samples=3)).evaluate(
            translating(lambda given: given), held(A=images, B=images)
        )
