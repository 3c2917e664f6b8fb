from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gantk.artifacts import Bundle, load_bundle, save_bundle
from gantk.config.components import Component
from gantk.errors import RunFailed
from gantk.registry import Registry


@pytest.fixture
def save(tmp_path: Path, registry: Registry, component: Callable[..., Component]) -> Callable[..., Bundle]:
    def make(weight: float = 0.5, **facts: Any) -> Bundle:
        tiny = component("tiny", filters=2)
        network = tiny.create(input_shape=(None, None, 3), output_channels=3)
        for variable in network.weights:
            variable.assign(np.full(variable.shape, weight, np.float32))
        return save_bundle(
            tmp_path / "model.gantk",
            networks={"AtoB": network, "BtoA": network},
            components={"AtoB": tiny, "BtoA": tiny},
            model="cyclegan",
            licence="CC BY 4.0",
            registry=registry,
            **facts,
        )

    return make


def test_metrics_are_written_into_the_model_and_change_nothing_else(
    save: Callable[..., Bundle], tmp_path: Path, registry: Registry
) -> None:
    bundle = save(training={"steps": 7})
    digest, before = bundle.digest, bundle.metadata
    bundle.record_metrics({"fid": {"values": {"fid": np.float32(12.5), "spread": float("nan")}}})
    loaded = load_bundle(bundle.path, registry=registry)
    assert loaded.metadata.metrics == {"fid": {"values": {"fid": 12.5, "spread": None}}}
    assert loaded.metadata == bundle.metadata
    assert loaded.metadata.model_copy(update={"metrics": {}}) == before
    assert loaded.digest == digest
    assert os.listdir(tmp_path) == ["model.gantk"]
    assert len(loaded.network("BtoA").weights) == 13
    loaded.record_metrics({"kid": 1})
    assert load_bundle(bundle.path).metadata.metrics == {"kid": 1}


def test_equal_networks_keep_their_metrics_and_others_begin_without(save: Callable[..., Bundle]) -> None:
    save().record_metrics({"fid": 12.5})
    assert load_bundle(save().path).metadata.metrics == {"fid": 12.5}
    assert save(metrics={}).metadata.metrics == {}
    save().record_metrics({"fid": 12.5})
    assert save(weight=0.25).metadata.metrics == {}


def test_a_file_that_is_no_bundle_is_replaced(save: Callable[..., Bundle], tmp_path: Path) -> None:
    (tmp_path / "model.gantk").write_bytes(b"PK\x03\x04 cut short")
    assert save().metadata.metrics == {}


def test_damaged_weights_are_told_and_the_file_is_left_as_it_was(save: Callable[..., Bundle]) -> None:
    bundle = save()
    content = bytearray(bundle.path.read_bytes())
    content[content.index(b"conv2d/kernel") + 900] ^= 1
    bundle.path.write_bytes(content)
    with pytest.raises(RunFailed, match="damaged model bundle"):
        bundle.record_metrics({"fid": 1.0})
    assert bundle.path.read_bytes() == content
