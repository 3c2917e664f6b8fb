"""Transforms built from their components, and one of them on the fields of one sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk.config.components import Component
from gantk.protocols import Transform

NamedTransforms = Sequence[tuple[str, Transform]]
"""Name and transform, in the order in which they are applied."""


def build_transforms(components: Sequence[Component]) -> NamedTransforms:
    """Build the transforms of a list.

    Raises:
        PluginError: A factory cannot be imported, or gives something that is no transform.
    """
    return [(component.name, component.create()) for component in components]


def transformed_fields(
    transform: Transform, images: Mapping[str, NDArray[Any]], generator: Callable[[], np.random.Generator]
) -> dict[str, NDArray[Any]]:
    """Return the transformed images of one sample, by field.

    A transform that has the method `on_fields` gets all images of the sample at once, where there are several; any other
    gets one after the other.

    Args:
        transform: The transform.
        images: The images by field.
        generator: Makes a generator in the same state at every call, so that the fields are cropped and flipped alike.

    Raises:
        TypeError: `on_fields` returns other fields than it was given.
        Exception: Whatever the transform raises.
    """
    together = getattr(transform, "on_fields", None)
    if together is None or len(images) < 2:
        return {name: transform(image, generator()) for name, image in images.items()}
    results = together(images, generator())
    if not isinstance(results, Mapping) or set(results) != set(images):
        found = sorted(results) if isinstance(results, Mapping) else type(results).__name__
        raise TypeError(f"on_fields must return an image for each of the fields {sorted(images)}. Received: {found}")
    return {name: results[name] for name in images}
