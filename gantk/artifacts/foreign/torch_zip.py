"""PyTorch's checkpoints since 1.6: a zip of `data.pkl`, which describes the tensors, and one member a storage."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

from gantk.artifacts.foreign.contents import NEEDED, Contents
from gantk.artifacts.foreign.stored_tensor import Storage, Unreadable
from gantk.artifacts.foreign.tensor_pickle import LONGEST, PickleStream, read_pickle
from gantk.errors import UsageError

NAME = "PyTorch zip checkpoint"
_MOST_MEMBERS = 100_000


def recognises(path: Path, beginning: bytes) -> bool:
    """Say whether a file is a zip; whether one of PyTorch's shows when it is read."""
    return beginning.startswith(b"PK\x03\x04")


def read(path: Path) -> Contents:
    """Read the description of the tensors; storages are read when asked for.

    Raises:
        UsageError: It is another kind of zip file.
        Unreadable: It is damaged or hostile, or holds more than tensors.
    """
    with _opened(path) as archive:
        names = _checked_names(archive, path.stat().st_size)
        folder = _folder(path, names)
        description = _member(archive, f"{folder}/data.pkl", LONGEST)
        order = _member(archive, f"{folder}/byteorder", 16) if f"{folder}/byteorder" in names else b"little"
    if order not in (b"little", b"big"):
        raise Unreadable("`byteorder` must be little or big. Received: something else")
    tree = read_pickle(PickleStream(io.BytesIO(description))).value

    def load(storage: Storage) -> bytes:
        with _opened(path) as archive:
            content = _member(archive, f"{folder}/data/{storage.key}", storage.bytes)
        if len(content) != storage.bytes:
            raise Unreadable(f"storage {storage.key!r} must have {storage.bytes} bytes. Received: {len(content)}")
        return content

    return Contents(NAME, tree, load, big_endian=order == b"big")


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error) as error:
        raise Unreadable(f"a zip file must end with a directory of its members. Received: {error}") from error


def _checked_names(archive: zipfile.ZipFile, size: int) -> set[str]:
    members = archive.infolist()
    names = {member.filename for member in members}
    if len(members) > _MOST_MEMBERS or len(names) != len(members):
        raise Unreadable("its members must have different names. Received: doubles, or too many")
    for member in members:
        # PyTorch packs nothing, so that a file of a megabyte cannot become one of a gigabyte.
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 0x1:
            raise Unreadable(f"members must be stored as they are. Received: {member.filename!r}, packed or encrypted")
    if sum(member.file_size for member in members) > size:
        raise Unreadable(f"members must fit into the file of {size} bytes. Received: larger ones")
    return names


def _folder(path: Path, names: set[str]) -> str:
    found = [name.removesuffix("/data.pkl") for name in names if name.endswith("/data.pkl")]
    if len(found) == 1:
        if f"{found[0]}/constants.pkl" in names:
            raise UsageError(
                f"{path}: the weights of a network are needed. Received: a TorchScript program",
                hint="With PyTorch: torch.save(torch.jit.load(FILE).state_dict(), 'weights.pth').",
            )
        return found[0]
    hint = ""
    if "bundle.json" in names:
        kind = "a gantk model, which needs no import"
    elif {"config.json", "model.weights.h5"} <= names:
        kind, hint = "a Keras model", "Unpack it: model.weights.h5 in it can be imported."
    else:
        kind = "another kind of zip file"
    raise UsageError(f"{path}: {NEEDED} is needed. Received: {kind}", hint=hint)


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    try:
        member = archive.getinfo(name)
    except KeyError:
        raise Unreadable(f"a checkpoint must hold {name!r}. Received: no such member") from None
    if member.file_size > limit:
        raise Unreadable(f"{name!r} must have at most {limit} bytes. Received: {member.file_size}")
    try:
        return archive.read(member)
    except (
        zipfile.BadZipFile,
        EOFError,
        NotImplementedError,
        RuntimeError,
        OSError,
        ValueError,
        struct.error,
    ) as error:
        raise Unreadable(f"{name!r} must be whole. Received: {error or type(error).__name__}") from error
