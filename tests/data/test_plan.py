"""Listing, splitting and cutting into units."""

import numpy as np
import pytest

from gantk.data import listing
from gantk.data.listing import Group, list_items, split_of
from gantk.data.plan import cut, units_of
from gantk.errors import PluginError, RunFailed
from gantk.protocols import Item
from gantk.randomness import fraction_of, generator_of

SHARES = {"train": 0.8, "valid": 0.05, "test": 0.15}


def group_of(tmp_path, count, size=lambda number: 10):
    group = Group("train", "A", tmp_path)
    for number in range(count):
        group.add([f"{number:07d}.png", "s", size(number), "", ""])
    return group


def test_a_known_split_is_kept():
    assert split_of(Item(key="k", domain="A", split="valid"), {"train": 1.0}) == "valid"


def test_splits_are_drawn_in_their_shares():
    drawn = [split_of(Item(key=str(number), domain="A"), SHARES) for number in range(20_000)]
    for split, share in SHARES.items():
        # four standard deviations of a binomial share of 20,000
        assert abs(drawn.count(split) / 20_000 - share) < 4 * (share * (1 - share) / 20_000) ** 0.5


def test_a_group_is_never_torn():
    drawn = {split_of(Item(key=str(number), domain="A", group="same"), SHARES) for number in range(200)}
    assert len(drawn) == 1


def test_a_share_of_one_takes_all_and_a_share_of_nothing_none():
    drawn = {split_of(Item(key=str(number), domain="A"), {"train": 0.0, "test": 1.0}) for number in range(500)}
    assert drawn == {"test"}


def test_fractions_are_uniform_and_depend_on_the_parts_alone():
    values = np.array([fraction_of("x", number) for number in range(4000)])
    assert fraction_of("x", 1) == values[1]
    assert fraction_of("ab", "c") != fraction_of("a", "bc")
    assert (values >= 0).all()
    assert (values < 1).all()
    assert np.abs(np.histogram(values, 10, (0, 1))[0] - 400).max() < 100


def test_equal_names_give_equal_random_streams():
    first, again, other = (generator_of("t", 0, key).integers(0, 2**31, 4).tolist() for key in ("a", "a", "b"))
    assert first == again
    assert first != other


def test_items_are_sorted_through_disk_as_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "RUN_ITEMS", 7)
    keys = [f"{(number * 37) % 101:03d}ä" for number in range(101)]
    items = [Item(key=key, domain="A", split="train", size=1, stamp=key[::-1]) for key in keys]
    (group,) = list_items(items, SHARES, tmp_path)
    assert len(list(tmp_path.iterdir())) == 14
    assert [row[0] for row in group.sorted()] == sorted(keys)
    assert all(row[1] == row[0][::-1] for row in group.sorted())


def test_groups_come_in_the_order_of_splits_and_domains(tmp_path):
    items = [
        Item(key=f"{split}{domain}", domain=domain, split=split)
        for domain in "BA"
        for split in ("test", "valid", "train")
    ]
    groups = list_items(items, SHARES, tmp_path)
    assert [(group.split, group.domain) for group in groups] == [
        (split, domain) for split in ("train", "valid", "test") for domain in "AB"
    ]


def test_the_same_key_twice_is_an_error(tmp_path):
    items = [Item(key="same", domain="A", split="train", stamp=stamp) for stamp in "12"]
    (group,) = list_items(items, SHARES, tmp_path)
    with pytest.raises(PluginError, match="'same' twice in train/A"):
        list(group.sorted())


@pytest.mark.parametrize("item", [Item(key="k", domain="C"), Item(key="k", domain="A", split="dev")])
def test_unknown_domain_or_split_is_an_error(item, tmp_path):
    with pytest.raises(PluginError, match="Received"):
        list_items([item], SHARES, tmp_path)


def test_no_item_at_all_is_an_error(tmp_path):
    with pytest.raises(RunFailed, match="holds no sample"):
        list_items([], SHARES, tmp_path)


@pytest.mark.parametrize(
    ("count", "size", "expected"),
    [
        (1, 10, 1),
        (127, 10, 1),
        (128, 10, 2),  # 64 samples at least in a unit
        (5_000, 10, 32),  # many workers
        (100_000, 10, 391),  # 256 samples at most
        (1_000, 1_000_000, 100),  # 10 MB at most
    ],
)
def test_number_of_units(count, size, expected, tmp_path):
    group = Group("train", "A", tmp_path, count=count, size=count * size)
    assert units_of(group, 256, 10_000_000) == expected


@pytest.mark.parametrize(("count", "units"), [(1000, 7), (64, 2), (5, 5), (3, 1), (4000, 64)])
def test_cut_keeps_every_item_in_order_in_units_of_even_weight(count, units, tmp_path):
    parts = list(cut(group_of(tmp_path, count), units))
    assert [row[0] for part in parts for row in part] == [f"{number:07d}.png" for number in range(count)]
    assert len(parts) == units
    even = count / units
    assert all(0.75 * even - 2 <= len(part) <= 1.25 * even + 2 for part in parts)


def test_cut_weighs_bytes_as_well_as_samples(tmp_path):
    # The first hundred files hold nearly all bytes, so they make about half of the units.
    parts = list(cut(group_of(tmp_path, 1000, lambda number: 10_000 if number < 100 else 1), 20))
    assert [len(part) for part in parts if part[0][0] < "0000090"] == pytest.approx([9.5] * 10, abs=3)


def test_one_huge_item_fills_a_unit_of_its_own(tmp_path):
    parts = list(cut(group_of(tmp_path, 100, lambda number: 10**9 if number == 50 else 1), 10))
    assert sum(len(part) for part in parts) == 100
    assert 5 <= len(parts) <= 10


def test_a_new_item_leaves_most_units_as_they_were(tmp_path):
    before = {tuple(row[0] for row in part) for part in cut(group_of(tmp_path, 6400), 25)}
    grown = group_of(tmp_path, 6400)
    grown.add(["0000000a.png", "s", 10, "", ""])
    after = {tuple(row[0] for row in part) for part in cut(grown, 25)}
    assert len(before & after) >= 20
