"""Network weights in a .npz file: read without unpickling, every array checked by name and shape."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk import RunFailed


class WeightFile:
    """The arrays of a .npz file.

    Args:
        path: The file.
        network: What it is needed for, for messages.

    Raises:
        RunFailed: It is not there, or no .npz file of plain arrays.
    """

    def __init__(self, path: str, network: str) -> None:
        self.path = Path(path)
        self.network = network
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise RunFailed(
                f"{network}: expected a .npz file of weights. Received: {path}: {error.strerror or error}",
                hint="A relative path starts at the working directory.",
            ) from error
        self.digest = hashlib.sha256(content).hexdigest()
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                self._arrays: dict[str, NDArray[Any]] = {name: arrays[name] for name in arrays.files}
        except (ValueError, OSError, EOFError, zipfile.BadZipFile, AttributeError) as error:
            raise RunFailed(f"{path}: expected a .npz file of plain arrays. Received: {error}") from error

    @property
    def description(self) -> dict[str, str]:
        """Its name and hash, for protocols."""
        return {"file": self.path.name, "sha256": self.digest}

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def take(self, name: str, shape: tuple[int | None, ...], *, needed_by: str | None = None) -> NDArray[np.float32]:
        """Return one array.

        Args:
            name: Its name.
            shape: What it must have; None where any length will do.
            needed_by: Who needs it, where that is not the network.

        Raises:
            RunFailed: It is missing, of another shape, no array of numbers, or not finite.
        """
        if name not in self._arrays:
            raise RunFailed(
                f"{self.path}: expected the array {name!r}, which {needed_by or self.network} needs. "
                f"Received: {len(self._arrays)} arrays: {', '.join(list(self._arrays)[:4])}, …",
                hint=f"Is it a file for {needed_by or self.network}?",
            )
        array = self._arrays[name]
        fits = len(array.shape) == len(shape) and all(
            wanted in (None, found) for wanted, found in zip(shape, array.shape, strict=True)
        )
        if not fits or not np.issubdtype(array.dtype, np.floating) or not np.all(np.isfinite(array)):
            wanted = " × ".join("any" if length is None else str(length) for length in shape)
            raise RunFailed(
                f"{self.path}: expected {name!r} to hold finite floats of shape {wanted}. "
                f"Received: {array.dtype} of shape {array.shape}"
            )
        return array.astype(np.float32)
