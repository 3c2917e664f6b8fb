from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gantk.artifacts import Bundle, load_bundle, save_bundle
from gantk.artifacts.weights import assign_weights, read_weights, weight_names
from gantk.config.components import Component
from gantk.errors import PluginError, RunFailed, UsageError
from gantk.registry import Registry

PLUGIN_FILE = Path(__file__).with_name("tiny_generators.py")


def built(component: Component, seed: int = 0, channels: int = 3) -> Any:
    network = component.create(input_shape=(None, None, channels), output_channels=channels)
    random = np.random.default_rng(seed)
    for variable in network.weights:
        variable.assign(random.normal(size=variable.shape).astype("float32") * 0.3 + 0.5)
    return network


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, registry: Registry, component: Callable[..., Component]) -> Any:
    tiny = component("tiny", filters=4)
    networks = {"AtoB": built(tiny, 1), "BtoA": built(tiny, 2)}
    path = tmp_path_factory.mktemp("run") / "train" / "model.gantk"
    bundle = save_bundle(
        path,
        networks=networks,
        components={"AtoB": tiny, "BtoA": tiny},
        model="cyclegan",
        domain_names={"A": "horse", "B": "zebra"},
        training={"steps": np.int64(7), "loss": float("nan"), "shape": (64, 64)},
        metrics={"psnr": np.float32(30.5)},
        precision="bfloat16",
        licence="CC0-1.0",
        registry=registry,
    )
    return bundle, networks


