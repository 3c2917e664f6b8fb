"""Numbers of single pictures as the stage writes them, and the parts of pictures that are shown."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gantk.evaluation import IdentityTranslator, evaluate
from gantk.evaluation.per_picture import MOST_SHOWN, WINDOW, most_detailed, shown_parts
from gantk.protocols import MetricResult, PictureNumbers


class Data:
    seed = 0

    def __init__(self, count: int) -> None:
        self.count = count

    def samples(
        self, split: str, domain: str, fields: Sequence[str], limit: int | None = None
    ) -> list[Mapping[str, Any]]:
        assert (split, domain, fields) == ("test", "AB", ("A", "B"))
        low, high = np.full((4, 5, 3), -1, np.float32), np.full((8, 10, 3), 1, np.float32)
        return [{"key": f"{number}.jpg", "A": low, "B": high} for number in range(self.count)][:limit]


class Brightness:
    """Gives every picture its place, times a factor that the translator has."""

    def prepare(self, data: object) -> None:
        pass

    def evaluate(self, translator: Any, data: Data) -> MetricResult:
        numbers = {
            sample["key"]: translator.factor * place
            for place, sample in enumerate(data.samples("test", "AB", ("A", "B")))
        }
        return MetricResult(
            {"place": 0.0},
            units={"place": "dB"},
            better={"place": "higher"},
            per_picture=[PictureNumbers("place", "test", "AtoB", numbers)],
        )


def component(metric: object) -> SimpleNamespace:
    return SimpleNamespace(name="brightness", create=lambda: metric, to_plain=lambda: {"type": "brightness"})


def candidate(factor: float) -> IdentityTranslator:
    translator = IdentityTranslator(("AtoB",), {"AtoB": 2})
    translator.factor = factor
    return translator


def test_a_line_a_picture_with_the_numbers_of_all_candidates(tmp_path: Path) -> None:
    candidates = {"trained": candidate(1.0), "untrained": candidate(float("nan"))}
    evaluate([component(Brightness()), component(Brightness())], candidates, Data(MOST_SHOWN + 2), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "per_picture.jsonl").read_text().splitlines()]
    assert [line["picture"] for line in lines] == [f"{number}.jpg" for number in range(MOST_SHOWN + 2)]
    assert lines[3]["values"] == {
        label: {"unit": "dB", "better": "higher", "numbers": {"trained": 3.0, "untrained": None}}
        for label in ("brightness.place", "brightness-2.place")
    }
    assert [bool(line["shown"]) for line in lines] == [True] * MOST_SHOWN + [False] * 2
    shown = {role: np.asarray(Image.open(tmp_path / path)) for role, path in lines[0]["shown"].items()}
    # The input is enlarged to the size of the truth.
    assert {role: (part.shape, part.max()) for role, part in shown.items()} == {
        "input": ((8, 10, 3), 0),
        "result": ((8, 10, 3), 0),
        "truth": ((8, 10, 3), 255),
    }


def test_lines_of_an_earlier_run_do_not_stay(tmp_path: Path) -> None:
    (tmp_path / "per_picture.jsonl").write_text("{}\n")
    metric = Brightness()
    metric.evaluate = lambda translator, data: MetricResult({"place": 0.0})
    evaluate([component(metric)], {"trained": candidate(1.0)}, Data(1), tmp_path)
    assert not (tmp_path / "per_picture.jsonl").exists()


def test_of_a_large_picture_the_part_with_most_detail_is_shown() -> None:
    truth = np.full((WINDOW + 100, 3 * WINDOW, 1), -1, np.float32)
    truth[-50:, -60::2] = 1
    assert most_detailed((truth * 127.5 + 127.5).astype(np.uint8), WINDOW) == (100, 2 * WINDOW)
    parts = shown_parts(truth[::2, ::2], truth * np.nan, truth)
    assert {part.shape for part in parts.values()} == {(WINDOW, WINDOW, 3)}
    np.testing.assert_array_equal(
        parts["truth"][..., 1], (truth[100:, 2 * WINDOW :, 0] * 127.5 + 127.5).astype(np.uint8)
    )
    assert parts["result"].max() == 0


def test_an_input_that_is_no_whole_part_of_the_truth_is_shown_as_it_is() -> None:
    truth = np.zeros((9, 9, 3), np.float32)
    assert shown_parts(np.zeros((4, 4, 3), np.float32), truth, truth)["input"].shape == (4, 4, 3)


@pytest.mark.parametrize(("shape", "place"), [((10, 10, 3), (0, 0)), ((4, 30, 3), (0, 20))])
def test_a_small_picture_is_shown_whole(shape: tuple[int, ...], place: tuple[int, int]) -> None:
    picture = np.zeros(shape, np.uint8)
    picture[1, -1] = 255
    assert most_detailed(picture, 10) == place
