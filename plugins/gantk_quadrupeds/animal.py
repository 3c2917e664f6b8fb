"""One animal in a scene: its shape, both its coats and its place, and its picture as either species."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gantk_quadrupeds.coat_horse import HorseCoat, draw_horse_coat, paint_horse
from gantk_quadrupeds.coat_zebra import StripePattern, ZebraCoat, draw_zebra_coat, paint_zebra
from gantk_quadrupeds.draw import Draw
from gantk_quadrupeds.figure import SPECIES, Bounds, Figure, draw_figure
from gantk_quadrupeds.hair import Species
from gantk_quadrupeds.light import Light, shade
from gantk_quadrupeds.portable import clamp, sine, smoothstep
from gantk_quadrupeds.shapes import Surface
from gantk_quadrupeds.skin import paint_face, read_skin

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Animal:
    """One animal in a scene. Only the species is left open.

    Args:
        figure: Its shape.
        horse_coat: Its coat as a horse.
        zebra_coat: Its coat as a zebra.
        left: Whether it faces left.
        u: Place of its origin, between the legs, as a fraction of the picture's width.
        foot: `v` of the ground below its origin, as a fraction of the picture's height.
        scale: Height at the withers as a fraction of the picture.
    """

    figure: Figure
    horse_coat: HorseCoat
    zebra_coat: ZebraCoat
    left: bool
    u: float = 0.5
    foot: float = 0.9
    scale: float = 0.5

    @property
    def bounds(self) -> Bounds:
        """The box around it in body units, as it is seen: mirrored where it faces left."""
        return self.figure.bounds.mirrored() if self.left else self.figure.bounds


def draw_animal(shape: Draw, coat: Draw, pitch: float) -> Animal:
    """Draw an animal; its place in the picture is left to the scene.

    Args:
        shape: Draws of pose, build, hair and view.
        coat: Draws of both coats.
        pitch: Turns by which the viewer looks down.
    """
    figure = draw_figure(shape, pitch)
    return Animal(figure, draw_horse_coat(coat), draw_zebra_coat(coat), left=shape.unit() < 0.5)


@dataclass(frozen=True)
class Window:
    """The part of a picture that holds an animal, in the animal's own coordinates.

    Args:
        rows: Rows of the part.
        columns: Columns of the part.
        x: Body units of the columns, ascending: reversed where the animal faces left.
        y: Body units of the rows, descending.
        left: Whether the animal faces left.
    """

    rows: slice
    columns: slice
    x: Array
    y: Array
    left: bool

    def turn(self, pixels: Array) -> Array:
        """Turn pixels (…, h, w) from the picture's order of columns to the animal's, or back."""
        return pixels[..., ::-1] if self.left else pixels


def open_window(animal: Animal, bounds: Bounds, u: Array, v: Array) -> Window | None:
    """Return the part of a picture that holds `bounds` (as seen); None where it is outside the picture.

    Args:
        animal: The animal.
        bounds: A box in body units around the animal's origin.
        u: Columns of the picture (w,).
        v: Rows of the picture (h,).
    """

    def span(low: float, high: float, centres: Array) -> slice:
        first, step, length = float(centres[0]), float(centres[1] - centres[0]), centres.shape[0]
        return slice(
            int(min(max((low - first) / step - 1.0, 0.0), length)),
            int(min(max((high - first) / step + 2.0, 0.0), length)),
        )

    columns = span(animal.u + bounds.left * animal.scale, animal.u + bounds.right * animal.scale, u)
    rows = span(animal.foot - bounds.top * animal.scale, animal.foot - bounds.bottom * animal.scale, v)
    if columns.stop - columns.start < 2 or rows.stop - rows.start < 2:
        return None
    x = (u[columns] - animal.u) / animal.scale
    y = (animal.foot - v[rows]) / animal.scale
    return Window(rows, columns, -x[::-1] if animal.left else x, y, animal.left)


@dataclass(frozen=True)
class Portrait:
    """An animal on a part of the picture.

    Args:
        window: The part.
        mask: What either species covers (h, w), 0 … 1.
        covers: What each species covers, each (h, w).
        colours: The colour of each species (3, h, w), linear light; defined where it covers.
    """

    window: Window
    mask: Array
    covers: dict[Species, Array]
    colours: dict[Species, Array]


def portray(
    animal: Animal, species: tuple[Species, ...], light: Light, base_line: Array, u: Array, v: Array
) -> Portrait | None:
    """Paint an animal.

    Args:
        animal: The animal.
        species: As what to paint it.
        light: The light of the scene.
        base_line: `v` of the base of the grass seen at each pixel of the picture (h, w).
        u: Columns of the picture (w,).
        v: Rows of the picture (h,).

    Returns:
        The portrait; None where the animal is outside the picture.
    """
    window = open_window(animal, animal.bounds, u, v)
    if window is None:
        return None
    figure = animal.figure
    if animal.left:
        light = light.mirrored()
    body = Surface(window.x, window.y, StripePattern(animal.zebra_coat) if "zebra" in species else None)
    for cone in figure.body:
        body.add(cone)
    # Grass whose base is nearer to the viewer than a foot stands in front of the foot.
    ground = animal.foot + animal.scale * (sine(figure.view.pitch) * clamp(body.depth, -0.15, 0.15) + 0.035)
    in_grass = window.turn(base_line[window.rows, window.columns]) > ground

    covers: dict[Species, Array] = {}
    colours: dict[Species, Array] = {}
    for one in SPECIES:
        whole = body.fork() if one in species else body.outline()
        for cone in figure.hairs[one]:
            whole.add(cone)
        covers[one] = np.where(in_grass, 0.0, whole.coverage())
        if isinstance(whole, Surface):
            colours[one] = _paint(animal, one, whole, covers[one], light)
    return Portrait(
        window=window,
        mask=window.turn(np.maximum(covers["horse"], covers["zebra"])),
        covers={one: window.turn(covers[one]) for one in species},
        colours={one: window.turn(colour) for one, colour in colours.items()},
    )


def _paint(animal: Animal, species: Species, surface: Surface, cover: Array, light: Light) -> Array:
    colour = np.zeros((3, *cover.shape))
    seen = np.nonzero(cover > 0.0)
    skin = read_skin(surface, seen, animal.figure.rest)
    if species == "horse":
        albedo, gloss = paint_horse(animal.horse_coat, skin)
    else:
        albedo, gloss = paint_zebra(animal.zebra_coat, skin)
    albedo, gloss = paint_face(albedo, gloss, skin, animal.figure.seen)
    # Less light reaches what is below the trunk and behind it.
    below = smoothstep(0.62, 0.40, skin.y) * smoothstep(0.06, -0.12, skin.depth)
    behind = smoothstep(0.02, -0.14, skin.depth)
    occlusion = (1.0 - 0.30 * behind) * (1.0 - 0.35 * below) * (1.0 - 0.30 * smoothstep(-0.45, -1.0, skin.normal_y))
    colour[:, seen[0], seen[1]] = shade(albedo, gloss, occlusion, (skin.normal_x, skin.normal_y), light)
    return colour
