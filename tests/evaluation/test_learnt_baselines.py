"""Baselines that learn from pairs, by hand on a handful of pixels."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gantk.errors import RunFailed
from gantk.evaluation import ColourLookupTranslator, TrainingMeanTranslator, TrainingPairs, evaluate
from gantk.protocols import MetricResult


class Shards:
    """What TrainingPairs uses of a prepared data set."""

    def __init__(self, *pairs: tuple[object, object], layout: str = "aligned") -> None:
        self.layout = layout
        self._records = [
            {"key": str(number), "A": np.asarray(a, np.uint8), "B": np.asarray(b, np.uint8)}
            for number, (a, b) in enumerate(pairs)
        ]

    def domains(self, split: str) -> tuple[str, ...]:
        return {"aligned": ("AB",), "unpaired": ("A", "B")}[self.layout]

    def fields(self, split: str, domain: str) -> tuple[str, ...]:
        return ("A", "B") if domain in self.domains(split) and domain == "AB" else ()

    def records(self, split: str, domain: str) -> list[dict[str, object]]:
        return self._records if self.fields(split, domain) else []


def pairs_of(*pairs: tuple[object, object]) -> TrainingPairs:
    return TrainingPairs(Shards(*pairs), "train", baseline="any")


def floats(levels: object) -> np.ndarray:
    return np.asarray(levels, np.float32) / 127.5 - 1


def levels(images: np.ndarray) -> np.ndarray:
    return (images.astype("float64") + 1) * 127.5


BLACK, RED, BLUE = [0, 0, 0], [200, 0, 0], [0, 0, 200]


def test_the_mean_is_that_of_every_pixel_whatever_the_input() -> None:
    pairs = pairs_of(
        ([[BLACK, RED]], [[[10, 20, 30], [0, 0, 0]]]),
        ([[RED, RED]], [[[20, 40, 60], [255, 3, 0]]]),
        ([[RED, BLUE]], [[[30, 0, 0], [0, 0, 90]]]),
    )
    mean = TrainingMeanTranslator(pairs, ("AtoB", "BtoA"))
    assert mean.directions == ("AtoB", "BtoA")
    found = mean("AtoB", floats([[[BLUE, BLUE]], [[RED, BLACK]]]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(levels(found), [[[[20, 20, 30], [85, 1, 30]]]] * 2, atol=1e-4)
    back = mean("BtoA", floats([[[BLUE, BLUE]]]))
    np.testing.assert_allclose(levels(back), [[[[400 / 3, 0, 0], [400 / 3, 0, 200 / 3]]]], atol=1e-4)
    assert mean.protocol == {"learnt": "mean of the training targets at every pixel", "split": "train", "pairs": 3}


def test_the_mean_needs_one_size() -> None:
    mean = TrainingMeanTranslator(pairs_of(([[RED]], [[RED]])), ("AtoB",))
    with pytest.raises(RunFailed, match=r"the size it was learnt from, \(1, 1\). Received: \(1, 2\)"):
        mean("AtoB", floats([[[RED, RED]]]))
    with pytest.raises(RunFailed, match=r"targets of one size .* Received: \(1, 1, 3\) and \(1, 2, 3\)"):
        TrainingMeanTranslator(pairs_of(([[RED]], [[RED]]), ([[RED, RED]], [[RED, RED]])), ("AtoB",))


def test_a_colour_becomes_the_mean_of_what_it_became_in_training() -> None:
    # 200 and 207 share a cell of sixteen levels, 208 is in the next.
    pairs = pairs_of(
        ([[RED, [207, 0, 7]]], [[[10, 0, 90], [30, 0, 30]]]),
        ([[BLUE, [208, 0, 0]]], [[[0, 100, 0], [1, 2, 3]]]),
    )
    lookup = ColourLookupTranslator(pairs, ("AtoB",))
    found = lookup("AtoB", floats([[[[203, 5, 2], BLUE], [[208, 0, 0], RED]]]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(levels(found), [[[[20, 0, 60], [0, 100, 0]], [[1, 2, 3], [20, 0, 60]]]], atol=1e-4)


def test_a_colour_not_seen_takes_the_nearest_that_was() -> None:
    pairs = pairs_of(([[RED, BLUE]], [[[1, 0, 0], [0, 0, 2]]]))
    lookup = ColourLookupTranslator(pairs, ("AtoB",))
    # The cell of (150, 0, 120) has its centre at (151.5, 7.5, 119.5): 129 from red, 172 from blue.
    for colour, expected in (([150, 0, 120], [1, 0, 0]), ([120, 0, 150], [0, 0, 2]), ([255, 255, 0], [1, 0, 0])):
        np.testing.assert_allclose(levels(lookup("AtoB", floats([[[colour]]]))), [[[expected]]], atol=1e-4)


def test_the_nearest_cell_is_found_for_every_colour() -> None:
    random = np.random.default_rng(0)
    source, target = random.integers(0, 256, (2, 4, 5, 3))
    lookup = ColourLookupTranslator(pairs_of((source, target)), ("AtoB",))
    colours = random.integers(0, 256, (1, 6, 7, 3))
    found = levels(lookup("AtoB", floats(colours)))
    cells = (source.reshape(-1, 3) // 16).tolist()
    for place in np.ndindex(6, 7):
        cell = colours[0][place] // 16
        same = [number for number, other in enumerate(cells) if other == cell.tolist()]
        if not same:
            groups = {tuple(other) for other in cells}
            means = {
                group: np.mean(
                    [source.reshape(-1, 3)[n] for n, other in enumerate(cells) if tuple(other) == group], axis=0
                )
                for group in groups
            }
            nearest = min(groups, key=lambda group: float(np.sum((means[group] - (cell * 16 + 7.5)) ** 2)))
            same = [number for number, other in enumerate(cells) if tuple(other) == nearest]
        np.testing.assert_allclose(found[0][place], target.reshape(-1, 3)[same].mean(axis=0), atol=1e-4)


def test_grey_inputs_have_a_look_up_too() -> None:
    pairs = pairs_of(([[[0], [4], [200]]], [[[10, 0, 0], [20, 0, 0], [30, 0, 0]]]))
    lookup = ColourLookupTranslator(pairs, ("AtoB", "BtoA"))
    found = lookup("AtoB", floats([[[[7], [90], [110], [255]]]]))
    # 90 lies in 80 … 95 with the centre 87.5: 85.5 from the mean 2, 112.5 from 200; 110 has the centre 103.5.
    np.testing.assert_allclose(levels(found)[0, 0, :, 0], [15, 15, 30, 30], atol=1e-4)
    assert lookup("BtoA", floats([[BLACK]])[None]).shape == (1, 1, 1, 1)


def test_too_many_channels_are_refused() -> None:
    with pytest.raises(RunFailed, match=r"at most 3 channels. Received: 4"):
        ColourLookupTranslator(pairs_of(([[[0, 0, 0, 255]]], [[RED]])), ("AtoB",))


def test_sides_of_two_sizes_are_named() -> None:
    with pytest.raises(RunFailed, match=r"must have one size. Received: 0 with \(1, 2\) and \(1, 1\)"):
        ColourLookupTranslator(pairs_of(([[RED, RED]], [[RED]])), ("AtoB",))


def test_unpaired_data_is_refused() -> None:
    with pytest.raises(
        RunFailed, match=r"'colour_lookup' learns from pairs.*\nReceived: unpaired data, with A, B"
    ) as error:
        TrainingPairs(Shards(layout="unpaired"), "train", baseline="colour_lookup")
    assert "baseline_split" in error.value.hint


def test_what_a_baseline_learnt_from_stands_in_the_protocol(tmp_path: Path) -> None:
    metric = SimpleNamespace(
        prepare=lambda data: None, evaluate=lambda translator, data: MetricResult(values={"x": 1.0}, protocol={"y": 2})
    )
    component = SimpleNamespace(name="metric", create=lambda: metric, to_plain=lambda: {"type": "metric"})
    lookup = ColourLookupTranslator(pairs_of(([[RED]], [[RED]])), ("AtoB",))
    first, second = evaluate([component], {"colour_lookup": lookup, "trained": object()}, object(), tmp_path)
    assert first["protocol"]["candidate"] == lookup.protocol
    assert lookup.protocol["levels_a_cell"] == 16
    assert second["protocol"] == {"options": {"type": "metric"}, "y": 2}
