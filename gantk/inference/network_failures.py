"""Errors of a network: the fault of one picture, until it turns out that the network can do none."""

from __future__ import annotations

from gantk.errors import RunFailed
from gantk.inference.picture import BadPicture

_HOPELESS = 3


class NetworkFailures:
    """Judges the errors of one network."""

    def __init__(self) -> None:
        self._succeeded = False
        self._failed_pictures = 0
        self._last: object = None

    def succeeded(self) -> None:
        """Note that the network has given a result."""
        self._succeeded = True

    def refusal(self, picture: object, size: str, error: Exception) -> BadPicture:
        """Return why a picture has no result.

        Args:
            picture: What the network was given is of this one. Several errors with one picture count once.
            size: What the network was given, in words.
            error: What it raised.

        Raises:
            RunFailed: It failed on three pictures and has given no result yet, so every other one would fail as well.
        """
        if picture is not self._last:
            self._last = picture
            self._failed_pictures += 1
        reason = " ".join(str(error).split()) or type(error).__name__
        if not self._succeeded and self._failed_pictures >= _HOPELESS:
            raise RunFailed(
                f"The network failed on every one of the first {_HOPELESS} pictures. Received: {reason}",
                hint="This is a defect of the model's plugin, or of its installation.",
            ) from error
        return BadPicture(f"The network failed on {size}: {reason}.")
