"""A program: prints as JSON what an HDF5 file says of its tensors. Run by `gantk.artifacts.foreign.hdf5_file`.

The HDF5 library ends the process, or writes over its memory, on files that are made for that. So it is run in a process of
its own, which has little memory and time, loads no filters and hands over plain facts. Whoever takes them compares them
with the file: nothing here is to be trusted. It imports nothing of gantk, so as to start at once.
"""

from __future__ import annotations

import json
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

MOST_OBJECTS = 100_000
_MOST_CHUNKS = 1_000_000
_DEEPEST = 32
_LARGEST_COMPACT = 1 << 16
_MEMORY = 4 << 30
_SECONDS = 100
_WHOLE_MODEL = b"model_weights"
_OPTIMIZERS = (b"optimizer", b"optimizer_weights")


class Refused(Exception):
    """What the file holds, and must not; the text is for people."""


def describe(path: Path) -> dict[str, Any]:
    """Return the layout of a file and facts of its tensors.

    Returns:
        `layout`: `old`, `model` or `tree`; `tensors`: each with `path`, `dtype`, `big_endian`, `shape`, `stored` (its
        bytes in the file), `filters`, and one of `offset` (one piece), `held` (hex) and `chunks` (each its first index,
        offset, bytes and the filters it skips), the latter with `lengths`.

    Raises:
        Refused: It points to other files, or holds what is no tensor.
        Exception: Of any kind, from h5py: it is damaged.
    """
    from h5py import h5f, h5g, h5p

    access = h5p.create(h5p.FILE_ACCESS)
    # One plain file, whatever it says of itself.
    access.set_fapl_sec2()
    file = h5f.open(bytes(path), h5f.ACC_RDONLY, fapl=access)
    if file.get_create_plist().get_userblock():
        raise Refused("it must begin with its description. Received: a user block")
    root = h5g.open(file, b"/")
    if _has_old_layout(root):
        return {"layout": "old", "tensors": _below(root)}
    if _WHOLE_MODEL in root:
        return {"layout": "model", "tensors": _below(_member(root, _WHOLE_MODEL))}
    return {"layout": "tree", "tensors": _below(root, without=_OPTIMIZERS)}


def _has_old_layout(group: Any) -> bool:
    from h5py import h5a

    # Where the names do not fit into one attribute, they are in several with numbers.
    return any(h5a.exists(group, name) for name in (b"layer_names", b"layer_names0"))


def _below(root: Any, *, without: tuple[bytes, ...] = ()) -> list[dict[str, Any]]:
    from h5py import h5d, h5g, h5o

    tensors: list[dict[str, Any]] = []
    seen: set[int] = set()
    waiting = [("", root, 0)]
    visited = 0
    while waiting:
        path, group, depth = waiting.pop()
        if not isinstance(group, h5g.GroupID):
            continue
        address = h5o.get_info(group).addr
        if address in seen:
            continue
        seen.add(address)
        if depth > _DEEPEST:
            raise Refused(f"groups must lie at most {_DEEPEST} deep. Received: {path[:80]}…")
        for link in _members(group):
            if not path and link in without:
                continue
            visited += 1
            if visited > MOST_OBJECTS:
                raise Refused(f"it must hold at most {MOST_OBJECTS:,} objects. Received: more")
            item = _member(group, link)
            at = f"{path}/{_text(link)}" if path else _text(link)
            if isinstance(item, h5d.DatasetID):
                tensors.append({"path": at, **_facts(at, item)})
            else:
                waiting.append((at, item, depth + 1))
    return tensors


def _members(group: Any) -> list[bytes]:
    names: list[bytes] = []

    def take(name: bytes) -> bool | None:
        names.append(name)
        return True if len(names) > MOST_OBJECTS else None

    group.links.iterate(take)
    return names


def _member(group: Any, link: bytes) -> Any:
    from h5py import h5l, h5o

    kind = group.links.get_info(link).type
    if kind != h5l.TYPE_HARD:
        received = {h5l.TYPE_SOFT: "a soft link", h5l.TYPE_EXTERNAL: "a link to another file"}
        name = _text(link)
        raise Refused(f"{name!r} must lie in the file itself. Received: {received.get(kind, 'another link')}")
    return h5o.open(group, link)


