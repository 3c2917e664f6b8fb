"""The baseline `bicubic`: Pillow's picture, level for level, and where it makes no sense."""

import numpy as np
import pytest
from PIL import Image

from gantk.errors import RunFailed
from gantk.evaluation import BicubicTranslator


@pytest.mark.parametrize("scale", [2, 3])
def test_it_gives_what_pillow_gives(scale: int) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), np.uint8)
    translator = BicubicTranslator(("AtoB",), {"AtoB": scale})
    results = translator("AtoB", levels.astype(np.float32) / np.float32(127.5) - 1)
    assert results.dtype == np.float32
    for picture, result in zip(levels, results, strict=True):
        expected = Image.fromarray(picture).resize((7 * scale, 5 * scale), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(np.rint((result + 1) * 127.5), np.asarray(expected))
    assert translator.directions == ("AtoB",)


def test_grey_pictures_are_enlarged_too() -> None:
    result = BicubicTranslator(("AtoB",), {"AtoB": 4})("AtoB", np.zeros((1, 3, 2, 1), np.float32))
    assert result.shape == (1, 12, 8, 1)


def test_it_is_refused_where_nothing_is_enlarged() -> None:
    with pytest.raises(RunFailed, match=r"enlarges .* Received: BtoA with results of the size of the input") as raised:
        BicubicTranslator(("AtoB", "BtoA"), {"AtoB": 4, "BtoA": 1})
    assert "identity" in raised.value.hint
