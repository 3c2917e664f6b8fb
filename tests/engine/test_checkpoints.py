"""Checkpoints: everything comes back, damage is seen, other models are refused."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import tiny_models
from keras import ops

from gantk import ModelContext, RunFailed
from gantk.engine import checkpoints
from gantk.engine.batches import StepBatches
from gantk.engine.checkpoints import CheckpointStore, read_checkpoint
from gantk.engine.options import TrainingOptions
from gantk.engine.state import named_state

TRAINING = TrainingOptions(ema=0.9, precision="float16", accumulate=2)


def trained(steps=3, seed=0):
    model = tiny_models.build("tiny_translation", TRAINING, seed=seed)
    random = np.random.default_rng(seed)
    batch = {name: random.uniform(-1, 1, (4, 2, 2, 3)).astype("f4") for name in "AB"}
    model.fit(StepBatches(iter([batch] * steps)), steps_per_epoch=steps, verbose=0)
    return model


@pytest.fixture(scope="module")
def model():
    return trained()


def values(model):
    return {name: ops.convert_to_numpy(variable.value).copy() for name, variable in named_state(model).items()}


def test_every_variable_of_the_step_has_a_name(model):
    named = {id(variable) for variable in named_state(model).values()}
    losses = {id(variable) for variable in model.metrics_variables}
    assert {id(variable) for variable in model._state_variables()} - named == losses
    names = named_state(model)
    assert "networks/translator/0000.kernel" in names
    assert "averages/translator/0000.kernel" in names
    assert any(name.startswith("optimizers/generators/") and name.endswith(".velocity") for name in names)
    for leaf in ("buffer", "count", "training_step", "scale", "seed_generator_state"):
        assert any(name.startswith("model/") and name.endswith(f".{leaf}") for name in names), leaf


def test_names_do_not_depend_on_what_the_process_built_before(model):
    assert list(named_state(trained(steps=1))) == list(named_state(model))


def test_round_trip(model, tmp_path):
    store = CheckpointStore(tmp_path, fingerprint="abc")
    path = store.save(model, step=3, epoch=1, extra={"window": [1.5]})
    assert path.name == "step-00000003.safetensors"
    fresh = tiny_models.build("tiny_translation", TRAINING, seed=9)
    found = store.restore(fresh)
    assert (found.step, found.epoch, found.extra, found.path) == (3, 1, {"window": [1.5]}, path)
    expected, restored = values(model), values(fresh)
    for name, value in expected.items():
        np.testing.assert_array_equal(restored[name], value, err_msg=name)
    assert int(fresh.pool.count) == 5


def test_bfloat16_weights_come_back(tmp_path):
    class Half(tiny_models.TinyTranslation):
        def __init__(self, options, context):
            super().__init__(options, context)
            self.sixteen = self.add_weight(shape=(3,), dtype="bfloat16", trainable=False, name="sixteen")

    def build(value):
        model = Half(None, ModelContext(tiny_models.SHAPES["tiny_translation"]))
        model.sixteen.assign(np.array([value, -value, 0.0]))
        return model

    store = CheckpointStore(tmp_path)
    store.save(build(1.5), step=1, epoch=1)
    restored = build(0.0)
    store.restore(restored)
    assert ops.convert_to_numpy(ops.cast(restored.sixteen.value, "float32")).tolist() == [1.5, -1.5, 0.0]


def test_only_the_newest_stay(model, tmp_path):
    store = CheckpointStore(tmp_path, keep=2)
    for step in (1, 2, 10):
        store.save(model, step=step, epoch=1)
    assert [path.name for path in store.paths()] == ["step-00000010.safetensors", "step-00000002.safetensors"]


def test_half_written_files_are_cleared_away(model, tmp_path):
    partial = tmp_path / ".step-00000001.safetensors.tmp-0123"
    partial.write_bytes(b"half")
    store = CheckpointStore(tmp_path)
    assert store.paths() == []
    store.save(model, step=2, epoch=1)
    assert not partial.exists()


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def alter(path):
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def replace_by_text(path):
    path.write_text("not a checkpoint at all, just some text of the user")


@pytest.mark.parametrize("damage", [truncate, alter, empty, replace_by_text])
def test_a_damaged_newest_falls_back_to_the_one_before(model, tmp_path, caplog, damage):
    store = CheckpointStore(tmp_path)
    store.save(model, step=1, epoch=1)
    damage(store.save(model, step=2, epoch=1))
    fresh = tiny_models.build("tiny_translation", TRAINING)
    with caplog.at_level(logging.WARNING, logger="gantk.engine"):
        assert store.restore(fresh).step == 1
    assert "step-00000002.safetensors is not a whole checkpoint" in caplog.text


def test_all_damaged_is_an_error_and_not_a_silent_new_start(model, tmp_path):
    store = CheckpointStore(tmp_path)
    truncate(store.save(model, step=1, epoch=1))
    with pytest.raises(
        RunFailed, match=r"(?s)No checkpoint .* can be read.*step-00000001.safetensors.*without --resume"
    ):
        store.restore(model)


def test_no_checkpoint_is_none(model, tmp_path):
    assert CheckpointStore(tmp_path / "missing").restore(model) is None


def test_another_configuration_is_refused(model, tmp_path):
    CheckpointStore(tmp_path, fingerprint="abc").save(model, step=1, epoch=1)
    with pytest.raises(RunFailed, match=r"(?s)another configuration.*fingerprint abc, expected xyz"):
        CheckpointStore(tmp_path, fingerprint="xyz").restore(model)


def test_another_model_is_refused_and_named(model, tmp_path):
    store = CheckpointStore(tmp_path)
    store.save(model, step=1, epoch=1)
    other = tiny_models.build("tiny_wgan", TrainingOptions())
    before = values(other)
    with pytest.raises(RunFailed) as caught:
        store.restore(other)
    assert "belongs to a model with other variables" in caught.value.message
    assert "missing networks/critic/0000.kernel" in caught.value.message or "more" in caught.value.message
    for name, value in values(other).items():
        np.testing.assert_array_equal(value, before[name])


def test_another_shape_is_refused_and_named(model, tmp_path):
    about, tensors = read_checkpoint(CheckpointStore(tmp_path).save(model, step=1, epoch=1))
    assert about["step"] == 1
    tensors["networks/judge/0000.kernel"] = np.zeros((1, 1, 7, 4), "f4")
    with pytest.raises(RunFailed, match=r"networks/judge/0000.kernel has shape \(1, 1, 7, 4\), not \(1, 1, 3, 4\)"):
        checkpoints.assign_state(model, tensors, source="test")


def test_another_type_is_refused_but_another_width_of_integer_is_not(model, tmp_path):
    _, tensors = read_checkpoint(CheckpointStore(tmp_path).save(model, step=1, epoch=1))
    count = next(name for name in tensors if name.endswith(".count"))
    checkpoints.assign_state(model, {**tensors, count: tensors[count].astype(np.int64)}, source="test")
    for wrong in (tensors[count].astype("f4"), np.array(2**40)):
        with pytest.raises(RunFailed, match=f"has type {wrong.dtype}, not int32, or values"):
            checkpoints.assign_state(model, {**tensors, count: wrong}, source="test")


def test_a_full_disk_keeps_the_earlier_checkpoint(model, tmp_path, monkeypatch):
    import errno
    import os

    store = CheckpointStore(tmp_path, keep=1)
    first = store.save(model, step=1, epoch=1)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("gantk.atomic_files.os.fsync", full)
    with pytest.raises(RunFailed, match="No space"):
        store.save(model, step=2, epoch=1)
    monkeypatch.undo()
    assert store.paths() == [first]
    assert store.restore(model).step == 1
