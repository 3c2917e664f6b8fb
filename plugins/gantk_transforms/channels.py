"""Conversion to grey or RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gantk_transforms.options import ChannelsOptions
from gantk_transforms.pictures import require_image, to_array, to_picture


class Channels:
    """Convert to one or three channels; see `ChannelsOptions`."""

    def __init__(self, options: ChannelsOptions) -> None:
        self.options = options

    def __call__(self, image: NDArray[Any], random: np.random.Generator) -> NDArray[np.uint8]:
        """Return height × width × 1 (`grey`) or 3 (`rgb`), uint8."""
        require_image(image, "channels")
        mode = "L" if self.options.to == "grey" else "RGB"
        picture = to_picture(image)
        if picture.mode == mode:
            return image.copy()
        if picture.mode == "RGBA":
            ground = Image.new("RGB", picture.size, self.options.background)
            ground.paste(picture, mask=picture.getchannel("A"))
            picture = ground
        return to_array(picture if picture.mode == mode else picture.convert(mode))
