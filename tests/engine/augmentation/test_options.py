"""What may be asked of augmentation, and what a wrong pipeline is told."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from gantk.engine.augmentation.options import AugmentationOptions
from gantk.engine.options import TrainingOptions

ADAPTER = TypeAdapter(AugmentationOptions)


def test_defaults_are_the_papers():
    diffaugment = ADAPTER.validate_python({"type": "diffaugment"})
    assert diffaugment.policy == ("color", "translation", "cutout")
    ada = ADAPTER.validate_python({"type": "ada"})
    assert (ada.target, ada.interval, ada.speed_kimg, ada.probability) == (0.6, 4, 500.0, 0.0)
    assert ada.policy == ("blit", "geometric", "color")


def test_without_it_there_is_none():
    assert TrainingOptions().augmentation is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": "adda"}, "expected tags: 'diffaugment', 'ada'"),
        ({"type": "ada", "policy": ["cutout"]}, "'blit', 'geometric' or 'color'"),
        ({"type": "ada", "policy": ["blit", "blit"]}, "once. Received: blit twice"),
        ({"type": "diffaugment", "policy": []}, "Received: an empty list"),
        ({"type": "diffaugment", "target": 0.6}, "Extra inputs"),
        ({"type": "ada", "speed_kimg": 0}, "greater than 0"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python(options)
