"""Keras' HDF5 files: the three layouts, bit for bit, and what damaged and hostile ones end with."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from gantk.artifacts.foreign import hdf5_description, hdf5_file, read_foreign_weights
from gantk.errors import GantkError, RunFailed, UsageError

RANDOM = np.random.default_rng(9)
KERNEL = RANDOM.normal(size=(3, 3, 2, 4)).astype("float32")
ARRAYS = {"conv2d_10/bias": np.zeros(4, "float32"), "conv2d_2/kernel": KERNEL, "conv2d_2/bias": KERNEL[0, 0, 0]}


def old_layout(group: Any, arrays: dict[str, np.ndarray], *, parts: bool = False) -> None:
    """Write weights as Keras 2 does."""
    layers: dict[str, list[str]] = {}
    for name in arrays:
        layers.setdefault(name.split("/")[0], []).append(name)
    names = [layer.encode() for layer in layers]
    if parts:
        group.attrs["layer_names0"], group.attrs["layer_names1"] = names[:1], names[1:]
    else:
        group.attrs["layer_names"] = names
    group.attrs["backend"], group.attrs["keras_version"] = "tensorflow", "2.2.4-tf"
    for layer, weights in layers.items():
        inner = group.create_group(layer)
        inner.attrs["weight_names"] = [f"{name}:0".encode() for name in weights]
        for name in weights:
            inner[f"{name}:0"] = arrays[name]


def written(path: Path, fill: Callable[[Any], object], **options: Any) -> Path:
    with h5py.File(path, "w", **options) as file:
        fill(file)
    return path


def same(found: Any, expected: dict[str, np.ndarray]) -> None:
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


def refusal(path: Path) -> GantkError:
    """Return the error that reading ends with, having looked at the time and memory it takes."""
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(GantkError) as caught:
            read_foreign_weights(path)
        assert tracemalloc.get_traced_memory()[1] < (16 << 20) + 8 * path.stat().st_size
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 10
    assert str(path) in caught.value.message
    return caught.value


@pytest.mark.parametrize("parts", [False, True])
def test_weights_of_old_keras(tmp_path: Path, parts: bool) -> None:
    path = written(tmp_path / "net.h5", lambda file: old_layout(file, ARRAYS, parts=parts))
    weights = read_foreign_weights(path)
    same(weights.arrays, ARRAYS)
    assert list(weights.arrays) == ["conv2d_2/bias", "conv2d_2/kernel", "conv2d_10/bias"]
    assert (weights.format, weights.key) == ("Keras HDF5 file", "")


def test_a_whole_model_of_old_keras(tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        file.attrs["model_config"] = "{" * 1000
        old_layout(file.create_group("model_weights"), ARRAYS)
        file.create_group("optimizer_weights")["m"] = np.ones(3)

    weights = read_foreign_weights(written(tmp_path / "model.h5", fill))
    same(weights.arrays, ARRAYS)
    assert weights.key == "model_weights"


def test_names_inside_a_layer_that_are_not_its_own_stay(tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        file.attrs["layer_names"] = [b"conv2d"]
        file["conv2d/model_1/conv2d/kernel:0"] = KERNEL

    assert list(read_foreign_weights(written(tmp_path / "net.h5", fill)).arrays) == ["conv2d/model_1/conv2d/kernel"]


@pytest.mark.parametrize("file", ["net.weights.h5", "net.h5"])
def test_what_this_keras_writes(tmp_path: Path, file: str) -> None:
    layers = [keras.layers.Conv2D(4, 3, name="mix"), keras.layers.BatchNormalization(name="norm")]
    network = keras.Sequential([keras.layers.Input((None, None, 2)), *layers], name="sequential")
    network.compile("adam", "mse")
    path = tmp_path / file
    network.save_weights(path) if file.endswith(".weights.h5") else network.save(path)
    weights = read_foreign_weights(path)
    kernel, bias, *statistics = (np.asarray(value) for value in network.get_weights())
    if file == "net.h5":
        norm = ("gamma", "beta", "moving_mean", "moving_variance")
        names = {"mix/sequential/mix/kernel": kernel, "mix/sequential/mix/bias": bias}
        names |= {f"norm/sequential/norm/{n}": s for n, s in zip(norm, statistics, strict=True)}
    else:
        # By the kind of a layer and its number, whatever its name.
        names = {"layers/conv2d/vars/0": kernel, "layers/conv2d/vars/1": bias}
        names |= {f"layers/batch_normalization/vars/{n}": s for n, s in enumerate(statistics)}
    same(weights.arrays, names)


def test_types_and_layouts(tmp_path: Path) -> None:
    array = RANDOM.normal(size=(37, 19, 5))
    arrays = {
        "double": array,
        "half": array.astype("float16"),
        "seed": np.arange(3, dtype="uint32"),
        "step": np.array(7, "int64"),
        "flags": np.array([True, False]),
        "none": np.zeros((0, 3), "float32"),
    }

    def fill(file: Any) -> None:
        for name, value in arrays.items():
            file[name] = value
        file["big"] = array.astype(">f4")
        file.create_dataset("packed", data=array.astype("float32"), chunks=(8, 7, 5), compression="gzip", shuffle=True)
        file.create_dataset(
            "gzip", data=array.astype("float32"), chunks=(40, 7, 5), maxshape=(99, 19, 5), compression=9
        )
        file.create_dataset("chunks", data=array.astype(">f8"), chunks=(37, 4, 2))
        described = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        described.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((5,))
        compact = h5py.h5d.create(file.id, b"compact", h5py.h5t.IEEE_F32BE, space, described)
        compact.write(h5py.h5s.ALL, h5py.h5s.ALL, array[0, 0].astype("float32"))
        short = file.create_dataset("bfloat16", data=np.array([0x3FC0, 0xC000], "<u2").view("V2"))
        short.attrs["dtype"] = "bfloat16"

    single = array.astype("float32")
    found = read_foreign_weights(written(tmp_path / "net.h5", fill)).arrays
    more = {"big": single, "packed": single, "gzip": single, "chunks": array, "compact": single[0, 0]}
    same(found, arrays | more | {"bfloat16": np.array([1.5, -2], "float32")})


def test_what_points_elsewhere_is_refused_unopened(tmp_path: Path) -> None:
    # Whoever opened the pipe would wait for ever.
    pipe = tmp_path / "other.h5"
    os.mkfifo(pipe)

    def external(file: Any) -> None:
        file["a"] = h5py.ExternalLink(str(pipe), "/a")

    def soft(file: Any) -> None:
        file["b"] = KERNEL
        file["a"] = h5py.SoftLink("/b")

    def virtual(file: Any) -> None:
        layout = h5py.VirtualLayout((4,), "f4")
        layout[:] = h5py.VirtualSource(str(pipe), "a", shape=(4,))
        file.create_virtual_dataset("a", layout)

    def stored_outside(file: Any) -> None:
        file.create_dataset("a", (4,), "f4", external=[(str(pipe), 0, 16)])

    def layer_elsewhere(file: Any) -> None:
        file.attrs["layer_names"] = [b"conv2d"]
        file["conv2d"] = h5py.ExternalLink(str(pipe), "/a")

    def model_elsewhere(file: Any) -> None:
        file["model_weights"] = h5py.ExternalLink(str(pipe), "/a")

    for fill, told in (
        (external, "a link to another file"),
        (soft, "a soft link"),
        (virtual, "a tensor in other files"),
        (stored_outside, "a tensor in other files"),
        (layer_elsewhere, "a link to another file"),
        (model_elsewhere, "a link to another file"),
    ):
        path = tmp_path / f"{fill.__name__}.h5"
        # While it is written, nothing is there.
        pipe.unlink()
        written(path, fill)
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        error = refusal(path)
        assert isinstance(error, RunFailed)
        assert told in error.message


def _without_data(file: Any) -> None:
    file.create_dataset("a", (4,), "f4")


def _huge_without_data(file: Any) -> None:
    file.create_dataset("a", (2**40,), "f4")


def _huge_in_chunks(file: Any) -> None:
    file.create_dataset("a", (2**40,), "f4", chunks=(2**20,))


def _one_chunk_missing(file: Any) -> None:
    file.create_dataset("a", (8,), "f4", chunks=(4,))[:4] = 1


def _huge_chunks(file: Any) -> None:
    file.create_dataset("a", (4,), "f4", chunks=(2**26,), maxshape=(None,), compression="gzip")[:] = 1


def _zeros_packed(file: Any) -> None:
    file.create_dataset("a", data=np.zeros(2**23, "float32"), chunks=(2**20,), compression="gzip")


def _chunk_that_grows(file: Any) -> None:
    data = file.create_dataset("a", (4,), "f4", chunks=(4,), compression="gzip")
    data.id.write_direct_chunk((0,), zlib.compress(bytes(2**25)))


def _chunk_that_is_short(file: Any) -> None:
    file.create_dataset("a", (4,), "f4", chunks=(4,), compression="gzip").id.write_direct_chunk(
        (0,), zlib.compress(b"abc")
    )


def _chunk_of_rubbish(file: Any) -> None:
    file.create_dataset("a", (4,), "f4", chunks=(4,), compression="gzip").id.write_direct_chunk((0,), b"rubbish")


def _lzf(file: Any) -> None:
    file.create_dataset("a", data=KERNEL, compression="lzf")


def _checksums(file: Any) -> None:
    file.create_dataset("a", data=KERNEL, fletcher32=True)


def _texts(file: Any) -> None:
    file["a"] = ["x", "y"]


def _fields(file: Any) -> None:
    file["a"] = np.zeros(3, [("x", "f4"), ("y", "i4")])


def _references(file: Any) -> None:
    file.create_dataset("a", (2,), h5py.ref_dtype)


def _objects(file: Any) -> None:
    # A type that h5py would take for pointers into memory.
    kind = h5py.h5t.create(h5py.h5t.OPAQUE, 8)
    kind.set_tag(b"NUMPY:|O")
    h5py.h5d.create(file.id, b"a", kind, h5py.h5s.create_simple((4,)))


def _nothing(file: Any) -> None:
    file["a"] = h5py.Empty("f4")


def _deep(file: Any) -> None:
    file["/".join("g" * 50)] = KERNEL


def _not_utf8(file: Any) -> None:
    h5py.h5g.create(file.id, b"\xff\xfe")


def _two_of_a_name(file: Any) -> None:
    file.attrs["layer_names"] = [b"a"]
    file["a/kernel"] = file["a/a/kernel:0"] = KERNEL


@pytest.mark.parametrize(
    ("fill", "told"),
    [
        (_without_data, "must have 16 bytes. Received: 0"),
        (_huge_without_data, "must fit into the file"),
        (_huge_in_chunks, "must fit into the file"),
        (_one_chunk_missing, "must be whole, 2 chunks. Received: 1"),
        (_huge_chunks, "chunks that fit into the file"),
        (_zeros_packed, "must fit into the file"),
        (_chunk_that_grows, "chunks of 16 bytes. Received: 17"),
        (_chunk_that_is_short, "chunks of 16 bytes. Received: 3"),
        (_chunk_of_rubbish, "must be packed by gzip"),
        (_lzf, "gzip and shuffle alone (h5repack -f NONE IN.h5 OUT.h5 unpacks it). Received: the filters 32000"),
        (_checksums, "Received: the filters 3"),
        (_texts, "another type"),
        (_fields, "another type"),
        (_references, "another type"),
        (_objects, "another type"),
        (_nothing, "an empty data space"),
        (_deep, "at most 32 deep"),
        (_not_utf8, "names must be UTF-8"),
        (_two_of_a_name, "two of 'a/kernel'"),
    ],
)
def test_what_no_weights_need_is_refused(tmp_path: Path, fill: Callable[[Any], None], told: str) -> None:
    error = refusal(written(tmp_path / "net.h5", fill))
    assert isinstance(error, RunFailed)
    assert told in error.message


def test_a_tensor_under_many_names_is_not_read_that_often(tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        file["a"] = np.ones(10_000, "float32")
        for number in range(20):
            file[f"a{number}"] = file["a"]

    assert "more than 8 times what the file holds" in refusal(written(tmp_path / "net.h5", fill)).message


def test_groups_in_a_ring_are_walked_once(tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        file["a/b/kernel"] = KERNEL
        file["a/b/c"] = file["a"]

    same(read_foreign_weights(written(tmp_path / "net.h5", fill)).arrays, {"a/b/kernel": KERNEL})


def test_a_shape_that_lies(tmp_path: Path) -> None:
    path = written(tmp_path / "net.h5", lambda file: file.create_dataset("a", data=np.ones((12345, 3), "f4")))
    content = path.read_bytes()
    assert content.count((12345).to_bytes(8, "little")) == 2
    for size in (12346, 2**33, 2**62):
        path.write_bytes(content.replace((12345).to_bytes(8, "little"), size.to_bytes(8, "little")))
        assert isinstance(refusal(path), RunFailed)


def test_a_user_block_in_front(tmp_path: Path) -> None:
    path = written(tmp_path / "net.h5", lambda file: old_layout(file, ARRAYS), userblock_size=512)
    assert isinstance(refusal(path), UsageError)


def test_a_file_without_tensors(tmp_path: Path) -> None:
    error = refusal(written(tmp_path / "net.h5", lambda file: file.create_group("layers")))
    assert isinstance(error, UsageError)
    assert "without any tensor" in error.message
    assert "save_weights" in error.hint


def test_a_cut_file(tmp_path: Path) -> None:
    whole = written(tmp_path / "net.h5", lambda file: old_layout(file, ARRAYS)).read_bytes()
    path = tmp_path / "cut.h5"
    for size in [8, 9, 48, 96, 512, 800, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:size])
        assert isinstance(refusal(path), RunFailed)


@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_damaged_files_end_in_weights_or_in_a_clear_error(tmp_path: Path, version: str) -> None:
    def fill(file: Any) -> None:
        old_layout(file, ARRAYS)
        file.create_dataset(
            "conv2d_3/kernel:0", data=KERNEL, compression="gzip", shuffle=True, maxshape=(None, 3, 2, 4)
        )

    content = written(tmp_path / "net.h5", fill, libver=version).read_bytes()
    chance, path, refused = random.Random(3), tmp_path / "damaged.h5", 0
    for _ in range(15):
        damaged = bytearray(content)
        for _ in range(chance.choice([1, 2, 8])):
            place = chance.randrange(len(damaged))
            damaged[place] = chance.choice([0, 1, 127, 255, chance.randrange(256)])
        path.write_bytes(damaged)
        try:
            assert set(read_foreign_weights(path).arrays)
        except (RunFailed, UsageError):
            refused += 1
    assert refused > 1


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "the HDF5 library breaks off, with status -11"),
        ("import sys; sys.exit('double free')", "breaks off, with double free"),
        ("import time; time.sleep(60)", "must be read in 1 seconds. Received: no end"),
    ],
)
def test_a_library_that_breaks_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, told: str) -> None:
    path = written(tmp_path / "net.h5", lambda file: old_layout(file, ARRAYS))
    stand_in = tmp_path / "program.py"
    stand_in.write_text(program)
    monkeypatch.setattr(hdf5_description, "__file__", str(stand_in))
    if "sleep" in program:
        monkeypatch.setattr(hdf5_file, "_SECONDS", 1)
    error = refusal(path)
    assert isinstance(error, RunFailed)
    assert told in error.message


def test_places_that_the_description_makes_up_are_compared_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "net.h5", lambda file: old_layout(file, ARRAYS))
    facts = {"path": "a", "dtype": "float32", "big_endian": False, "shape": [4], "stored": 16, "filters": []}
    size = path.stat().st_size
    for offset in (size, size - 15, -1, 2**62, None):
        monkeypatch.setattr(hdf5_file, "_described", lambda path, at=offset: ("tree", [{**facts, "offset": at}]))
        assert "must lie within the file" in refusal(path).message
    for chunk in ([[0], size, 16, 0], [[0], -1, 16, 0], [[0], 0, size + 1, 0], [[4], 0, 16, 0]):
        described = {**facts, "lengths": [4], "chunks": [chunk]}
        monkeypatch.setattr(hdf5_file, "_described", lambda path, told=described: ("tree", [told]))
        assert "chunk beside chunk in the file" in refusal(path).message


def test_the_newest_version_of_the_format(tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        # So many that they lie in another kind of index than a few.
        old_layout(file, ARRAYS | {f"conv2d_{number}/kernel": KERNEL[0, 0] for number in range(11, 40)})
        file.create_dataset("conv2d_3/kernel:0", data=KERNEL, chunks=(1, 3, 2, 4), maxshape=(None, 3, None, 4))

    found = read_foreign_weights(written(tmp_path / "net.h5", fill, libver="latest")).arrays
    assert len(found) == 33
    assert found["conv2d_3/kernel"].tobytes() == KERNEL.tobytes()


def test_nothing_of_a_framework_is_imported(tmp_path: Path) -> None:
    path = written(tmp_path / "net.h5", lambda file: old_layout(file, ARRAYS))
    code = (
        "import sys, pathlib; from gantk.artifacts.foreign import read_foreign_weights\n"
        f"print(len(read_foreign_weights(pathlib.Path({str(path)!r})).arrays))\n"
        "print([name for name in ('tensorflow', 'jax', 'keras') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.splitlines() == ["3", "[]"]
