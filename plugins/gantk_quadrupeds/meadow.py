"""The meadow: rows of grass blades from the horizon to the viewer.

Every row is a strip of triangular blades of random height on a base line; nearer rows hide farther
ones. The base line of the blade seen at each pixel is kept, so that an animal standing behind a row
has its hooves in the grass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gantk_quadrupeds.draw import Draw
from gantk_quadrupeds.light import Colour, Light, linear
from gantk_quadrupeds.noise import octaves
from gantk_quadrupeds.portable import smoothstep

Array = NDArray[np.float64]

_ROWS = 54


@dataclass(frozen=True)
class Meadow:
    """The grass of a scene.

    Args:
        horizon: `v` of the horizon.
        viewer_height: Height of the viewer's eye in body units; sets the perspective.
        lush: Colour of green grass, linear light.
        dry: Colour of dry grass.
        dryness: Share of dry grass, 0 … 1.
        patchiness: Contrast between patches, 0 … 1.
        blade: Height of the blades, body units.
        lattice: Noise of the patches (32, 32).
        blades: Numbers in [0, 1) for the blades (1024,).
    """

    horizon: float
    viewer_height: float
    lush: Colour
    dry: Colour
    dryness: float
    patchiness: float
    blade: float
    lattice: Array
    blades: Array


def draw_meadow(draw: Draw, horizon: float, viewer_height: float) -> Meadow:
    """Draw the grass of a scene."""
    lush = draw.choose(
        [(1.0, linear(0.36, 0.47, 0.17)), (1.0, linear(0.42, 0.54, 0.22)), (0.8, linear(0.33, 0.42, 0.21))]
    )
    dry = draw.choose(
        [(1.0, linear(0.72, 0.64, 0.38)), (0.8, linear(0.64, 0.55, 0.33)), (0.6, linear(0.78, 0.70, 0.47))]
    )
    return Meadow(
        horizon=horizon,
        viewer_height=viewer_height,
        lush=lush,
        dry=dry,
        dryness=draw.between(-0.25, 1.0),
        patchiness=draw.between(0.4, 1.0),
        blade=draw.between(0.05, 0.12),
        lattice=draw.units(32, 32),
        blades=draw.units(1024),
    )


def paint_meadow(picture: Array, meadow: Meadow, light: Light, u: Array, v: Array) -> Array:
    """Paint the meadow over a picture (3, h, w), in place.

    Returns:
        `v` of the base line of what is seen (h, w): -1 above the meadow.
    """
    base_line = np.full((v.shape[0], u.shape[0]), -1.0)
    step, top_v = float(v[1] - v[0]), float(v[0])
    share = (np.arange(_ROWS) + 0.5) / _ROWS
    bases = meadow.horizon + (1.16 - meadow.horizon) * (0.25 * share + 0.75 * share * share)
    scales = (bases - meadow.horizon) / meadow.viewer_height
    heights = meadow.blade * scales * 1.5 + 0.004
    contrast = np.minimum(0.35 + scales * 2.6, 1.0)

    # All rows at once, each as a line (rows, w): the blades' heights, tints and colours.
    widths = 0.024 * scales * (0.5 + 4.0 * meadow.blade) + 0.003
    number = np.arange(_ROWS)[:, None]
    place = u / widths[:, None] + 7.31 * number
    cell = np.floor(place)
    across = place - cell
    index = (cell.astype(np.int64) * 7 + number * 131) % 1024
    lean = meadow.blades[(index + 511) % 1024]
    profile = np.minimum(across / (0.2 + 0.6 * lean), (1.0 - across) / (0.8 - 0.6 * lean))
    tall = heights[:, None] * (0.35 + 0.65 * meadow.blades[index]) * (0.40 + 0.60 * profile)
    tips = bases[:, None] - tall
    tints = 0.80 + 0.40 * meadow.blades[(index + 257) % 1024]
    colours, haze = _row_colours(meadow, light, u, scales)

    previous = meadow.horizon
    for row in range(_ROWS):
        base, height = float(bases[row]), float(heights[row])
        low = int(min(max((min(base - height, previous) - top_v) / step, 0.0), v.shape[0]))
        high = int(min(max(np.floor((base - top_v) / step) + 1.0, 0.0), v.shape[0]))
        if low < high:
            rows = v[low:high, None]
            blade = rows > tips[row]
            # Between the blades, down from the base of the row behind, the ground of the row is seen.
            seen = blade | (rows > previous)
            upward = np.minimum((base - rows) * (1.0 / height), 1.0)
            tone = np.where(blade, (0.62 + 0.55 * upward) * tints[row], 0.72)
            tone = 1.0 + (tone - 1.0) * contrast[row]
            for channel in range(3):
                np.copyto(picture[channel, low:high], colours[channel, row] * tone + haze[channel, row], where=seen)
            np.copyto(base_line[low:high], base, where=seen)
        previous = base
    return base_line


def _row_colours(meadow: Meadow, light: Light, u: Array, scales: Array) -> tuple[Array, Array]:
    """Return the lit colour of each row (3, rows, w) and the light of the air before it (3, rows)."""
    # Patches lie on the ground: seen flat and small far away.
    depth = 1.0 / (scales + 0.06)
    patches = octaves(meadow.lattice, u * 4.5, depth * 1.6, 4, gain=0.6)
    dry_share = smoothstep(0.0, 1.0, meadow.dryness + meadow.patchiness * 2.4 * (patches - 0.5))
    # Far rows fade into the light of the air.
    far = light.haze * 0.55 / (1.0 + scales * 14.0)
    colours, haze = np.empty((3, *dry_share.shape)), np.empty((3, scales.shape[0]))
    for channel in range(3):
        lit = light.sun[channel] * light.direction[1] * 0.85 + light.sky[channel]
        colour = meadow.lush[channel] + (meadow.dry[channel] - meadow.lush[channel]) * dry_share
        colours[channel] = colour * (lit * (1.0 - far))[:, None]
        haze[channel] = (0.62 * light.sky[channel] + 0.30 * light.sun[channel]) * far
    return colours, haze
