"""Metrics on networks in training: the pictures they see, the names of their values, and failures by name."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from gantk.errors import PluginError, RunFailed
from gantk.evaluation.during_training import ChosenPictures, TrainingMeasurement
from gantk.evaluation.translators import NetworkTranslator
from gantk.protocols import MetricResult


class Data:
    """Notes what it is asked for."""

    seed = 3

    def __init__(self):
        self.asked = []

    def fields(self, split, domain):
        return (split, domain)

    def images(self, split, domain, field="image", limit=None):
        self.asked.append((split, limit))
        return np.zeros((limit or 5, 16, 16, 3), np.float32)

    def samples(self, split, domain, fields, limit=None):
        self.asked.append((split, limit))
        return [{"key": "one"}]


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (("test", None), ("valid", 4)),
        (("test", 2), ("valid", 2)),
        (("test", 9), ("valid", 4)),
        # A reference set, or what a classifier is trained on, stays whole.
        (("train", None), ("train", None)),
        (("train", 9), ("train", 9)),
    ],
)
def test_test_pictures_are_replaced_and_limited(asked, given):
    data = Data()
    chosen = ChosenPictures(data, "valid", 4)
    chosen.images(asked[0], "A", limit=asked[1])
    assert chosen.samples(asked[0], "A", ("image",), limit=asked[1]) == [{"key": "one"}]
    assert data.asked == [given, given]
    assert chosen.fields("test", "A") == ("valid", "A")
    assert chosen.seed == 3


def metric(name="brightness", *, prepare=lambda data: None, evaluate=None):
    def mean(translator, data):
        output = translator("AtoB", data.images("test", "A"))
        return MetricResult({"mean": float(output.mean())}, better={"mean": "higher"})

    made = SimpleNamespace(prepare=prepare, evaluate=evaluate or mean)
    return SimpleNamespace(name=name, create=lambda: made)


@pytest.fixture(scope="module")
def network():
    """Adds to each image what its one weight says."""
    return keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Conv2D(3, 1, kernel_initializer="zeros", use_bias=True)]
    )


def networks(network):
    return NetworkTranslator({"AtoB": network}, {"AtoB": SimpleNamespace(options=SimpleNamespace(size_multiple=4))})


def test_the_values_follow_the_weights(network):
    measurement = TrainingMeasurement([metric(), metric()], networks(network), Data())
    measurement.prepare()
    network.layers[-1].bias.assign([0.5, 0.5, 0.5])
    assert measurement().values == {"brightness.mean": 0.5, "brightness-2.mean": 0.5}
    network.layers[-1].bias.assign([0.25, 0.25, 0.25])
    measured = measurement()
    assert measured.values["brightness.mean"] == 0.25
    assert measured.better == {"brightness.mean": "higher", "brightness-2.mean": "higher"}


def raise_(error):
    raise error


def test_a_metric_that_cannot_be_prepared_is_named(network):
    failing = metric("fid", prepare=lambda data: raise_(RunFailed("No weights.", hint="Get some.")))
    with pytest.raises(RunFailed, match=r"'fid' cannot be measured during training: No weights\.") as caught:
        TrainingMeasurement([metric(), failing], networks(network), Data()).prepare()
    assert caught.value.hint == "Get some."


def test_a_metric_that_breaks_is_named(network):
    failing = metric("fid", evaluate=lambda translator, data: raise_(ZeroDivisionError("division by zero")))
    with pytest.raises(
        PluginError, match=r"'fid' failed during training\. Received: ZeroDivisionError: division by zero"
    ):
        TrainingMeasurement([failing], networks(network), Data())()


def test_a_metric_that_returns_something_else_is_named(network):
    with pytest.raises(PluginError, match=r"'fid' must return a MetricResult\. Received: float"):
        TrainingMeasurement([metric("fid", evaluate=lambda translator, data: 0.5)], networks(network), Data())()
