"""Weight files that are none."""

from pathlib import Path

import numpy as np
import pytest

from gantk.errors import RunFailed
from gantk_features.options import VGG16Options
from gantk_features.vgg import VGG16
from gantk_features.weight_file import WeightFile


def test_weight_files_that_are_none(tmp_path: Path, vgg16_arrays: dict[str, np.ndarray]) -> None:
    with pytest.raises(RunFailed, match=r"vgg16: expected a .npz file of weights. Received: nowhere.npz: No such file"):
        WeightFile("nowhere.npz", "vgg16")
    text = tmp_path / "text.npz"
    text.write_text("not a zip file")
    with pytest.raises(RunFailed, match=r"expected a .npz file of plain arrays"):
        WeightFile(str(text), "vgg16")
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, **{"conv0/kernel": np.array([object()])})
    with pytest.raises(RunFailed, match=r"plain arrays. Received: Object arrays cannot be loaded"):
        WeightFile(str(pickled), "vgg16")
    wrong = tmp_path / "wrong.npz"
    np.savez(wrong, **{**vgg16_arrays, "conv3/kernel": np.zeros((3, 3, 9, 9), np.float32)})
    with pytest.raises(RunFailed, match=r"'conv3/kernel' to hold finite floats of shape 3 × 3 × 5 × any"):
        VGG16(VGG16Options(path=str(wrong)))
    infinite = tmp_path / "infinite.npz"
    np.savez(infinite, **{**vgg16_arrays, "conv0/bias": np.full(4, np.nan, np.float32)})
    with pytest.raises(RunFailed, match="'conv0/bias' to hold finite floats"):
        VGG16(VGG16Options(path=str(infinite)))
