import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from gantk.errors import PluginError, RunFailed
from gantk.evaluation import IdentityTranslator, PreparedEvaluationData, evaluate
from gantk.protocols import MetricResult


class Brightness:
    """A metric that counts how often it was prepared."""

    prepared = 0

    def prepare(self, data: object) -> None:
        type(self).prepared += 1

    def evaluate(self, translator: object, data: object) -> MetricResult:
        output = translator("AtoB", np.full((1, 2, 2, 3), 0.5, np.float32))
        return MetricResult(
            values={"mean": float(output.mean()), "undefined": math.inf},
            units={"mean": "levels"},
            better={"mean": "higher"},
            protocol={"samples": 1},
            pictures={"AtoB: one": np.full((2, 2, 3), 7, np.uint8)},
        )


def component(metric: object) -> SimpleNamespace:
    return SimpleNamespace(name="brightness", create=lambda: metric, to_plain=lambda: {"type": "brightness"})


def test_every_candidate_is_measured_and_written_with_its_protocol(tmp_path: Path) -> None:
    candidates = {"trained": lambda direction, images: images + 0.25, "identity": IdentityTranslator(("AtoB",))}
    entries = evaluate([component(Brightness())], candidates, object(), tmp_path)
    assert Brightness.prepared == 1
    assert json.loads((tmp_path / "evaluation.json").read_text()) == {"metrics": entries}
    assert [(entry["candidate"], entry["values"]) for entry in entries] == [
        ("trained", {"mean": 0.75, "undefined": None}),
        ("identity", {"mean": 0.5, "undefined": None}),
    ]
    assert entries[0]["protocol"] == {"options": {"type": "brightness"}, "samples": 1}
    assert np.asarray(Image.open(tmp_path / entries[0]["pictures"]["AtoB: one"])).tolist() == [[[7] * 3] * 2] * 2


def test_pictures_of_a_metric_that_is_there_twice_are_both_kept(tmp_path: Path) -> None:
    metrics = [component(Brightness()), component(Brightness())]
    entries = evaluate(metrics, {"trained": IdentityTranslator(("AtoB",))}, object(), tmp_path)
    assert len({entry["pictures"]["AtoB: one"] for entry in entries}) == 2


def test_a_metric_that_returns_something_else_is_named(tmp_path: Path) -> None:
    wrong = SimpleNamespace(prepare=lambda data: None, evaluate=lambda translator, data: 0.5)
    with pytest.raises(PluginError, match=r"'brightness' must return a MetricResult. Received: float"):
        evaluate([component(wrong)], {"trained": None}, object(), tmp_path)


class Shards:
    """What PreparedEvaluationData uses of a prepared data set."""

    splits = ("test",)

    def __init__(self, *pictures: np.ndarray) -> None:
        self.pictures = pictures

    def domains(self, split: str) -> tuple[str, ...]:
        return ("A",)

    def fields(self, split: str, domain: str) -> tuple[str, ...]:
        return ("image",)

    def records(self, split: str, domain: str) -> list[dict[str, object]]:
        return [{"key": str(number), "image": picture} for number, picture in enumerate(self.pictures)]


def test_pictures_come_as_floats_in_order() -> None:
    data = PreparedEvaluationData(Shards(np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)), seed=1)
    images = data.images("test", "A")
    assert images.dtype == np.float32
    assert images[:, 0, 0, 0].tolist() == [-1.0, 1.0]
    assert len(data.images("test", "A", limit=1)) == 1


def test_missing_samples_are_named() -> None:
    data = PreparedEvaluationData(Shards(np.zeros((2, 2, 3), np.uint8)), seed=1)
    with pytest.raises(RunFailed, match=r"field 'mask' for domain 'AB' of split 'test'. Received: no such samples"):
        data.images("test", "AB", "mask")


def test_pictures_of_several_sizes_are_refused() -> None:
    data = PreparedEvaluationData(Shards(np.zeros((2, 2, 3), np.uint8), np.zeros((4, 2, 3), np.uint8)), seed=1)
    with pytest.raises(RunFailed, match=r"one size .* test/A. Received: \[\(2, 2, 3\), \(4, 2, 3\)\]"):
        data.images("test", "A")


def test_samples_may_differ_in_size_and_are_read_when_asked_for() -> None:
    shards = Shards(np.zeros((2, 2, 3), np.uint8), np.full((4, 2, 3), 255, np.uint8), np.zeros((2, 2, 3), np.uint8))
    data = PreparedEvaluationData(shards, seed=1)
    samples = data.samples("test", "A", ("image",), limit=2)
    assert [(sample["key"], sample["image"].shape) for sample in samples] == [("0", (2, 2, 3)), ("1", (4, 2, 3))]
    assert len(samples) == 2
    assert samples[1]["image"].dtype == np.float32
    assert samples[-1]["image"].max() == samples[-1]["image"].min() == 1.0
    assert [sample["key"] for sample in samples[:1]] == ["0"]
    with pytest.raises(IndexError):
        samples[2]
    assert len(data.samples("test", "A", ("image",))) == 3
    # Nothing is kept: an array that somebody changes is another one the next time.
    samples[0]["image"][:] = 9
    assert samples[0]["image"].max() == -1.0


def test_samples_must_hold_every_field() -> None:
    data = PreparedEvaluationData(Shards(np.zeros((2, 2, 3), np.uint8)), seed=1)
    with pytest.raises(RunFailed, match=r"field 'B' for domain 'A' of split 'test'. Received: image"):
        data.samples("test", "A", ("image", "B"))
