"""Picture files as a metric compares them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from gantk.data.channels import with_channels
from gantk.data.decode import DecodeError, decode_image
from gantk.errors import RunFailed

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BACKGROUND = (255, 255, 255)
_CONVERSION = "grey given to red, green and blue; transparent parts on white; 16 bits scaled to 8; profiles not applied"


class PictureFiles:
    """Files by name. Implements `gantk.PictureSet`; every picture is RGB.

    A file that cannot be read is noted under `failures`, the first time somebody asks for it.

    Args:
        files: What reads the content of a file, by the picture's name. May raise `OSError` or `RunFailed`.
        description: What the protocol says of the set: `{"folder": …}`.
        resize: Bring every picture to this height and width first; None leaves them as they are.
        on_read: Called after every picture that was read or could not be, with its number of pixels.
    """

    def __init__(
        self,
        files: Mapping[str, Callable[[], bytes]],
        description: Mapping[str, Any],
        *,
        resize: int | None = None,
        on_read: Callable[[int], None] | None = None,
    ) -> None:
        self._files = dict(files)
        self._description = dict(description)
        self._resize = resize
        self.on_read = on_read
        self.failures: dict[str, str] = {}

    @property
    def names(self) -> Sequence[str]:
        """Names of the pictures, in the order given."""
        return tuple(self._files)

    @property
    def description(self) -> Mapping[str, Any]:
        """What the protocol says of the set."""
        size = (
            f"Pillow bicubic, antialiased, 8 bits, to {self._resize} × {self._resize}" if self._resize else "own size"
        )
        return {**self._description, "files": len(self._files), "size": size, "conversion": _CONVERSION}

    def read(self, name: str) -> NDArray[np.uint8] | None:
        """Return a picture, uint8, height × width × 3; None where it cannot be read."""
        if name in self.failures:
            return None
        picture = None
        try:
            picture = with_channels(decode_image(self._files[name]()), 3, _BACKGROUND)
        except DecodeError as error:
            self.failures[name] = str(error)
        except RunFailed as error:
            self.failures[name] = error.message
        except OSError as error:
            self.failures[name] = error.strerror or str(error)
        if picture is not None and self._resize and picture.shape[:2] != (self._resize, self._resize):
            resized = Image.fromarray(picture).resize((self._resize, self._resize), Image.Resampling.BICUBIC)
            picture = np.asarray(resized)
        if self.on_read is not None:
            self.on_read(0 if picture is None else picture.shape[0] * picture.shape[1])
        return picture
