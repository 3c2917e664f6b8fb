"""Picture files as sets, and metrics of sets without a model."""

import io
import math
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from gantk.errors import PluginError, RunFailed
from gantk.evaluation.comparison import compare_sets
from gantk.evaluation.picture_files import PictureFiles
from gantk.protocols import MetricResult
from gantk.specs import MetricSpec


def encoded(image: np.ndarray, form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, form)
    return stream.getvalue()


def failing(error: Exception) -> object:
    def read() -> bytes:
        raise error

    return read


def test_every_kind_of_picture_becomes_rgb() -> None:
    colour = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    transparent = np.concatenate([colour, np.zeros((2, 4, 1), np.uint8)], axis=2)
    deep = np.full((2, 4), 51400, np.uint16)
    files = PictureFiles(
        {
            "colour": lambda: encoded(colour),
            "grey": lambda: encoded(colour[..., 0]),
            "transparent": lambda: encoded(transparent),
            "deep": lambda: encoded(deep),
        },
        {"folder": "here"},
    )
    assert files.names == ("colour", "grey", "transparent", "deep")
    assert np.array_equal(files.read("colour"), colour)
    assert np.array_equal(files.read("grey"), colour[..., :1].repeat(3, axis=2))
    assert np.all(files.read("transparent") == 255)
    assert np.all(files.read("deep") == 200)
    assert files.description["files"] == 4
    assert files.description["size"] == "own size"
    assert files.failures == {}


def test_what_cannot_be_read_is_noted_and_told_of_once() -> None:
    read = []
    files = PictureFiles(
        {
            "cut": lambda: encoded(np.zeros((9, 9, 3), np.uint8))[:40],
            "gone": failing(FileNotFoundError(2, "No such file or directory")),
            "refused": failing(RunFailed("An animation of 3 frames.")),
            "good": lambda: encoded(np.zeros((2, 3, 3), np.uint8)),
        },
        {},
        on_read=read.append,
    )
    assert [files.read(name) is None for name in files.names] == [True, True, True, False]
    assert files.read("gone") is None
    assert list(files.failures) == ["cut", "gone", "refused"]
    assert files.failures["gone"] == "No such file or directory"
    assert files.failures["refused"] == "An animation of 3 frames."
    assert read == [0, 0, 0, 6]


def test_resizing() -> None:
    checkers = (np.indices((32, 48)).sum(axis=0) % 2 * 200).astype(np.uint8)
    files = PictureFiles({"a": lambda: encoded(checkers)}, {}, resize=8)
    picture = files.read("a")
    assert picture.shape == (8, 8, 3)
    assert np.all(np.abs(picture[2:6, 2:6].astype(int) - 100) <= 1), "antialiased"
    assert files.description["size"] == "Pillow bicubic, antialiased, 8 bits, to 8 × 8"


def component(metric: object, compares: str = "sets") -> SimpleNamespace:
    spec = MetricSpec(name="made", factory="a:b", summary="s", compares=compares)
    return SimpleNamespace(name="made", spec=spec, create=lambda: metric, to_plain=lambda: {"type": "made"})


def test_sets_and_pairs_go_to_the_metrics_that_take_them() -> None:
    given = []

    class Counting:
        def compare(self, first: object, second: object) -> MetricResult:
            given.append((first, second))
            return MetricResult(values={"made": 2.0, "none": math.nan}, units={"made": "dB"}, protocol={"count": 1})

    metrics = [component(Counting()), component(Counting(), "pairs")]
    entries = compare_sets(metrics, ("a", "b"), ("c", "d"))
    assert given == [("a", "b"), ("c", "d")]
    assert entries[0] == {
        "name": "made",
        "values": {"made": 2.0, "none": None},
        "units": {"made": "dB"},
        "better": {},
        "protocol": {"options": {"type": "made"}, "count": 1},
    }


def test_metrics_that_do_not_keep_their_word_are_named() -> None:
    with pytest.raises(PluginError, match=r"'made' must have a method compare.* compares sets. Received: object"):
        compare_sets([component(object())], ("a", "b"))
    wrong = SimpleNamespace(compare=lambda first, second: 3)
    with pytest.raises(PluginError, match=r"'made' must return a MetricResult. Received: int"):
        compare_sets([component(wrong)], ("a", "b"))
