from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

import gantk
import gantk_quadrupeds
from gantk_quadrupeds.options import QuadrupedsOptions
from gantk_quadrupeds.scene import render_scene
from gantk_quadrupeds.source import QuadrupedsSource


def _source(**options):
    return QuadrupedsSource(QuadrupedsOptions(**({"size": 32, "train": 5, "test": 3} | options)))


def test_the_plugin_registers_the_source():
    (spec,) = gantk_quadrupeds.gantk_sources()
    assert isinstance(spec, gantk.SourceSpec)
    assert spec.name == "quadrupeds"
    assert spec.factory == f"{QuadrupedsSource.__module__}:{QuadrupedsSource.__name__}"
    assert spec.options is QuadrupedsOptions
    assert spec.options().layout == "unpaired"


def test_registration_imports_neither_numpy_nor_a_framework():
    program = (
        "import sys, gantk_quadrupeds\ngantk_quadrupeds.gantk_sources()\n"
        "print([name for name in ('numpy', 'tensorflow', 'jax', 'keras', 'apache_beam') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_items_of_every_split_and_domain():
    items = list(_source().items())
    counts: dict[tuple[str | None, str], int] = {}
    for item in items:
        counts[item.split, item.domain] = counts.get((item.split, item.domain), 0) + 1
    assert counts == {("train", "A"): 5, ("train", "B"): 5, ("test", "A"): 3, ("test", "B"): 3, ("test", "AB"): 3}
    assert items == list(_source().items())
    assert len({item.key for item in items}) == len(items)
    assert items[0].key == "train/A/000000"
    assert all(item.size > 0 for item in items)


def test_no_scene_has_two_roles():
    items = list(_source(train=40, test=10).items())
    assert len({item.locator for item in items}) == len(items)


def test_more_training_scenes_leave_the_others_as_they_are():
    few = {item.key: item for item in _source(train=5).items()}
    many = {item.key: item for item in _source(train=50).items()}
    assert {key: many[key] for key in few} == few


@pytest.mark.parametrize("change", [{"seed": 1}, {"size": 33}, {"variation": 0.5}])
def test_the_stamp_changes_with_the_content(change):
    assert next(_source().items()).stamp != next(_source(**change).items()).stamp


def test_reading_renders_the_scenes_in_order():
    source = _source()
    items = [item for item in source.items() if item.key.endswith("000001")]
    items.reverse()
    results = list(source.read(items))
    assert [item for item, _ in results] == items
    for item, fields in results:
        assert not isinstance(fields, Exception)
        if item.domain == "AB":
            assert set(fields) == {"A", "B", "mask"}
            np.testing.assert_array_equal(fields["A"], render_scene(0, int(item.locator), 32, "horse")[0])
            np.testing.assert_array_equal(fields["B"], render_scene(0, int(item.locator), 32, "zebra")[0])
            np.testing.assert_array_equal(fields["mask"], render_scene(0, int(item.locator), 32, "zebra")[1])
        else:
            species = {"A": "horse", "B": "zebra"}[item.domain]
            assert set(fields) == {"image"}
            np.testing.assert_array_equal(fields["image"], render_scene(0, int(item.locator), 32, species)[0])


def test_a_foreign_item_is_an_error_of_its_own():
    source = _source()
    good = next(source.items())
    results = list(source.read([dataclasses.replace(good, locator="1"), dataclasses.replace(good, domain="C"), good]))
    for _, error in results[:2]:
        assert isinstance(error, gantk.RunFailed)
        assert "Received: split='train'" in str(error)
    assert set(results[2][1]) == {"image"}


def test_domain_names():
    assert _source().domain_names() == {"A": "horse", "B": "zebra"}
    assert _source(pairing="single").domain_names() == {}


def test_single_scenes_are_labelled_with_their_species():
    unpaired, single = _source(), _source(pairing="single")
    assert QuadrupedsOptions(pairing="single").layout == "single"
    items = list(single.items())
    assert [(item.split, item.domain, item.label) for item in items] == [
        *[("train", "image", "horse")] * 5,
        *[("train", "image", "zebra")] * 5,
        *[("test", "image", "horse")] * 3,
        *[("test", "image", "zebra")] * 3,
    ]
    assert items[5].key == "train/zebra/000000"
    # They show the same scenes, number by number.
    pairs = [item for item in unpaired.items() if item.domain != "AB"]
    assert [item.locator for item in items] == [item.locator for item in pairs]
    for one, other in ((items[6], pairs[6]), (items[11], pairs[11])):
        (_, fields), (_, expected) = *single.read([one]), *unpaired.read([other])
        np.testing.assert_array_equal(fields["image"], expected["image"])


def test_items_of_the_other_pairing_are_errors():
    unpaired, single = _source(), _source(pairing="single")
    for source, items in ((single, list(unpaired.items())), (unpaired, list(single.items()))):
        assert all(isinstance(error, gantk.RunFailed) for _, error in source.read(items))


@pytest.mark.parametrize("options", [{"size": 31}, {"size": 1025}, {"train": 0}, {"test": -1}, {"variation": 1.1}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValidationError):
        QuadrupedsOptions(**options)
