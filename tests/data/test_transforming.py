"""Transforms that see all fields of a sample at once."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from gantk.config.components import TransformChoice
from gantk.data import PreparedDataset, batch_shapes, prepare, training_batches
from gantk.data.transforming import transformed_fields
from gantk.errors import PluginError, RunFailed


def built_in(name, **options):
    return TypeAdapter(TransformChoice).validate_python({"type": name, **options})


@pytest.fixture
def dataset(source, tmp_path):
    def make(kind, **settings):
        prepare(source(kind=kind, train=4, test=1), directory=tmp_path / kind, **settings)
        return PreparedDataset.open(tmp_path / kind)

    return make


def first_batch(dataset, *transforms, **settings):
    return next(training_batches(dataset, transforms=transforms, batch_size=4, threads=0, **settings))


def test_in_training_the_images_of_a_sample_come_together(dataset, transform):
    pairs = dataset("aligned")
    plain, exchanged = first_batch(pairs), first_batch(pairs, transform("exchange"))
    np.testing.assert_array_equal(exchanged["A"], plain["B"])
    np.testing.assert_array_equal(exchanged["B"], plain["A"])


def test_the_only_image_of_a_sample_comes_alone(dataset, transform):
    for kind in ("single", "unpaired"):
        made = dataset(kind)
        plain, negative = first_batch(made), first_batch(made, transform("exchange"))
        for name in plain:
            np.testing.assert_allclose(negative[name], -plain[name], atol=1e-6)


def test_at_preparation_the_images_of_a_sample_come_together(dataset, transform):
    # A, B and a mask of B's size: the first and the last in order change places.
    sample = dataset("aligned", transforms=[transform("exchange")], channels=None).records("train", "AB")[1]
    assert [sample[name].shape[2] for name in ("A", "B", "mask")] == [1, 3, 3]
    np.testing.assert_array_equal(sample["A"], 255 - sample["B"][..., :1])


def test_a_forgotten_field_is_an_error(dataset, transform):
    message = r"on_fields must return an image for each of the fields \['A', 'B'\]. Received: \['B'\]"
    with pytest.raises(PluginError, match=message):
        first_batch(dataset("aligned"), transform("exchange", forget=True))
    with pytest.raises(RunFailed, match=r"transform: tiny_data/exchange: TypeError: on_fields must return"):
        dataset("aligned", transforms=[transform("exchange", forget=True)])


def test_every_field_gets_a_generator_in_the_same_state():
    drawn = transformed_fields(
        lambda image, random: image + random.random(),
        {"A": np.zeros(1), "B": np.ones(1)},
        lambda: np.random.default_rng(0),
    )
    assert drawn["B"] == drawn["A"] + 1


def test_low_and_high_resolution_are_cut_flipped_and_turned_together(dataset, transform):
    pairs = dataset(
        "single", derive={"A": (transform("half"),), "B": ()}, transforms=[transform("noise", amplitude=250)]
    )
    augmentation = (built_in("paired_crop", size=[3, 3]), built_in("flip", vertical=0.5), built_in("rotate"))
    assert batch_shapes(pairs, transforms=augmentation) == {"A": (3, 3, 3), "B": (6, 6, 3)}
    batches = training_batches(pairs, transforms=augmentation, batch_size=4, threads=0)
    corners = set()
    for _ in range(5):
        batch = next(batches)
        assert batch["A"].shape == (4, 3, 3, 3)
        for low, high in zip(batch["A"], batch["B"], strict=True):
            # A is every second pixel of B: of which parity, flips and turns decide.
            found = [(row, column) for row in (0, 1) for column in (0, 1) if (high[row::2, column::2] == low).all()]
            assert len(found) == 1
            corners.update(found)
    assert len(corners) == 4


def test_a_pair_that_does_not_fit_is_told_before_training(dataset, transform):
    pairs = dataset("single", derive={"A": (transform("half"),), "B": ()})
    with pytest.raises(PluginError, match=r"'paired_crop' needs images of at least 5 x 5 pixels. Received: 4 x 4"):
        batch_shapes(pairs, transforms=[built_in("paired_crop", size=5)])
