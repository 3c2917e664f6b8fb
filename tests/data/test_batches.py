"""The stream of training batches: order, epochs, resuming, randomness."""

import itertools

import numpy as np
import pytest

from gantk.data import PreparedDataset, batch_shapes, prepare, steps_per_epoch, training_batches
from gantk.data.batches import as_training_image
from gantk.errors import ConfigError, PluginError, RunFailed


@pytest.fixture
def made(source, tmp_path):
    def make(**options):
        prepare(source(**options), directory=tmp_path / "data", max_reject_fraction=1.0)
        return PreparedDataset.open(tmp_path / "data")

    return make


def first(dataset, count, **options):
    return list(itertools.islice(training_batches(dataset, **options), count))


def numbers(batch, field):
    """The sample's numbers, from their first pixel 7·number, and B's from the same."""
    return [round((float(image[0, 0, 0]) + 1) * 127.5) // 7 for image in batch[field]]


def test_images_are_float_from_minus_one_to_one(made):
    dataset = made(train=5, test=0)
    (batch,) = first(dataset, 1, batch_size=2)
    assert set(batch) == {"A", "B"}
    assert batch["A"].shape == (2, 8, 8, 3)
    assert batch["A"].dtype == np.float32
    np.testing.assert_array_equal(as_training_image(np.array([0, 51, 255], np.uint8)), np.float32([-1, -0.6, 1]))


def test_every_sample_is_seen_once_an_epoch_in_another_order_each_time(made):
    dataset = made(train=12, test=0)
    assert steps_per_epoch(dataset, "train", 4) == 3
    batches = first(dataset, 9, batch_size=4)
    epochs = [[n for batch in batches[start : start + 3] for n in numbers(batch, "A")] for start in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs[0] != sorted(epochs[0])


def test_domains_are_drawn_independently(made):
    dataset = made(train=20, test=0)
    batches = first(dataset, 20, batch_size=1)
    pairs = [(numbers(batch, "A")[0], numbers(batch, "B")[0]) for batch in batches]
    assert sorted(a for a, _ in pairs) == sorted(b for _, b in pairs) == list(range(20))
    assert sum(a == b for a, b in pairs) < 8


def test_the_smaller_domain_wraps_around(source, tmp_path, monkeypatch):
    import tiny_data

    whole = tiny_data.Made.items
    monkeypatch.setattr(
        tiny_data.Made,
        "items",
        lambda self: (item for item in whole(self) if item.domain == "A" or item.key[-1] in "012"),
    )
    prepare(source(train=10, test=0), directory=tmp_path / "data")
    dataset = PreparedDataset.open(tmp_path / "data")
    assert (dataset.count("train", "A"), dataset.count("train", "B")) == (10, 3)
    assert steps_per_epoch(dataset, "train", 3) == 3
    stream = [n for batch in first(dataset, 4, batch_size=3) for n in numbers(batch, "B")]
    assert [sorted(stream[start : start + 3]) for start in (0, 3, 6, 9)] == [[0, 1, 2]] * 4
    assert len({tuple(stream[start : start + 3]) for start in (0, 3, 6, 9)}) > 1


def test_a_batch_larger_than_the_dataset_is_full(made):
    dataset = made(train=3, test=0)
    assert steps_per_epoch(dataset, "train", 8) == 1
    (batch,) = first(dataset, 1, batch_size=8)
    assert batch["A"].shape == (8, 8, 8, 3)
    assert np.bincount(numbers(batch, "A"), minlength=3).tolist() in ([3, 3, 2], [3, 2, 3], [2, 3, 3])


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_batch_k_depends_on_seed_and_k_alone(made, transform, threads):
    dataset = made(train=11, test=0)
    options = {"batch_size": 3, "transforms": [transform("noise")], "seed": 5}
    whole = first(dataset, 12, **options)
    for start in (0, 1, 7, 11):
        (resumed,) = first(dataset, 1, **options, start_step=start, threads=threads)
        for field in ("A", "B"):
            np.testing.assert_array_equal(resumed[field], whole[start][field])


def test_far_steps_are_reached_at_once(made):
    dataset = made(train=11, test=0)
    (far,) = first(dataset, 1, batch_size=3, start_step=10**9)
    assert far["A"].shape == (3, 8, 8, 3)


def test_another_seed_gives_another_order(made):
    dataset = made(train=20, test=0)
    orders = [[n for b in first(dataset, 5, batch_size=4, seed=seed) for n in numbers(b, "A")] for seed in (0, 1, 2)]
    assert len({tuple(order) for order in orders}) == 3


def test_transforms_draw_anew_each_time_a_sample_comes(made, transform):
    dataset = made(train=1, test=0)
    batches = first(dataset, 6, batch_size=1, transforms=[transform("noise")])
    assert len({batch["A"].tobytes() for batch in batches}) == 6


def test_aligned_fields_are_of_one_sample_and_transformed_alike(made, transform):
    dataset = made(kind="aligned", train=6, test=0)
    for batch in first(dataset, 4, batch_size=2):
        np.testing.assert_allclose(batch["A"], -batch["B"], atol=1e-6)
    assert set(batch) == {"A", "B"}
    for batch in first(dataset, 4, batch_size=2, transforms=[transform("noise", amplitude=9)]):
        # A + n and 255 - A + n, both modulo 256: their sum is 255 + 2n, whatever A.
        total = np.rint((batch["A"] + 1) * 127.5) + np.rint((batch["B"] + 1) * 127.5)
        assert set(np.unique((total - 255) % 256)) <= set(range(0, 18, 2))


def test_single_and_text_layouts(made):
    (batch,) = first(made(kind="single", train=4, test=0), 1, batch_size=2)
    assert {name: value.shape for name, value in batch.items()} == {"image": (2, 8, 8, 3)}
    (batch,) = first(made(kind="text", train=4, test=0), 1, batch_size=3)
    assert batch["text"].shape == (3,)
    assert all(text.startswith("line ") for text in batch["text"].tolist())


def test_shapes_are_those_after_the_transforms(made, transform):
    dataset = made(train=4, test=0)
    assert batch_shapes(dataset) == {"A": (8, 8, 3), "B": (8, 8, 3)}
    assert batch_shapes(dataset, transforms=[transform("half"), transform("float")]) == {
        "A": (4, 4, 3),
        "B": (4, 4, 3),
    }


def test_floating_point_transforms_are_left_as_they_are(made, transform):
    dataset = made(train=4, test=0)
    (batch,) = first(dataset, 1, batch_size=4, transforms=[transform("float")])
    assert batch["A"].min() == 0
    assert batch["A"].dtype == np.float32


def test_an_empty_split_is_an_error_that_says_what_there_is(made):
    dataset = made(train=4, test=0)
    with pytest.raises(RunFailed, match=r"none of A and B; there are \{'train': \{'A': 4, 'B': 4\}\}"):
        training_batches(dataset, split="test", batch_size=1)
    with pytest.raises(RunFailed, match="none of A and B"):
        steps_per_epoch(dataset, "test", 1)


def test_images_of_several_sizes_in_a_batch_are_an_error(source, tmp_path, monkeypatch):
    import tiny_data

    whole = tiny_data.Made.image
    monkeypatch.setattr(tiny_data.Made, "image", lambda self, number: whole(self, number)[: 4 + number])
    prepare(source(train=3, test=0), directory=tmp_path / "data")
    with pytest.raises(RunFailed, match="of one size") as caught:
        first(PreparedDataset.open(tmp_path / "data"), 1, batch_size=3)
    assert "resize" in caught.value.hint


@pytest.mark.parametrize("threads", [0, 2])
def test_a_failing_transform_names_itself_and_the_sample(made, transform, threads):
    dataset = made(train=3, test=0)
    with pytest.raises(PluginError, match=r"'tiny_data/half' failed on the sample 'train/[AB]/00000\d'"):
        first(dataset, 1, batch_size=1, transforms=[transform("half", limit=0)], threads=threads)


def test_a_batch_needs_a_sample(made):
    with pytest.raises(ValueError, match="batch_size=0"):
        training_batches(made(train=3, test=0), batch_size=0)


def test_transforms_of_one_field_leave_the_other_alone(made, transform):
    dataset = made(kind="aligned", train=6, test=0)
    noise = transform("noise", amplitude=9)
    plain = first(dataset, 4, batch_size=2, transforms=[noise])
    changed = first(dataset, 4, batch_size=2, transforms=[noise], field_transforms={"A": [noise]})
    for before, after in zip(plain, changed, strict=True):
        np.testing.assert_array_equal(after["B"], before["B"])
        assert np.any(after["A"] != before["A"])
    # Drawn anew each time, and by the step alone.
    (again,) = first(dataset, 1, batch_size=2, transforms=[noise], field_transforms={"A": [noise]}, start_step=3)
    np.testing.assert_array_equal(again["A"], changed[3]["A"])
    assert len({(after["A"] - before["A"]).tobytes() for before, after in zip(plain, changed, strict=True)}) == 4


def test_a_transform_of_one_field_comes_before_those_of_all(made, transform):
    dataset = made(kind="aligned", train=2, test=0)
    (batch,) = first(
        dataset, 1, batch_size=2, transforms=[transform("float")], field_transforms={"A": [transform("noise")]}
    )
    assert batch["A"].shape == (2, 8, 8, 3)


def test_a_transform_of_one_field_must_keep_the_shape(made, transform):
    dataset = made(kind="aligned", train=2, test=0)
    with pytest.raises(PluginError, match=r"field 'A' alone must keep the shape of its images, \(8, 8, 3\). Received"):
        first(dataset, 1, batch_size=1, field_transforms={"A": [transform("half")]}, threads=0)


def test_transforms_of_a_field_there_is_not_are_refused(made, transform):
    dataset = made(kind="aligned", train=2, test=0)
    with pytest.raises(ConfigError, match=r"of aligned data these are A, B.\nReceived: image"):
        first(dataset, 1, batch_size=1, field_transforms={"image": [transform("noise")]})
