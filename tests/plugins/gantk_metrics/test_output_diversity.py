import numpy as np
import pytest

from gantk.errors import RunFailed
from gantk_metrics.options import OutputDiversityOptions
from gantk_metrics.output_diversity import OutputDiversity


def flat(*levels: int) -> np.ndarray:
    return np.stack([np.full((16, 16, 3), level / 127.5 - 1, np.float32) for level in levels])


def metric(**options: object) -> OutputDiversity:
    return OutputDiversity(OutputDiversityOptions(size=16, **options))


def test_pixel_distances_by_hand(held: type, translating: type) -> None:
    # Between 0, 60 and 120 the distances are 60, 60 and 120, mean 80; between 10, 20, 30 they are 10, 10, 20.
    data = held(A=flat(10, 20, 30), B=flat(0, 60, 120))
    result = metric().evaluate(translating(lambda images: np.clip(images * 2 + 1, -1, 1)), data)
    # Outputs, 2 x - 127.5 + 127.5 in levels: 20, 40, 60, mean distance 80 / 3.
    assert result.values["output_diversity_a_to_b"] == pytest.approx(80 / 3 / 80, rel=1e-6)
    assert result.values["diversity_kept_a_to_b"] == pytest.approx(2, rel=1e-6)
    assert result.protocol["AtoB"]["pictures"]["pairs"] == 3


def test_one_picture_for_all_is_zero(held: type, translating: type) -> None:
    data = held(A=flat(10, 20, 30), B=flat(0, 60, 120))
    result = metric().evaluate(translating(np.zeros_like, ("AtoB", "BtoA")), data)
    assert result.values == dict.fromkeys(
        ("output_diversity_a_to_b", "diversity_kept_a_to_b", "output_diversity_b_to_a", "diversity_kept_b_to_a"), 0.0
    )


def test_not_finite_and_references_that_are_all_alike_have_no_value(held: type, translating: type) -> None:
    data = held(A=flat(10, 20), B=flat(7, 7))
    values = metric().evaluate(translating(lambda images: images), data).values
    assert np.isnan(values["output_diversity_a_to_b"])
    assert values["diversity_kept_a_to_b"] == 1.0
    values = metric().evaluate(translating(lambda images: images * np.nan), data).values
    assert np.all(np.isnan(list(values.values())))


def test_perceptual_distances_and_drawn_pairs(vgg16_file: str, picture_set: type) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (6, 20, 20, 3), dtype=np.uint8)
    whole = picture_set(**{f"p{number}": image for number, image in enumerate(images)}, broken=None)
    alike = picture_set(**{f"p{number}": images[0] for number in range(6)})
    measured = metric(perceptual={"type": "vgg16", "path": vgg16_file}, pairs=7, batch_size=4)
    result = measured.compare(whole, whole)
    assert result.values == {"output_diversity": 1.0}
    assert result.protocol["pictures"]["pairs"] == 7
    assert result.protocol["distance"]["network"] == "VGG16 with LPIPS heads"
    assert measured.compare(alike, whole).values == {"output_diversity": pytest.approx(0, abs=1e-12)}


def test_one_picture_has_no_diversity(picture_set: type) -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(RunFailed, match=r"at least 2 pictures that can be read. Received: 1"):
        metric().compare(picture_set(a=image, b=None), picture_set(a=image, b=image))
