"""InceptionV3 of Keras: its layers with random weights, and what is said without weights."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from gantk.errors import RunFailed
from gantk_features.inception_v3 import InceptionV3
from gantk_features.options import InceptionV3Options


def test_without_network_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(**arguments: object) -> None:
        assert arguments["weights"] == "imagenet"
        raise Exception("URL fetch failure on https://storage: None -- [Errno -3] Temporary failure")

    monkeypatch.setattr(keras.applications, "InceptionV3", offline)
    with pytest.raises(RunFailed, match=r"downloaded by Keras.* Received: URL fetch failure") as raised:
        InceptionV3(InceptionV3Options())
    assert "~/.keras/models" in raised.value.hint


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="which does not exist"):
        InceptionV3(InceptionV3Options(path=str(tmp_path / "weights.h5")))


@pytest.mark.slow
def test_every_named_layer_is_there_at_the_smallest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    original: Any = keras.applications.InceptionV3

    def untrained(**arguments: Any) -> keras.Model:
        return original(**{**arguments, "weights": None})

    monkeypatch.setattr(keras.applications, "InceptionV3", untrained)
    network = InceptionV3(InceptionV3Options())
    names = list(InceptionV3Options.layers)
    outputs = network.build(names)(np.zeros((1, 75, 75, 3), "float32"))
    assert [output.shape[-1] for output in outputs] == [256, 288, 288, 768, 768, 768, 768, 768, 1280, 2048, 2048]
    assert outputs[-1].shape == (1, 1, 1, 2048)
    assert str(network.preprocessing) == "(level - 127.5) / 127.5, RGB"