def _facts(name: str, dataset: Any) -> dict[str, Any]:
    from h5py import h5d, h5s

    created = dataset.get_create_plist()
    layout = created.get_layout()
    if layout == h5d.VIRTUAL or (layout == h5d.CONTIGUOUS and created.get_external_count()):
        raise Refused(f"{name!r} must lie in the file itself. Received: a tensor in other files")
    dtype, big_endian = _element_type(name, dataset)
    space = dataset.get_space()
    if space.get_simple_extent_type() not in (h5s.SIMPLE, h5s.SCALAR):
        raise Refused(f"{name!r} must have a shape. Received: an empty data space")
    facts: dict[str, Any] = {
        "dtype": dtype,
        "big_endian": big_endian,
        "shape": list(map(int, space.get_simple_extent_dims())),
        "stored": int(dataset.get_storage_size()),
        "filters": [int(created.get_filter(place)[0]) for place in range(created.get_nfilters())],
    }
    if layout == h5d.CHUNKED:
        return {**facts, "lengths": list(map(int, created.get_chunk())), "chunks": _chunks(name, dataset)}
    if layout == h5d.COMPACT:
        return {**facts, "held": _compact(name, dataset, facts["stored"]).hex()}
    return {**facts, "offset": dataset.get_offset()}


def _chunks(name: str, dataset: Any) -> list[tuple[list[int], int, int, int]]:
    found: list[tuple[list[int], int, int, int]] = []
    if dataset.get_num_chunks() > _MOST_CHUNKS:
        raise Refused(f"{name!r} must have at most {_MOST_CHUNKS:,} chunks. Received: more")

    def take(info: Any) -> None:
        start = [int(index) for index in info.chunk_offset]
        found.append((start, int(info.byte_offset), int(info.size), int(info.filter_mask)))

    dataset.chunk_iter(take)
    return found


def _compact(name: str, dataset: Any, stored: int) -> bytes:
    import numpy as np
    from h5py import h5s

    item = dataset.get_type().get_size()
    count = dataset.get_space().get_simple_extent_npoints()
    if stored > _LARGEST_COMPACT or count * item != stored:
        raise Refused(f"{name!r} must have {count * item} bytes. Received: {stored}")
    elements = np.empty(count, f"V{item}")
    # Into elements of the same type, so that nothing is converted.
    dataset.read(h5s.ALL, h5s.ALL, elements, dataset.get_type())
    return elements.tobytes()


def _element_type(name: str, dataset: Any) -> tuple[str, bool]:
    from h5py import h5a, h5t

    kind = dataset.get_type()
    if kind.get_class() in (h5t.FLOAT, h5t.INTEGER):
        for dtype, little, big in (
            ("float64", h5t.IEEE_F64LE, h5t.IEEE_F64BE),
            ("float32", h5t.IEEE_F32LE, h5t.IEEE_F32BE),
            ("float16", h5t.IEEE_F16LE, h5t.IEEE_F16BE),
            ("int64", h5t.STD_I64LE, h5t.STD_I64BE),
            ("int32", h5t.STD_I32LE, h5t.STD_I32BE),
            ("int16", h5t.STD_I16LE, h5t.STD_I16BE),
            ("int8", h5t.STD_I8LE, h5t.STD_I8BE),
            ("uint64", h5t.STD_U64LE, h5t.STD_U64BE),
            ("uint32", h5t.STD_U32LE, h5t.STD_U32BE),
            ("uint16", h5t.STD_U16LE, h5t.STD_U16BE),
            ("uint8", h5t.STD_U8LE, h5t.STD_U8BE),
        ):
            if kind.equal(little) or kind.equal(big):
                return dtype, not kind.equal(little)
    # h5py's booleans.
    if kind.get_class() == h5t.ENUM and kind.get_size() == 1:
        return "bool", False
    # What Keras 3 writes of a bfloat16 weight, whose type HDF5 does not know.
    if kind.get_class() == h5t.OPAQUE and kind.get_size() == 2 and h5a.exists(dataset, b"dtype"):
        return "bfloat16", False
    raise Refused(f"{name!r} must be of whole numbers, floats or truth values. Received: another type")


def _text(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(f"names must be UTF-8. Received: {name[:80]!r}") from None


def _limit_resources() -> None:
    for kind, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CPU, _SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        # Some systems know no such limit, or have set a lower one.
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def main() -> None:
    """Describe the file that the command line names."""
    import h5py  # noqa: F401  (before the limits: its libraries are large)

    _limit_resources()
    try:
        found = describe(Path(sys.argv[1]))
    except Refused as error:
        found = {"refused": str(error)}
    except Exception as error:
        # Of whatever kind: the text is all that there is to tell.
        found = {"damaged": " ".join(str(error).split()) or type(error).__name__}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
