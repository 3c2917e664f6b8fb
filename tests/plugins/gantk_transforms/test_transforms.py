"""What every built-in transform promises, whatever it does."""

import pickle

import numpy as np
import pytest
from pydantic import ValidationError

import gantk_transforms
from gantk_transforms.blind_degradation import BlindDegradation
from gantk_transforms.canny import Canny
from gantk_transforms.channels import Channels
from gantk_transforms.colour_jitter import ColourJitter
from gantk_transforms.crop import Crop
from gantk_transforms.degradation_options import BlindDegradationOptions, DownscaleOptions
from gantk_transforms.downscale import Downscale
from gantk_transforms.flip import Flip
from gantk_transforms.jitter import Jitter
from gantk_transforms.modcrop import Modcrop
from gantk_transforms.normalise import Normalise
from gantk_transforms.options import (
    CannyOptions,
    ChannelsOptions,
    ColourJitterOptions,
    CropOptions,
    FlipOptions,
    JitterOptions,
    ModcropOptions,
    NormaliseOptions,
    PadOptions,
    PairedCropOptions,
    ResizeOptions,
    RotateOptions,
)
from gantk_transforms.pad import Pad
from gantk_transforms.paired_crop import PairedCrop
from gantk_transforms.resize import Resize
from gantk_transforms.rotate import Rotate

TRANSFORMS = {
    "resize": Resize(ResizeOptions(size=(6, 9))),
    "resize to its own size": Resize(ResizeOptions(size=(7, 5))),
    "resize cover": Resize(ResizeOptions(size=4, mode="cover")),
    "resize contain": Resize(ResizeOptions(size=4, mode="contain")),
    "resize shorter": Resize(ResizeOptions(size=4, mode="shorter")),
    "crop": Crop(CropOptions(size=3)),
    "crop of the whole": Crop(CropOptions(size=(7, 5))),
    "crop centre padded": Crop(CropOptions(size=9, position="centre", pad="reflect")),
    "flip": Flip(FlipOptions(horizontal=1, vertical=1)),
    "flip not at all": Flip(FlipOptions(horizontal=0)),
    "jitter": Jitter(JitterOptions(load_size=9, size=8)),
    "jitter at its load size": Jitter(JitterOptions(load_size=(7, 5), size=(7, 5))),
    "colour_jitter": ColourJitter(ColourJitterOptions(hue=0.1)),
    "channels rgb": Channels(ChannelsOptions(to="rgb")),
    "channels grey": Channels(ChannelsOptions(to="grey")),
    "canny": Canny(CannyOptions(sigma=0.5)),
    "paired_crop": PairedCrop(PairedCropOptions(size=3)),
    "pad": Pad(PadOptions(margin=(1, 2, 3, 0), colour=7)),
    "pad by nothing": Pad(PadOptions(margin=0)),
    "pad to a size": Pad(PadOptions(size=8, fill="edge")),
    "pad mirrored": Pad(PadOptions(margin=3, fill="reflect")),
    "modcrop": Modcrop(ModcropOptions(multiple=2)),
    "rotate": Rotate(RotateOptions()),
    "downscale": Downscale(DownscaleOptions(factor=2)),
    "downscale matlab": Downscale(DownscaleOptions(factor=2, kernel="bicubic_matlab")),
    "downscale area": Downscale(DownscaleOptions(factor=3, kernel="area")),
    "blind_degradation": BlindDegradation(BlindDegradationOptions(factor=1)),
    "normalise": Normalise(NormaliseOptions()),
}


NEED_SEVERAL = (
    "crop",
    "crop of the whole",
    "paired_crop",
    "modcrop",
    "pad mirrored",
    "downscale",
    "downscale matlab",
    "downscale area",
)
"""Refuse an image of one pixel."""


def image_of(channels: int) -> np.ndarray:
    return np.random.default_rng(channels).integers(0, 256, (7, 5, channels), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_result_is_new_contiguous_and_decided_by_the_generator(name, channels):
    transform, image = TRANSFORMS[name], image_of(channels)
    before = image.copy()
    result = transform(image, np.random.default_rng(3))
    assert result.ndim == 3
    assert result.flags.c_contiguous
    assert result.flags.writeable
    assert not np.shares_memory(result, image)
    np.testing.assert_array_equal(image, before)
    assert result.dtype == (np.float32 if name == "normalise" else np.uint8)
    if not name.startswith(("channels", "canny")):
        assert result.shape[2] == channels
    again = pickle.loads(pickle.dumps(transform))(image, np.random.default_rng(3))
    np.testing.assert_array_equal(result, again)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_same_result_from_a_view_that_is_not_contiguous(name):
    wide = np.random.default_rng(0).integers(0, 256, (14, 10, 3), dtype=np.uint8)
    view = wide[::2, ::-2]
    image = np.ascontiguousarray(view)
    expected = TRANSFORMS[name](image, np.random.default_rng(5))
    np.testing.assert_array_equal(TRANSFORMS[name](view, np.random.default_rng(5)), expected)


@pytest.mark.parametrize("name", [name for name in TRANSFORMS if name not in NEED_SEVERAL])
def test_one_pixel(name):
    result = TRANSFORMS[name](np.full((1, 1, 3), 90, np.uint8), np.random.default_rng(0))
    assert result.size > 0


def test_records_name_existing_factories():
    import importlib

    records = gantk_transforms.gantk_transforms()
    assert [record.name for record in records] == [
        "resize",
        "crop",
        "paired_crop",
        "modcrop",
        "pad",
        "flip",
        "rotate",
        "jitter",
        "colour_jitter",
        "channels",
        "canny",
        "downscale",
        "blind_degradation",
        "normalise",
    ]
    for record in records:
        module, attribute = record.factory.split(":")
        factory = getattr(importlib.import_module(module), attribute)
        required = {"modcrop": {"multiple": 2}, "pad": {"margin": 1}} | {
            name: {"size": 4} for name in ("resize", "crop", "paired_crop")
        }
        assert callable(factory(record.options(**required.get(record.name, {}))))
        assert all(field.description for field in record.options.model_fields.values())
        assert record.at_preparation == (record.name != "normalise")


def test_size_is_one_number_or_two():
    assert ResizeOptions(size=8).size == (8, 8)
    assert ResizeOptions(size=[8, 9]).size == (8, 9)
    assert ResizeOptions.model_validate(ResizeOptions(size=8).model_dump(mode="json")) == ResizeOptions(size=8)
    for wrong in (0, [4], [4, 5, 6], "large", -1):
        with pytest.raises(ValidationError):
            ResizeOptions(size=wrong)
    accepted = ResizeOptions.model_json_schema()["properties"]["size"]["anyOf"]
    assert [choice["type"] for choice in accepted] == ["integer", "array"]


@pytest.mark.parametrize(
    ("options", "values"),
    [
        (ResizeOptions, {"size": [4, 5], "mode": "shorter"}),
        (JitterOptions, {"load_size": 64, "size": 65}),
        (NormaliseOptions, {"scale": 0}),
        (ColourJitterOptions, {"hue": 0.6}),
        (FlipOptions, {"horizontal": 1.5}),
        (ChannelsOptions, {"background": [0, 0, 256]}),
    ],
)
def test_impossible_options_are_refused(options, values):
    with pytest.raises(ValidationError):
        options(**values)
