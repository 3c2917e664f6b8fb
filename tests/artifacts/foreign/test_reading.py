"""Tensors of PyTorch's checkpoints and of safetensors files, bit for bit."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save
from torch_files import (
    MAGIC,
    Call,
    Parameter,
    Pickler,
    Raw,
    Storage,
    Tensor,
    state_dict,
    tensor,
    write_legacy,
    write_zip,
)

from gantk.artifacts.foreign import read_foreign_weights
from gantk.errors import UsageError

RANDOM = np.random.default_rng(4)
ARRAYS = {
    "first.weight": RANDOM.normal(size=(2, 3, 4)).astype("float32"),
    "first.bias": RANDOM.normal(size=5).astype("float32"),
    "counter": np.array(7, "int64"),
    "empty": np.zeros((0, 3), "float32"),
}
WRITERS = pytest.mark.parametrize("write", [write_zip, write_legacy])


def same(found: Any, expected: dict[str, np.ndarray]) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


@WRITERS
def test_a_state_dict(tmp_path: Path, write: Any) -> None:
    path = write(tmp_path / "net.pth", state_dict(ARRAYS))
    weights = read_foreign_weights(path)
    same(weights.arrays, ARRAYS)
    assert weights.format == {write_zip: "PyTorch zip checkpoint", write_legacy: "PyTorch legacy checkpoint"}[write]
    assert (weights.path, weights.key) == (path, "")
    assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert weights.shapes["first.weight"] == (2, 3, 4)


def test_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(save({"module.a": np.arange(6, dtype="float16").reshape(2, 3), "module.b": np.array(3, "int64")}))
    weights = read_foreign_weights(path)
    same(
        dict(sorted(weights.arrays.items())),
        {"a": np.arange(6, dtype="float16").reshape(2, 3), "b": np.array(3, "int64")},
    )
    assert weights.format == "safetensors file"


@WRITERS
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"])
def test_types(tmp_path: Path, write: Any, dtype: str) -> None:
    array = np.array([[0, 1, 2], [3, 100, 5]]).astype(dtype)
    same(read_foreign_weights(write(tmp_path / "net.pth", {"x": tensor(array, "0")})).arrays, {"x": array})


@WRITERS
def test_bfloat16_becomes_float32_exactly(tmp_path: Path, write: Any) -> None:
    # 1.0, -2.5 and 0.15625 need no more than 8 bits; 3.140625 is pi cut to 8 bits.
    array = np.array([1.0, -2.5, 0.15625, 3.14159], "float32")
    found = read_foreign_weights(write(tmp_path / "net.pth", {"x": tensor(array, "0", "bfloat16")})).arrays["x"]
    assert found.dtype == np.float32
    assert found.tolist() == [1.0, -2.5, 0.15625, 3.140625]


def test_bfloat16_of_safetensors(tmp_path: Path) -> None:
    import ml_dtypes
    from safetensors import TensorSpec, serialize

    array = np.array([1.0, -2.5], ml_dtypes.bfloat16)
    spec = TensorSpec(dtype="bfloat16", shape=(2,), data_ptr=array.ctypes.data, data_len=array.nbytes)
    path = tmp_path / "net.safetensors"
    path.write_bytes(serialize({"x": spec}))
    assert read_foreign_weights(path).arrays["x"].tolist() == [1.0, -2.5]


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "bfloat16", "uint8"])
def test_big_endian(tmp_path: Path, dtype: str) -> None:
    array = np.array([1, 2, 3, 200], "float32" if dtype == "bfloat16" else dtype)
    path = write_zip(tmp_path / "net.pth", {"x": tensor(array, "0", dtype)}, big_endian=True)
    same(read_foreign_weights(path).arrays, {"x": array})


@WRITERS
def test_strides_offsets_and_shared_storages(tmp_path: Path, write: Any) -> None:
    storage = Storage("0", "float32", np.arange(12, dtype="<f4").tobytes())
    views = {
        "all": Tensor(storage, (3, 4), (4, 1)),
        "transposed": Tensor(storage, (4, 3), (1, 4)),
        "every_other_from_the_second": Tensor(storage, (5,), (2,), offset=1),
        "parameter": Parameter(Tensor(storage, (), (), offset=11)),
    }
    found = read_foreign_weights(write(tmp_path / "net.pth", views)).arrays
    assert found["all"].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert found["transposed"].tolist() == [[0, 4, 8], [1, 5, 9], [2, 6, 10], [3, 7, 11]]
    assert found["every_other_from_the_second"].tolist() == [1, 3, 5, 7, 9]
    assert found["parameter"].tolist() == 11
    assert np.shares_memory(found["all"], found["transposed"])
    assert not found["all"].flags.writeable


def test_other_protocols_and_older_functions(tmp_path: Path) -> None:
    plain = tensor(np.arange(3, dtype="float32"), "0")
    old = Call("torch._utils._rebuild_tensor", (plain.storage, 0, Call("torch.Size", ((3,),)), (1,)))
    # Python 2's texts, and its ordered dict: a list of lists.
    ordered = Call("collections.OrderedDict", ([[Raw(b"U\x01x"), old]],))
    path = write_legacy(tmp_path / "net.pth", ordered)
    assert read_foreign_weights(path).arrays["x"].tolist() == [0, 1, 2]
    # Protocol 4: names come from the stack, numbers of the memo are counted.
    stacked = Raw(
        b"\x8c\x0bcollections\x8c\x0bOrderedDict\x93\x94)R\x94(\x8c\x01y" + Pickler(legacy=True).of(plain) + b"u"
    )
    write_legacy(path, plain)  # its storage; the object is replaced
    content = path.read_bytes()
    path.write_bytes(content.replace(Pickler(legacy=True).of(plain), stacked.instructions))
    assert read_foreign_weights(path).arrays["y"].tolist() == [0, 1, 2]


def test_a_tensor_with_a_type_of_its_own(tmp_path: Path) -> None:
    values = np.array([1, 2, 3], "<i4")
    storage = Storage("0", "uint8", values.tobytes())
    rebuilt = (storage, 0, (3,), (1,), False, OrderedDict(), Raw(b"ctorch\nint32\n"), None)
    path = write_zip(tmp_path / "net.pth", {"x": Call("torch._utils._rebuild_tensor_v3", rebuilt)})
    content = path.read_bytes()
    for name in ("torch", "torch.storage"):
        for variant in ("UntypedStorage", "_UntypedStorage"):
            named = f"c{name}\n{variant}\n".encode()

            def renamed(members: dict[str, bytes], named: bytes = named) -> None:
                members["archive/data.pkl"] = members["archive/data.pkl"].replace(b"ctorch\nByteStorage\n", named)

            made = write_zip(
                tmp_path / "untyped.pth", {"x": Call("torch._utils._rebuild_tensor_v3", rebuilt)}, change=renamed
            )
            same(read_foreign_weights(made).arrays, {"x": values.astype("int32")})
    assert b"ByteStorage" in content


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_prefixes_that_all_names_share_are_taken_off(tmp_path: Path, prefix: str) -> None:
    arrays = {"a": np.ones(1, "float32"), "b": np.ones(2, "float32")}
    path = write_zip(tmp_path / "net.pth", state_dict({f"{prefix}{name}": array for name, array in arrays.items()}))
    same(read_foreign_weights(path).arrays, arrays)
    mixed = write_zip(tmp_path / "net.pth", state_dict({"module.a": arrays["a"], "b": arrays["b"]}))
    assert list(read_foreign_weights(mixed).arrays) == ["module.a", "b"]


class TestNestedStateDicts:
    @staticmethod
    def part(value: float, key: str) -> OrderedDict[str, Tensor]:
        return OrderedDict(x=tensor(np.array([value], "float32"), key))

    def written(self, tmp_path: Path, **parts: Any) -> Path:
        return write_zip(tmp_path / "net.pth", {"epoch": 3, "loss": 0.5, "name": "run", **parts})

    def test_the_only_part(self, tmp_path: Path) -> None:
        weights = read_foreign_weights(self.written(tmp_path, deeper={"whatever": self.part(1, "0")}))
        assert (weights.key, weights.arrays["x"].tolist()) == ("deeper/whatever", [1.0])

    def test_averages_are_preferred_and_a_key_says_otherwise(self, tmp_path: Path) -> None:
        optimizer = {"state": {0: self.part(9, "9")}, "param_groups": [{"lr": 0.1, "params": [0]}]}
        path = self.written(
            tmp_path, params=self.part(1, "0"), params_ema=self.part(2, "1"), optimizer=optimizer, d=self.part(3, "2")
        )
        assert read_foreign_weights(path).key == "params_ema"
        assert read_foreign_weights(path).arrays["x"].tolist() == [2.0]
        assert read_foreign_weights(path, key="d").arrays["x"].tolist() == [3.0]

    @pytest.mark.parametrize("key", ["state_dict", "model", "generator"])
    def test_usual_names(self, tmp_path: Path, key: str) -> None:
        weights = read_foreign_weights(self.written(tmp_path, **{key: self.part(1, "0")}, other=self.part(2, "1")))
        assert weights.key == key

    def test_the_top_where_it_holds_tensors(self, tmp_path: Path) -> None:
        path = write_zip(tmp_path / "net.pth", {**self.part(1, "0"), "model": self.part(2, "1"), "epoch": 3})
        assert list(read_foreign_weights(path).arrays) == ["x"]
        assert read_foreign_weights(path).arrays["x"].tolist() == [1.0]

    def test_a_number_beside_the_networks_is_none(self, tmp_path: Path) -> None:
        path = self.written(tmp_path, best=tensor(np.array(0.5, "float32"), "0"), state_dict=self.part(1, "1"))
        assert read_foreign_weights(path).key == "state_dict"

    def test_a_choice_that_is_not_clear(self, tmp_path: Path) -> None:
        path = self.written(tmp_path, left=self.part(1, "0"), right={"inner": self.part(2, "1")})
        with pytest.raises(
            UsageError, match=r"Received: left \(1 tensors\), right/inner \(1 tensors\)\nSay which with --key"
        ):
            read_foreign_weights(path)

    def test_an_unknown_key(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"Received: 'modle'\nThere are: model\."):
            read_foreign_weights(self.written(tmp_path, model=self.part(1, "0")), key="modle")

    @pytest.mark.parametrize(
        ("value", "kind"),
        [({"epoch": 1}, "a dict without any"), ([1, 2], "a list"), (tensor(np.ones(1), "0"), "one tensor")],
    )
    def test_no_names(self, tmp_path: Path, value: Any, kind: str) -> None:
        with pytest.raises(UsageError, match=f"a state dict. Received: {kind}"):
            read_foreign_weights(write_zip(tmp_path / "net.pth", value))


def test_the_magic_number_is_pytorchs() -> None:
    assert MAGIC.to_bytes(10, "little").hex() == "6cfc9c46f9206aa85019"
