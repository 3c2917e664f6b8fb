import numpy as np
import pytest

from gantk_metrics.cycle_error import CycleError
from gantk_metrics.options import CycleErrorOptions


class TwoDomains:
    seed = 0

    def fields(self, split: str, domain: str) -> tuple[str, ...]:
        return ("image",)

    def images(self, split: str, domain: str, field: str = "image", limit: int | None = None) -> np.ndarray:
        return np.full((2, 4, 4, 3), {"A": 0.25, "B": -0.5}[domain], np.float32)


class Shift:
    """Brightens on the way there by 0.2 and darkens on the way back by 0.1."""

    directions = ("AtoB", "BtoA")

    def __call__(self, direction: str, images: np.ndarray) -> np.ndarray:
        return images + np.float32(0.2 if direction == "AtoB" else -0.1)


def test_the_loss_of_a_round_trip_is_given_in_8_bit_levels() -> None:
    result = CycleError(CycleErrorOptions()).evaluate(Shift(), TwoDomains())
    assert result.values == pytest.approx({"cycle_error_a": 0.1 * 127.5, "cycle_error_b": 0.1 * 127.5}, abs=1e-4)
    assert result.better == {"cycle_error_a": "lower", "cycle_error_b": "lower"}
    assert result.protocol["samples"] == {"A": 2, "B": 2}


def test_a_translator_of_one_direction_has_no_cycle() -> None:
    class OneWay(Shift):
        directions = ("AtoB",)

    result = CycleError(CycleErrorOptions()).evaluate(OneWay(), TwoDomains())
    assert result.values == {}
    assert result.protocol["no_value"] == "a cycle needs both directions"


def test_aligned_samples(held: type) -> None:
    fields = {"AB_A": np.full((2, 4, 4, 3), 0.25, np.float32), "AB_B": np.full((3, 4, 4, 3), -0.5, np.float32)}
    result = CycleError(CycleErrorOptions()).evaluate(Shift(), held(**fields))
    assert result.protocol["samples"] == {"A": 2, "B": 3}