def rewritten(source: Path, target: Path, change: Callable[[dict[str, bytes]], None], **kind: Any) -> Path:
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(target, "w", **kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target


def with_metadata(source: Path, target: Path, **changes: Any) -> Path:
    def change(members: dict[str, bytes]) -> None:
        members["bundle.json"] = json.dumps({**json.loads(members["bundle.json"]), **changes}).encode()

    return rewritten(source, target, change)


def test_every_weight_returns_bit_for_bit(saved: Any, registry: Registry) -> None:
    bundle, networks = saved
    loaded = load_bundle(bundle.path, registry=registry)
    for direction, network in networks.items():
        again = loaded.network(direction)
        assert len(again.weights) == len(network.weights) == 13
        for before, after in zip(network.weights, again.weights, strict=True):
            assert before.numpy().tobytes() == after.numpy().tobytes()


def test_it_says_everything_about_itself(saved: Any, registry: Registry) -> None:
    facts = load_bundle(saved[0].path, registry=registry).metadata
    assert (facts.model, facts.domain_names) == ("cyclegan", {"A": "horse", "B": "zebra"})
    assert facts.training == {"steps": 7, "loss": None, "shape": [64, 64]}
    assert facts.metrics == {"psnr": 30.5}
    assert (facts.precision, facts.licence, facts.colour_range) == ("bfloat16", "CC0-1.0", (-1.0, 1.0))
    assert facts.plugins == {"tiny": ""}
    record = facts.networks["BtoA"]
    assert record.component.model_dump() == {"kind": "generator", "name": "tiny", "options": {"filters": 4}}
    assert (record.input_channels, record.output_channels) == (3, 3)
    assert (record.size_multiple, record.smallest_size) == (4, 4)
    # 3·3·3·4+4, 4·4, 4, 3·3·4·4+4, 4·4·4·4+4, 4·3+3: counted by hand.
    assert record.parameters == 112 + 16 + 4 + 148 + 260 + 15


def test_it_knows_how_much_larger_its_results_are_and_how_far_it_looks(
    saved: Any, tmp_path: Path, registry: Registry, component: Callable[..., Component]
) -> None:
    enlarging = component("enlarging", factor=2)
    network = enlarging.create(input_shape=(None, None, 3), output_channels=3)
    path = tmp_path / "model.gantk"
    save_bundle(path, networks={"AtoB": network}, components={"AtoB": enlarging}, model="m", registry=registry)
    bundle = load_bundle(path, registry=registry)
    assert (bundle.metadata.networks["AtoB"].scale, bundle.metadata.networks["AtoB"].halo) == (2, 0)
    images = np.random.default_rng(0).integers(0, 256, (2, 9, 18, 3), dtype=np.uint8)
    assert np.array_equal(bundle.translate(images), 255 - images.repeat(2, axis=1).repeat(2, axis=2))
    # A bundle from before there were such networks says nothing of it, and is the same model still.
    networks = json.loads(json.dumps(saved[0].metadata.to_plain()["networks"]))
    for record in networks.values():
        assert (record.pop("scale"), record.pop("halo"), record.pop("latents")) == (1, None, None)
    older = load_bundle(with_metadata(saved[0].path, tmp_path / "old.gantk", networks=networks), registry=registry)
    assert [(record.scale, record.halo) for record in older.metadata.networks.values()] == [(1, None)] * 2
    assert older.digest == saved[0].digest == _digest_of_old(networks)


def _digest_of_old(networks: dict[str, Any]) -> str:
    facts = {"networks": networks, "colour_range": (-1.0, 1.0)}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def test_a_folder_of_a_run_stands_for_its_bundle(saved: Any) -> None:
    path = saved[0].path
    assert load_bundle(path.parent.parent).path == load_bundle(path.parent).path == path


def test_equal_models_are_equal_files_and_other_weights_another_digest(
    saved: Any, tmp_path: Path, registry: Registry, component: Callable[..., Component]
) -> None:
    tiny = component("tiny", filters=4)

    def save(name: str, seed: int, **facts: Any) -> Bundle:
        return save_bundle(
            tmp_path / name,
            networks={"AtoB": built(tiny, seed)},
            components={"AtoB": tiny},
            model="m",
            registry=registry,
            **facts,
        )

    first, same, other = save("a", 1), save("b", 1), save("c", 2)
    assert first.path.read_bytes() == same.path.read_bytes()
    assert first.digest == same.digest == load_bundle(first.path).digest
    assert first.digest != other.digest
    assert save("d", 1, metrics={"psnr": 1.0}).digest == first.digest, "a digest is of the networks alone"


def test_weight_names_follow_from_the_architecture_alone(component: Callable[..., Component]) -> None:
    first, second = built(component("tiny")), built(component("tiny"))
    assert [variable.path for variable in first.weights] != [variable.path for variable in second.weights]
    assert weight_names(first) == weight_names(second)
    assert weight_names(first)[:3] == ["conv2d/kernel", "conv2d/bias", "batch_normalization/gamma"]
    assert "sequential/conv2d/kernel" in weight_names(first)
    assert len(set(weight_names(first))) == len(first.weights)


def test_other_weights_are_refused_by_name_and_nothing_is_changed(component: Callable[..., Component]) -> None:
    network = built(component("tiny", filters=3))
    before = read_weights(network)
    arrays = dict(before)
    arrays["conv2d/kernel"] = np.zeros((3, 3, 3, 9), np.float32)
    del arrays["conv2d/bias"]
    arrays["dense/kernel"] = np.zeros(2, np.float32)
    with pytest.raises(RunFailed) as caught:
        assign_weights(network, arrays, origin="model.gantk")
    message = caught.value.message
    assert "conv2d/bias: expected by the network, not in the file" in message
    assert "dense/kernel: in the file, unknown to the network" in message
    assert "conv2d/kernel: expected shape (3, 3, 3, 3), received (3, 3, 3, 9)" in message
    assert all(np.array_equal(before[name], value) for name, value in read_weights(network).items())


def test_sixteen_bit_and_scalar_weights_return_bit_for_bit(tmp_path: Path) -> None:
    import keras

    image = keras.Input((None, None, 2))
    scalar = keras.layers.Rescaling(1.0)(keras.layers.Conv2D(2, 1, dtype="bfloat16")(image))
    half = keras.layers.Conv2D(2, 1, dtype="float16")(scalar)
    network = keras.Model(image, half)
    arrays = read_weights(network)
    assert {array.dtype.name for array in arrays.values()} == {"float32", "float16"}
    copy = keras.models.clone_model(network)
    assign_weights(copy, arrays, origin="test")
    for before, after in zip(network.weights, copy.weights, strict=True):
        assert before.dtype == after.dtype
        assert np.array_equal(np.asarray(before.numpy(), np.float32), np.asarray(after.numpy(), np.float32))


def test_the_other_backend_gives_the_same_pictures(saved: Any, registry: Registry, tmp_path: Path) -> None:
    import keras

    bundle, _ = saved
    images = np.random.default_rng(0).integers(0, 256, (3, 19, 30, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    other = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
    program = f"""
import importlib.util, sys, numpy as np
spec = importlib.util.spec_from_file_location("tiny_generators", {str(PLUGIN_FILE)!r})
module = sys.modules["tiny_generators"] = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
from gantk.registry import Registry
from gantk.artifacts import load_bundle
bundle = load_bundle({str(bundle.path)!r}, registry=Registry({{"tiny": module}}))
images = np.load({str(tmp_path / "images.npy")!r})
np.savez({str(tmp_path / "out.npz")!r}, integer=bundle.translate(images, "BtoA", batch_size=2),
         floating=bundle("BtoA", images.astype("float32") / 127.5 - 1),
         kernel=np.concatenate([np.ravel(v.numpy()) for v in bundle.network("BtoA").weights]))
"""
    environment = {**os.environ, "KERAS_BACKEND": other, "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, timeout=300)
    received = np.load(tmp_path / "out.npz")
    weights = np.concatenate([np.ravel(variable.numpy()) for variable in bundle.network("BtoA").weights])
    assert received["kernel"].tobytes() == weights.tobytes()
    expected = bundle("BtoA", images.astype(np.float32) / 127.5 - 1)
    assert np.abs(received["floating"] - expected).max() < 1e-5
    difference = received["integer"].astype(int) - bundle.translate(images, "BtoA")
    assert np.abs(difference).max() <= 1, "a value at .5 may be rounded either way"
    assert np.mean(difference == 0) > 0.999


def test_the_default_direction(saved: Any) -> None:
    bundle, _ = saved
    assert bundle.directions == ("AtoB", "BtoA")
    assert (bundle.direction(), bundle.direction("BtoA")) == ("AtoB", "BtoA")
    with pytest.raises(UsageError, match=r"AtoB, BtoA. Received: 'AtoC'"):
        bundle.direction("AtoC")


@pytest.mark.parametrize("cut", [0, 1, 40, 3000, -1])
def test_a_truncated_bundle_is_told(saved: Any, tmp_path: Path, cut: int) -> None:
    content = saved[0].path.read_bytes()
    path = tmp_path / "model.gantk"
    path.write_bytes(content[:cut])
    with pytest.raises((RunFailed, UsageError)) as caught:
        load_bundle(path)
    assert str(path) in caught.value.message
    # One byte does not show what the file was meant to be.
    assert caught.value.exit_code == (2 if cut == 1 else 1)


@pytest.mark.parametrize(
    ("content", "received"),
    [(b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"), (b"\x80\x04evil pickle", "another kind of file")],
)
def test_another_kind_of_file_is_told(tmp_path: Path, content: bytes, received: str) -> None:
    path = tmp_path / "model.gantk"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=received):
        load_bundle(path)


def test_a_keras_file_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", "")
    with pytest.raises(UsageError) as caught:
        load_bundle(tmp_path / "model.keras")
    assert "Keras model file" in caught.value.hint


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        load_bundle(tmp_path / "missing.gantk")
    with pytest.raises(UsageError, match=r"exactly one model.gantk"):
        load_bundle(tmp_path)


def test_a_flipped_bit_in_the_weights_is_told(saved: Any, tmp_path: Path, registry: Registry) -> None:
    content = bytearray(saved[0].path.read_bytes())
    with zipfile.ZipFile(saved[0].path) as archive:
        offset = archive.getinfo("AtoB.safetensors").header_offset
    content[offset + 1500] ^= 1
    path = tmp_path / "model.gantk"
    path.write_bytes(content)
    with pytest.raises(RunFailed, match=r"damaged model bundle.*AtoB\.safetensors"):
        load_bundle(path, registry=registry).network("AtoB")
    assert load_bundle(path, registry=registry).network("BtoA") is not None


def test_weights_of_another_network_are_told(saved: Any, tmp_path: Path, registry: Registry) -> None:
    def swap(members: dict[str, bytes]) -> None:
        members["AtoB.safetensors"] = members["BtoA.safetensors"]

    path = rewritten(saved[0].path, tmp_path / "m", swap)
    with pytest.raises(RunFailed, match="SHA-256"):
        load_bundle(path, registry=registry).network("AtoB")


@pytest.mark.parametrize("name", ["../evil.safetensors", "/evil.safetensors", "a/b.safetensors", "evil.py", "-.pkl"])
def test_a_member_of_another_name_is_refused(saved: Any, tmp_path: Path, name: str) -> None:
    path = rewritten(saved[0].path, tmp_path / "m", lambda members: members.update({name: b"x"}))
    with pytest.raises(RunFailed, match="damaged"):
        load_bundle(path)


def test_packed_members_are_refused(saved: Any, tmp_path: Path) -> None:
    path = rewritten(saved[0].path, tmp_path / "m", lambda members: None, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(RunFailed, match="packed"):
        load_bundle(path)


def test_a_huge_description_is_refused(saved: Any, tmp_path: Path) -> None:
    path = with_metadata(saved[0].path, tmp_path / "m", licence="x" * (4 << 20))
    with pytest.raises(RunFailed, match="at most"):
        load_bundle(path)


@pytest.mark.parametrize("text", [b"{", b"[" * 100_000, b"\xff\xfe"])
def test_a_broken_description_is_refused(saved: Any, tmp_path: Path, text: bytes) -> None:
    path = rewritten(saved[0].path, tmp_path / "m", lambda members: members.update({"bundle.json": text}))
    with pytest.raises(RunFailed, match="is JSON"):
        load_bundle(path)


def test_what_a_description_must_hold(saved: Any, tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="networks"):
        load_bundle(with_metadata(saved[0].path, tmp_path / "m", networks={}))
    with pytest.raises(UsageError, match=r"format version 1. Received: version 9"):
        load_bundle(with_metadata(saved[0].path, tmp_path / "n", format_version=9))
    with pytest.raises(UsageError, match="gantk-model-bundle"):
        load_bundle(with_metadata(saved[0].path, tmp_path / "o", format="other"))
    networks = json.loads(zipfile.ZipFile(saved[0].path).read("bundle.json"))["networks"]
    networks["AtoB"]["file"] = "../../etc/passwd"
    with pytest.raises(RunFailed, match="passwd"):
        load_bundle(with_metadata(saved[0].path, tmp_path / "p", networks=networks))


def test_a_missing_plugin_is_told_with_what_wrote_the_bundle(saved: Any) -> None:
    bundle = load_bundle(saved[0].path, registry=Registry({}))
    with pytest.raises(PluginError, match="generator 'tiny' is not known") as caught:
        bundle.network("AtoB")
    assert caught.value.exit_code == 5
    assert "with the plugins tiny" in caught.value.hint


def test_options_the_plugin_does_not_know_any_more(saved: Any, tmp_path: Path, registry: Registry) -> None:
    networks = json.loads(zipfile.ZipFile(saved[0].path).read("bundle.json"))["networks"]
    networks["AtoB"]["component"]["options"]["spectral"] = True
    bundle = load_bundle(with_metadata(saved[0].path, tmp_path / "m", networks=networks), registry=registry)
    with pytest.raises(PluginError, match="spectral"):
        bundle.network("AtoB")


def test_a_network_the_plugin_builds_differently_now(saved: Any, tmp_path: Path, registry: Registry) -> None:
    networks = json.loads(zipfile.ZipFile(saved[0].path).read("bundle.json"))["networks"]
    networks["AtoB"]["component"]["options"]["filters"] = 5
    bundle = load_bundle(with_metadata(saved[0].path, tmp_path / "m", networks=networks), registry=registry)
    with pytest.raises(RunFailed, match=r"conv2d/kernel: expected shape \(3, 3, 3, 5\), received \(3, 3, 3, 4\)"):
        bundle.network("AtoB")


def test_a_full_disk_leaves_the_older_bundle_whole(
    tmp_path: Path, registry: Registry, component: Callable[..., Component], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.gantk"
    path.write_bytes(b"older")
    tiny = component("tiny")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFailed, match="No space"):
        save_bundle(path, networks={"AtoB": built(tiny)}, components={"AtoB": tiny}, model="m", registry=registry)
    assert path.read_bytes() == b"older"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.gantk"]


def test_wrong_arguments(tmp_path: Path, registry: Registry, component: Callable[..., Component]) -> None:
    tiny = component("tiny")
    network = built(tiny)
    with pytest.raises(ValueError, match="same directions"):
        save_bundle(tmp_path / "m", networks={"AtoB": network}, components={"BtoA": tiny}, model="m", registry=registry)
    with pytest.raises(TypeError, match=r"plain values. Received: object"):
        save_bundle(
            tmp_path / "m",
            networks={"AtoB": network},
            components={"AtoB": tiny},
            model="m",
            training={"x": object()},
            registry=registry,
        )


def test_reading_what_a_bundle_says_imports_no_framework(saved: Any) -> None:
    program = f"""
import sys
from gantk.artifacts import load_bundle
bundle = load_bundle({str(saved[0].path)!r})
assert bundle.directions == ("AtoB", "BtoA") and bundle.digest
loaded = {{"keras", "tensorflow", "jax", "apache_beam"}} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
