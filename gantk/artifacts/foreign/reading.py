"""Reading the tensors of a file of any known format."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gantk.artifacts.foreign import hdf5_file, safetensors_file, torch_legacy, torch_zip
from gantk.artifacts.foreign.contents import NEEDED
from gantk.artifacts.foreign.selection import choose_tensors, without_shared_prefix
from gantk.artifacts.foreign.stored_tensor import Unreadable, read_arrays
from gantk.artifacts.foreign.tensor_pickle import Refused
from gantk.errors import RunFailed, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FORMATS: tuple[ModuleType, ...] = (torch_zip, torch_legacy, safetensors_file, hdf5_file)
"""Each has `NAME`, `recognises(path, beginning)` and `read(path) -> Contents`. The first that recognises a file reads it."""

_BEGINNING = 512


@dataclass(frozen=True)
class ForeignWeights:
    """The tensors of one network, from a file of another project.

    Args:
        path: The file.
        format: What kind of file it is, for people.
        key: The part of the file; empty for the whole.
        arrays: By foreign name, a prefix that all shared taken off. Read-only; bfloat16 as float32.
        sha256: Of the file, in hex.
    """

    path: Path
    format: str
    key: str
    arrays: Mapping[str, NDArray[Any]]
    sha256: str

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor."""
        return {name: array.shape for name, array in self.arrays.items()}


def read_foreign_weights(path: Path, *, key: str | None = None) -> ForeignWeights:
    """Read the tensors of a PyTorch checkpoint (zip or legacy), a safetensors or a Keras HDF5 file; nothing is executed.

    Args:
        path: The file.
        key: The part that holds the network's tensors, its keys with `/` between them; by default as
            `gantk.artifacts.foreign.selection` says.

    Raises:
        UsageError: There is no such file or part, or the file is of another kind.
        RunFailed: It is damaged or hostile, or holds more than tensors and plain values.
    """
    try:
        with path.open("rb") as stream:
            beginning = stream.read(_BEGINNING)
    except FileNotFoundError:
        raise UsageError(f"A file of trained weights is needed. Received: {path}, which does not exist") from None
    except IsADirectoryError:
        raise UsageError(f"A file of trained weights is needed. Received: {path}, a folder") from None
    try:
        reader = next((form for form in _FORMATS if form.recognises(path, beginning)), None)
        if reader is None:
            raise _unknown(path, beginning)
        contents = reader.read(path)
        chosen, tensors = choose_tensors(contents.tree, key=key, origin=str(path))
        arrays = read_arrays(without_shared_prefix(tensors), contents.load, big_endian=contents.big_endian)
    except Refused as error:
        raise RunFailed(
            f"{path} may hold only tensors and plain values. Received: {error}",
            hint="Only if you trust the file: load it with PyTorch and save the tensors alone, "
            "torch.save(network.state_dict(), 'weights.pth').",
        ) from error
    except Unreadable as error:
        raise RunFailed(f"{path} cannot be read: {error}", hint="Is the download complete?") from error
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return ForeignWeights(path, reader.NAME, chosen, arrays, sha256)


def _unknown(path: Path, beginning: bytes) -> UsageError | RunFailed:
    if not beginning:
        return RunFailed(f"{path} cannot be read: weights have content. Received: 0 bytes")
    kinds = {
        b"version https://git-lfs": "a pointer of Git LFS: the file itself was not downloaded",
        b"<": "a web page: was it downloaded from a page that asks for something first?",
        b"\x80": "a pickle of something else",
    }
    kind = next((kind for start, kind in kinds.items() if beginning.lstrip().startswith(start)), "another kind of file")
    if beginning[257:262] == b"ustar" or beginning.startswith(b"storages"):
        kind = "a tar archive; PyTorch 0.1.9 and older wrote such"
    return UsageError(f"{path}: {NEEDED} is needed. Received: {kind}")
