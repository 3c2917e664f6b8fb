"""A scene: who stands where, in which light and landscape; and its picture.

A scene is drawn from (seed, index) alone. Its picture is painted at twice or three times the size and averaged,
in linear light. Everything is made of operations that IEEE 754 rounds exactly (`portable.py`), so a
picture is the same to the bit on every machine and with every NumPy from 2.0 on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gantk_quadrupeds.animal import Animal, draw_animal, portray
from gantk_quadrupeds.draw import Draw
from gantk_quadrupeds.figure import SPECIES
from gantk_quadrupeds.hair import Species
from gantk_quadrupeds.landscape import Landscape, draw_landscape, paint_crowns, paint_hills, paint_sky
from gantk_quadrupeds.light import Light, draw_light
from gantk_quadrupeds.meadow import Meadow, draw_meadow, paint_meadow
from gantk_quadrupeds.portable import clamp
from gantk_quadrupeds.shadow import cast_shadow

RENDERER_VERSION = 1
"""Raised whenever a picture of the same (seed, index, size) changes."""

Array = NDArray[np.float64]
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """Everything that a picture shows; animals from the farthest to the nearest."""

    light: Light
    landscape: Landscape
    meadow: Meadow
    animals: tuple[Animal, ...]


def describe_scene(seed: int, index: int, variation: float = 1.0) -> Scene:
    """Draw a scene.

    Args:
        seed: Seed of the data set, 0 or more.
        index: Number of the scene, 0 or more.
        variation: How far it strays from the average scene, 0 … 1.
    """
    light = draw_light(Draw(seed, index, 0, variation))
    place = Draw(seed, index, 1, variation)
    viewer_height = place.between(0.95, 1.75)
    pitch = 0.008 + 0.022 * viewer_height
    animal = draw_animal(Draw(seed, index, 2, variation), Draw(seed, index, 3, variation), pitch)
    bounds = animal.bounds
    width, height = bounds.right - bounds.left, bounds.top - min(bounds.bottom, 0.0)
    scale = min(place.between(0.70, 0.94) / width, place.between(0.70, 0.90) / height)
    u = (1.0 - width * scale) * (0.5 + place.between(-0.45, 0.45)) - bounds.left * scale
    lowest = 0.955 - 0.02 * place.unit()
    highest = min(bounds.top * scale + 0.03, lowest)
    foot = lowest - (lowest - highest) * place.between(0.0, 0.7)
    animal = replace(animal, u=u, foot=foot, scale=scale)
    horizon = min(max(foot - scale * viewer_height, 0.10), 0.62)
    # The perspective of the meadow follows from where the horizon really is.
    viewer_height = (foot - horizon) / scale
    animals = [animal]
    if place.chance(0.22):
        other = draw_animal(Draw(seed, index, 4, variation), Draw(seed, index, 5, variation), pitch)
        other_foot = horizon + (foot - horizon) * place.between(0.55, 0.85)
        # The companion stands on the emptier side, partly behind.
        side = 1.0 if u < 0.5 else -1.0
        other_u = u + side * scale * place.between(0.45, 0.95)
        animals.insert(0, replace(other, u=other_u, foot=other_foot, scale=(other_foot - horizon) / viewer_height))
    landscape = draw_landscape(Draw(seed, index, 6, variation), horizon, light)
    meadow = draw_meadow(Draw(seed, index, 7, variation), horizon, viewer_height)
    return Scene(light, landscape, meadow, tuple(animals))


def _paint_background(scene: Scene, u: Array, v: Array) -> tuple[Array, Array]:
    picture = np.zeros((3, v.shape[0], u.shape[0]))
    # Trees reach a little below the horizon, before the meadow covers their feet.
    sky_rows = min(int(scene.landscape.horizon * v.shape[0]) + 2, v.shape[0])
    behind = paint_sky(scene.landscape, scene.light, u, v[:sky_rows])
    paint_hills(behind, scene.landscape, scene.light, u, v[:sky_rows])
    picture[:, :sky_rows] = behind
    base_line = paint_meadow(picture, scene.meadow, scene.light, u, v)
    paint_crowns(picture, scene.landscape, scene.light, u, v)
    light = scene.light
    for animal in scene.animals:
        shadow = cast_shadow(animal, light, u, v)
        if shadow is None:
            continue
        window, strength = shadow
        part = (window.rows, window.columns)
        strength = strength * (base_line[part] > 0.0)
        for channel in range(3):
            direct = light.sun[channel] * light.direction[1] * 0.85
            share = direct / (direct + light.sky[channel])
            picture[channel][part] *= 1.0 - strength * (0.12 + 0.80 * share)
    return picture, base_line


def _average(picture: Array, factor: int) -> Array:
    """Average blocks of `factor` × `factor` pixels of (…, h, w), adding in a fixed order."""
    rows = picture[..., 0::factor, :]
    for offset in range(1, factor):
        rows = rows + picture[..., offset::factor, :]
    columns = rows[..., 0::factor]
    for offset in range(1, factor):
        columns = columns + rows[..., offset::factor]
    return columns / float(factor * factor)


def _develop(picture: Array) -> Image:
    """Turn linear light (3, h, w) into a display image (h, w, 3), uint8."""
    # Highlights are rolled off above 0.8 instead of being cut at 1.
    over = np.maximum(picture - 0.8, 0.0)
    toned = np.minimum(picture, 0.8) + over / (1.0 + 2.5 * over)
    display = np.floor(np.sqrt(clamp(toned, 0.0, 1.0)) * 255.0 + 0.5)
    return np.ascontiguousarray(display.astype(np.uint8).transpose(1, 2, 0))


def _render(scene: Scene, size: int, species: tuple[Species, ...]) -> tuple[dict[Species, Image], Image]:
    if size < 32:
        raise ValueError(f"size must be 32 pixels or more. Received: {size}")
    factor = 3 if size < 64 else 2
    centres = (np.arange(size * factor) + 0.5) / (size * factor)
    background, base_line = _paint_background(scene, centres, centres)
    mask = np.zeros(background.shape[1:])
    pictures = {one: background.copy() for one in species}
    for animal in scene.animals:
        portrait = portray(animal, species, scene.light, base_line, centres, centres)
        if portrait is None:
            continue
        part = (portrait.window.rows, portrait.window.columns)
        mask[part] = np.maximum(mask[part], portrait.mask)
        for one in species:
            for channel in range(3):
                view = pictures[one][channel][part]
                view += (portrait.colours[one][channel] - view) * portrait.covers[one]
    images = {one: _develop(_average(picture, factor)) for one, picture in pictures.items()}
    # Rounded up, so that a pixel outside the mask is background in every one of its samples.
    return images, np.ceil(_average(mask, factor) * 255.0).astype(np.uint8)[:, :, None]


def render_scene(seed: int, index: int, size: int, species: Species, *, variation: float = 1.0) -> tuple[Image, Image]:
    """Render a scene with one species.

    Args:
        seed: Seed of the data set, 0 or more.
        index: Number of the scene, 0 or more.
        size: Height and width in pixels, 32 or more. The scene is the same at every size.
        species: `horse` or `zebra`: pose, light and landscape are the same for both.
        variation: How far the scene strays from the average one, 0 … 1.

    Returns:
        The image, uint8 (size, size, 3) RGB, and the mask, uint8 (size, size, 1): 255 where an
        animal is, mane and tail included, 0 where it is not, in between on its edge. The mask is the same for
        both species (it covers the mane and tail of either), and where it is 0 the images of
        both species are identical.

    Raises:
        ValueError: A size below 32, another species, or a negative seed or index.

    Example:
        ```python
        horse, mask = render_scene(0, 7, 256, "horse")
        zebra, _ = render_scene(0, 7, 256, "zebra")
        ```
    """
    if species not in SPECIES:
        raise ValueError(f"species must be one of {SPECIES}. Received: {species!r}")
    images, mask = _render(describe_scene(seed, index, variation), size, (species,))
    return images[species], mask


def render_pair(seed: int, index: int, size: int, *, variation: float = 1.0) -> tuple[Image, Image, Image]:
    """Render a scene with either species: `(horse, zebra, mask)`, each as `render_scene` gives it, in less time."""
    images, mask = _render(describe_scene(seed, index, variation), size, SPECIES)
    return images["horse"], images["zebra"], mask
