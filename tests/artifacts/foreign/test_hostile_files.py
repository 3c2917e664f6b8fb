"""Damaged and hostile files: a clear error, nothing executed, no memory asked for that the file does not fill."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_files import Call, Pickler, Raw, Storage, Tensor, state_dict, tensor, write_legacy, write_zip

from gantk.artifacts.foreign import read_foreign_weights
from gantk.errors import GantkError, RunFailed, UsageError

WRITERS = pytest.mark.parametrize("write", [write_zip, write_legacy])
SMALL = {"x": np.arange(4, dtype="float32"), "y": np.ones((2, 2), "float32")}


def refusal(path: Path) -> GantkError:
    """Return the error that reading a file ends with, having looked at the time and memory it takes."""
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(GantkError) as caught:
            read_foreign_weights(path)
        assert tracemalloc.get_traced_memory()[1] < (64 << 20) + 4 * path.stat().st_size
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 20
    assert str(path) in caught.value.message
    return caught.value


@WRITERS
@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "posix.system",
        "builtins.eval",
        "builtins.__import__",
        "subprocess.Popen",
        "torch.load",
        "torch._utils._rebuild_sparse_tensor",
        "torch._utils._rebuild_qtensor",
        "argparse.Namespace",
        "collections.defaultdict",
        "torch.QInt8Storage",
        "torch.storage.TypedStorage",
        "gantk.errors.RunFailed",
        "collections.OrderedDict.clear",
    ],
)
def test_globals_are_refused_by_name(tmp_path: Path, write: Any, name: str) -> None:
    target = tmp_path / "made"
    path = write(tmp_path / "net.pth", {**state_dict(SMALL), "z": Call(name, (f"touch {target}",))})
    error = refusal(path)
    assert isinstance(error, RunFailed)
    assert f"refused: {name}" in error.message
    assert not target.exists()


@WRITERS
def test_a_global_is_refused_even_where_it_is_not_used(tmp_path: Path, write: Any) -> None:
    path = write(tmp_path / "net.pth", {**state_dict(SMALL), "z": Raw(b"cos\nsystem\n")})
    assert "refused: os.system" in refusal(path).message


def test_names_from_the_stack_are_refused_too(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "net.pth", {"z": Raw(b"\x8c\x02os\x8c\x06system\x93")})
    assert "refused: os.system" in refusal(path).message


@pytest.mark.parametrize(
    ("instructions", "named"),
    [
        (b"(S'echo'\nios\nsystem\n", "STRING"),
        (b"(ios\nsystem\n", "INST"),
        (b"(cos\nsystem\nX\x01\x00\x00\x00ao", "refused: os.system"),
        (b"\x82\x01", "EXT1"),
        (b"}(NNd\x81", "DICT"),
        (b"P0\n", "PERSID"),
        (b"}}\x81", "NEWOBJ"),
    ],
)
def test_instructions_that_no_tensor_needs(tmp_path: Path, instructions: bytes, named: str) -> None:
    assert named in refusal(write_zip(tmp_path / "net.pth", {"z": Raw(instructions)})).message


def test_a_whole_module_is_refused(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "net.pth", {"z": Raw(b"(" + b"X\x06\x00\x00\x00module" + b"NNNtQ")})
    error = refusal(path)
    assert "refused: a whole torch module" in error.message
    assert "torch.save(network.state_dict()" in error.hint


@WRITERS
@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((5,), (1,), 0),
        ((4,), (1,), 1),
        ((2, 2), (3, 1), 1),
        ((4,), (0,), 4),
        ((100_000, 100_000), (0, 0), 0),
        ((2**62, 4), (0, 0), 0),
        ((4,), (1, 1), 0),
        ((1,) * 20, (1,) * 20, 0),
        ((-1,), (1,), 0),
        ((4,), (-1,), 3),
        ((4,), (1,), -1),
        ((True,), (1,), 0),
        (("4",), (1,), 0),
        ((0, 2**62), (1, 1), 0),
    ],
)
def test_tensors_that_reach_beyond_their_storage(
    tmp_path: Path, write: Any, shape: Any, strides: Any, offset: int
) -> None:
    storage = Storage("0", "float32", np.arange(4, dtype="<f4").tobytes())
    path = write(tmp_path / "net.pth", {"x": Tensor(storage, shape, strides, offset)})
    assert "a tensor" in refusal(path).message


@WRITERS
@pytest.mark.parametrize("elements", [5, 3, 2**40, -1, 0])
def test_a_storage_of_another_size_than_it_says(tmp_path: Path, write: Any, elements: int) -> None:
    storage = Storage("0", "float32", np.arange(4, dtype="<f4").tobytes(), elements)
    path = write(
        tmp_path / "net.pth", {"x": Tensor(storage, (2,) if elements > 1 else (), (1,) if elements > 1 else ())}
    )
    if write is write_legacy and elements == 3:
        # The header agrees; a rest of four bytes at the end is nobody's. PyTorch reads such a file, too.
        assert read_foreign_weights(path).arrays["x"].tolist() == [0, 1]
    else:
        assert refusal(path).message


@WRITERS
def test_many_tensors_of_one_storage(tmp_path: Path, write: Any) -> None:
    storage = Storage("0", "float32", bytes(4000))
    path = write(tmp_path / "net.pth", {f"x{index}": Tensor(storage, (1000,), (1,)) for index in range(100)})
    assert "must not describe more than 8 times what the file holds" in refusal(path).message


def test_two_types_for_one_storage(tmp_path: Path) -> None:
    both = {
        "x": Tensor(Storage("0", "float32", bytes(8)), (2,), (1,)),
        "y": Tensor(Storage("0", "float64", bytes(8)), (1,), (1,)),
    }
    assert "a storage must have one type and size" in refusal(write_zip(tmp_path / "net.pth", both)).message


@WRITERS
def test_every_cut_is_told(tmp_path: Path, write: Any) -> None:
    whole = write(tmp_path / "net.pth", state_dict(SMALL)).read_bytes()
    path = tmp_path / "cut.pth"
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        with pytest.raises((RunFailed, UsageError)):
            read_foreign_weights(path)


@WRITERS
def test_changed_bytes_never_end_in_another_kind_of_error(tmp_path: Path, write: Any) -> None:
    whole = write(tmp_path / "net.pth", {"state_dict": state_dict(SMALL), "epoch": 3}).read_bytes()
    random = np.random.default_rng(1)
    path = tmp_path / "changed.pth"
    refused = 0
    for _ in range(600):
        changed = bytearray(whole)
        for place in random.integers(0, len(whole), random.integers(1, 4)):
            changed[place] = random.integers(0, 256)
        path.write_bytes(changed)
        try:
            read_foreign_weights(path)
        except GantkError:
            refused += 1
    assert refused > 100


class TestPickles:
    def written(self, tmp_path: Path, pickle: bytes) -> Path:
        return write_zip(tmp_path / "net.pth", {}, change=lambda members: members.update({"archive/data.pkl": pickle}))

    def test_lengths_that_the_file_does_not_fill(self, tmp_path: Path) -> None:
        for pickle in (
            b"\x80\x02X\xff\xff\xff\x7fa.",
            b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fa.",
            b"\x80\x02\x8b\xff\xff\xff\x7f\x01.",
            b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        ):
            refusal(self.written(tmp_path, pickle))

    def test_the_same_in_a_legacy_file(self, tmp_path: Path) -> None:
        start = write_legacy(tmp_path / "net.pth", {}).read_bytes()[:15]
        path = tmp_path / "long.pth"
        path.write_bytes(start + b"\x80\x02X\xff\xff\xff\x7fa.")
        assert "must have at most" in refusal(path).message
        path.write_bytes(start + b"\x80\x02c" + b"a" * 1000)
        refusal(path)

    def test_more_instructions_than_any_network_needs(self, tmp_path: Path) -> None:
        path = self.written(tmp_path, b"\x80\x02" + b"}" * 2_100_000 + b".")
        with pytest.raises(RunFailed, match="must have at most 2000000 instructions"):
            read_foreign_weights(path)

    def test_deep_nesting(self, tmp_path: Path) -> None:
        refusal(self.written(tmp_path, b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."))
        refusal(self.written(tmp_path, b"\x80\x02N" + b"\x85" * 200_000 + b"."))
        deep = b"\x80\x02" + b"}X\x01\x00\x00\x00a" * 50_000 + b"N" + b"s" * 50_000 + b"."
        refusal(self.written(tmp_path, deep))

    def test_references_that_double_at_every_level(self, tmp_path: Path) -> None:
        doubling = b"".join(b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86q" + bytes([n + 1]) for n in range(200))
        refusal(self.written(tmp_path, b"\x80\x02Nq\x00" + doubling + b"."))
        # As a key, its hash would take 2^200 steps.
        refusal(self.written(tmp_path, b"\x80\x02}Nq\x00" + doubling + b"Ns."))
        nested = b"".join(
            b"}(X\x01\x00\x00\x00ah" + bytes([n]) + b"X\x01\x00\x00\x00bh" + bytes([n]) + b"uq" + bytes([n + 1])
            for n in range(100)
        )
        refusal(self.written(tmp_path, b"\x80\x02}q\x00" + nested + b"."))

    def test_a_dict_inside_itself(self, tmp_path: Path) -> None:
        refusal(self.written(tmp_path, b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s."))

    def test_nothing_where_something_must_be(self, tmp_path: Path) -> None:
        for body in (
            b"",
            b".",
            b"0.",
            b"(.",
            b"h\x05.",
            b"t.",
            b"R.",
            b"Q.",
            b"s.",
            b"}NNu.",
            b"}(Nu.",
            b"Na.",
            b"\x85.",
            b"NNR.",
        ):
            refusal(self.written(tmp_path, b"\x80\x02" + body))

    def test_wrong_arguments_of_known_functions(self, tmp_path: Path) -> None:
        for call in (
            Call("torch._utils._rebuild_tensor_v2", ()),
            Call("torch._utils._rebuild_tensor_v2", (1, 2, 3, 4, 5, 6)),
            Call("torch._utils._rebuild_parameter", ("x", True, OrderedDict())),
            Call("collections.OrderedDict", ([1, 2],)),
            Call("torch.Size", (3,)),
            Call("torch._utils._rebuild_tensor_v2", (Storage("0", "float32", b""), 0, [1], (1,), False, OrderedDict())),
        ):
            refusal(self.written(tmp_path, Pickler(legacy=False).dump({"x": call})))

    def test_a_negated_view_is_not_read_as_it_lies(self, tmp_path: Path) -> None:
        storage = Storage("0", "float32", bytes(4))
        call = Call("torch._utils._rebuild_tensor_v2", (storage, 0, (1,), (1,), False, OrderedDict(), {"neg": True}))
        assert "negated" in refusal(write_zip(tmp_path / "net.pth", {"x": call})).message


class TestZips:
    def test_packed_members(self, tmp_path: Path) -> None:
        storage = Storage("0", "float32", bytes(50_000_000))
        path = write_zip(
            tmp_path / "net.pth",
            {"x": Tensor(storage, (12_500_000,), (1,))},
            compression=zipfile.ZIP_DEFLATED,
        )
        assert path.stat().st_size < 100_000
        assert "stored as they are" in refusal(path).message

    def test_members_that_overlap(self, tmp_path: Path) -> None:
        path = write_zip(tmp_path / "net.pth", state_dict({"x": np.zeros(5000, "float32")}))
        content = path.read_bytes()
        # Let a second entry of the directory point at the same large member.
        start = content.rindex(b"PK\x01\x02")
        entry = content[start : content.index(b"PK\x05\x06")]
        again = entry.replace(b"archive/data/0", b"archive/data/1")
        end = bytearray(content[content.index(b"PK\x05\x06") :])
        count, size = struct.unpack("<HI", end[10:16])
        end[8:16] = struct.pack("<HHI", count + 1, count + 1, size + len(again))
        path.write_bytes(content[: content.index(b"PK\x05\x06")] + again + bytes(end))
        assert "must fit into the file" in refusal(path).message

    @pytest.mark.parametrize("key", ["../../etc/passwd", "/etc/passwd", "..", "1", "\x00", "a" * 5000])
    def test_keys_are_names_of_members_and_of_nothing_else(self, tmp_path: Path, key: str) -> None:
        def without_storage(members: dict[str, bytes]) -> None:
            del members[f"archive/data/{key}"]

        storage = Storage(key, "float32", bytes(4))
        path = write_zip(tmp_path / "net.pth", {"x": Tensor(storage, (1,), (1,))}, change=without_storage)
        assert "no such member" in refusal(path).message

    def test_a_damaged_storage(self, tmp_path: Path) -> None:
        path = write_zip(tmp_path / "net.pth", state_dict({"x": np.full(100, 7, "float32")}))
        content = path.read_bytes()
        place = content.index(struct.pack("<f", 7) * 50)
        path.write_bytes(content[:place] + b"\x01" + content[place + 1 :])
        assert "CRC" in refusal(path).message

    def test_byte_order_that_is_none(self, tmp_path: Path) -> None:
        path = write_zip(
            tmp_path / "net.pth", state_dict(SMALL), change=lambda m: m.update({"archive/byteorder": b"middle"})
        )
        assert "byteorder" in refusal(path).message

    def test_torchscript_and_other_zips(self, tmp_path: Path) -> None:
        path = write_zip(tmp_path / "net.pt", {}, change=lambda m: m.update({"archive/constants.pkl": b""}))
        assert "a TorchScript program" in refusal(path).message
        for name, kind in (("bundle.json", "a gantk model"), ("x.txt", "another kind of zip file")):
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(name, "")
            error = refusal(path)
            assert isinstance(error, UsageError)
            assert kind in error.message


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "0 bytes"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\x80\x04}.", "a pickle of something else"),
        (b"hello", "another kind of file"),
        (b"\x00" * 257 + b"ustar" + b"\x00" * 300, "a tar archive"),
    ],
)
def test_other_kinds_of_files(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "latest_net_G.pth"
    path.write_bytes(content)
    assert kind in refusal(path).message


@pytest.mark.parametrize(
    "header",
    [
        b'{"x": {"dtype": "F32", "shape": [100000000000], "data_offsets": [0, 400000000000]}}',
        b'{"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}',
        b'{"x": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}',
        b"{" * 50,
        b'{"x": ' + b"[" * 100_000 + b"}",
    ],
)
def test_hostile_safetensors(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    assert isinstance(refusal(path), RunFailed)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="which does not exist"):
        read_foreign_weights(tmp_path / "none.pth")
    with pytest.raises(UsageError, match="a folder"):
        read_foreign_weights(tmp_path)


def test_reading_imports_neither_torch_nor_a_framework_and_unpickles_nothing(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "net.pth", state_dict(SMALL))
    code = (
        "import sys, pickle; from pathlib import Path\n"
        "pickle.load = pickle.loads = pickle.Unpickler = pickle._Unpickler = None\n"
        "from gantk.artifacts.foreign import read_foreign_weights\n"
        f"read_foreign_weights(Path({str(path)!r}))\n"
        "print([m for m in ('torch', 'tensorflow', 'jax', 'keras') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_large_file_is_not_held_several_times(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "net.pth", {"x": tensor(np.zeros(10_000_000, "float32"), "0")})
    code = (
        "import resource; from pathlib import Path\n"
        "from gantk.artifacts.foreign import read_foreign_weights\n"
        "import safetensors.numpy\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"weights = read_foreign_weights(Path({str(path)!r}))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    kilobytes = int(found) // (1024 if sys.platform == "darwin" else 1)
    assert kilobytes < 2.5 * 40_000
