"""What sizes of images a network accepts."""

from __future__ import annotations

from collections.abc import Sequence

from gantk import ConfigError


def check_input_size(network: str, input_shape: Sequence[int | None], *, multiple: int, smallest: int) -> None:
    """Refuse images that a network cannot take.

    Args:
        network: Its name in a pipeline.
        input_shape: `(height | None, width | None, channels)`; None is not checked.
        multiple: What height and width must be multiples of.
        smallest: The smallest height and width.

    Raises:
        ConfigError: Height or width is too small or no multiple.
    """
    height, width = input_shape[:2]
    if all(size is None or (size % multiple == 0 and size >= smallest) for size in (height, width)):
        return
    wanted = f"at least {smallest} pixels" + (f" and a multiple of {multiple}" if multiple > 1 else "")
    raise ConfigError(
        f"The {network} network with these options needs images whose height and width are {wanted}.\n"
        f"Received: height {height}, width {width}",
        hint="Resize or crop the images to such a size, or choose a network with fewer downsamplings.",
    )
