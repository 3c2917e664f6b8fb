"""One sample: which fields it must have, what transforms see, what is refused."""

import io

import numpy as np
import pytest
from PIL import Image

from gantk.data.example import decode_example
from gantk.data.moments import image_statistics, joined, mean_and_deviation
from gantk.data.options import PreparationOptions
from gantk.data.sample import RejectError, SampleEncoder
from gantk.protocols import Item

RAMP = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
ITEM = Item(key="k", domain="A")
PAIR = Item(key="p", domain="AB")


@pytest.fixture
def encoder(source):
    def make(*transforms, seed=0, **settings):
        options = PreparationOptions.model_validate({"source": source(), **settings})
        return SampleEncoder(options, transforms, seed)

    return make


def add_noise(image, random):
    return (image + random.integers(0, 50, (*image.shape[:2], 1))).astype(np.uint8)


def test_record_holds_key_pixels_and_shape(encoder):
    record, statistics = encoder(encoding="raw").encode(ITEM, {"image": RAMP})
    features = decode_example(record)
    assert list(features) == ["key", "image", "image/height", "image/width", "image/channels"]
    assert features["key"] == b"k"
    assert features["image"] == RAMP.tobytes()
    assert (features["image/height"], features["image/width"], features["image/channels"]) == (5, 6, 3)
    assert statistics["image"]["sum"] == [int(RAMP[:, :, channel].sum()) for channel in range(3)]


def test_png_record_can_be_opened_by_anyone(encoder):
    features = decode_example(encoder(encoding="png").encode(ITEM, {"image": RAMP})[0])
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(features["image"]))), RAMP)


def test_fields_of_one_sample_are_transformed_alike(encoder):
    # The noise does not depend on the image, so equal random states keep the difference of the fields.
    record, _ = encoder(add_noise_as("noise"), encoding="raw").encode(
        PAIR, {"A": RAMP, "B": RAMP + 100, "mask": RAMP[:, :, :1]}
    )
    features = decode_example(record)
    fields = {name: np.frombuffer(features[name], np.uint8) for name in ("A", "B", "mask")}
    np.testing.assert_array_equal(fields["B"] - fields["A"], 100)
    np.testing.assert_array_equal(fields["mask"], fields["A"].reshape(-1, 3)[:, 0])
    assert (fields["A"] != RAMP.ravel()).any()


def add_noise_as(name):
    return (name, add_noise)


def test_random_state_depends_on_seed_key_transform_and_its_place(encoder):
    def pixels(key="k", seed=0, name="noise", transforms=1):
        steps = [add_noise_as(name)] * transforms
        return decode_example(
            encoder(*steps, seed=seed, encoding="raw").encode(Item(key=key, domain="A"), {"image": RAMP})[0]
        )["image"]

    assert pixels() == pixels()
    assert len({pixels(), pixels(key="l"), pixels(seed=1), pixels(name="other")}) == 4
    once = np.frombuffer(pixels(), np.uint8) - RAMP.ravel()
    twice = np.frombuffer(pixels(transforms=2), np.uint8) - RAMP.ravel()
    assert (twice != 2 * once).any()


def test_masks_keep_one_channel_and_stay_exact_under_jpeg(encoder):
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    record, statistics = encoder(encoding="jpeg").encode(
        PAIR, {"A": noise, "B": noise[:, :, :1], "mask": noise[:, :, :1]}
    )
    features = decode_example(record)
    assert [statistics[name]["encoding"] for name in ("A", "B", "mask")] == ["jpeg", "jpeg", "png"]
    assert [features[f"{name}/channels"] for name in ("A", "B", "mask")] == [3, 3, 1]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(features["mask"]))), noise[:, :, 0])


def test_text_is_kept_as_utf8(encoder):
    record, statistics = encoder().encode(Item(key="t", domain="text"), {"text": "äß"})
    assert decode_example(record)["text"] == "äß".encode()
    assert statistics["text"]["characters"] == [2, 2]


def broken(image, random):
    raise KeyError("inside")


def gives_float(image, random):
    return image.astype(np.float32)


@pytest.mark.parametrize(
    ("transforms", "item", "fields", "stage", "reason"),
    [
        ((), ITEM, {"image": b"junk"}, "decode", "not an image"),
        ((), ITEM, {"image": RAMP.astype(np.float64)}, "read", r"Received: float64 array of shape \(5, 6, 3\)"),
        ((), ITEM, {"image": RAMP[:, :, 0]}, "read", r"shape \(5, 6\)"),
        ((), ITEM, {"image": 3}, "read", "Received: int"),
        ((), ITEM, {"picture": RAMP}, "read", r"\['image'\] are missing"),
        ((), PAIR, {"A": RAMP}, "read", r"\['B'\] are missing"),
        ((("broken", broken),), ITEM, {"image": RAMP}, "transform", "broken: KeyError: 'inside'"),
        ((("float", gives_float),), ITEM, {"image": RAMP}, "transform", "float: must return a uint8"),
    ],
)
def test_reject_names_stage_and_reason(encoder, transforms, item, fields, stage, reason):
    with pytest.raises(RejectError, match=reason) as caught:
        encoder(*transforms).encode(item, fields)
    assert caught.value.stage == stage


def test_moments_are_exact_and_add_up_in_any_order():
    images = [
        np.random.default_rng(number).integers(0, 256, (4 + number, 5, 3)).astype(np.uint8) for number in range(3)
    ]
    parts = [image_statistics(image, "png") for image in images]
    whole = joined([joined(parts[1:]), parts[0]])
    pixels = np.concatenate([image.reshape(-1, 3) for image in images]).astype(np.float64)
    assert whole["height"] == [4, 6]
    assert whole["pixels"] == [len(pixels)] * 3
    means, deviations = mean_and_deviation(whole)
    np.testing.assert_allclose(means, pixels.mean(0), rtol=1e-12)
    np.testing.assert_allclose(deviations, pixels.std(0), rtol=1e-12)


def test_moments_of_grey_and_colour_together():
    grey, colour = np.full((2, 2, 1), 10, np.uint8), np.full((1, 2, 3), 40, np.uint8)
    whole = joined([image_statistics(grey, "png"), image_statistics(colour, "raw")])
    assert whole["channels"] == [1, 3]
    assert whole["encoding"] == "mixed"
    # channel 0: four pixels of 10 and two of 40
    assert mean_and_deviation(whole)[0] == [20.0, 40.0, 40.0]
