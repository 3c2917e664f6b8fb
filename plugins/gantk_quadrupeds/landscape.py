"""Sky, clouds, hills, trees: everything behind the meadow.

Places are fractions of the picture: `u` to the right, `v` downwards. Colours are linear light, channels first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gantk_quadrupeds.draw import Draw
from gantk_quadrupeds.light import Colour, Light, column, linear
from gantk_quadrupeds.noise import line_noise, octaves, plane_noise
from gantk_quadrupeds.portable import clamp, mix, smoothstep

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Hill:
    """A ridge behind the meadow: its height above the horizon, its length along it, its colour."""

    height: float
    frequency: float
    shift: float
    colour: Colour
    rough: float


@dataclass(frozen=True)
class Crown:
    """One round clump of leaves."""

    u: float
    v: float
    radius: float
    tone: float


@dataclass(frozen=True)
class Landscape:
    """What is behind the meadow.

    Args:
        horizon: `v` of the horizon.
        zenith: Colour of the sky at the top.
        low_sky: Colour of the sky at the horizon.
        cloud_cover: 0 none … 1 many.
        cloud_scale: How fine the clouds are.
        hills: From the farthest to the nearest.
        crowns: Clumps of leaves, from the farthest to the nearest.
        leaf: Colour of leaves.
        lattice: Noise (32, 32).
        ridge: Noise (64,).
    """

    horizon: float
    zenith: Colour
    low_sky: Colour
    cloud_cover: float
    cloud_scale: float
    hills: tuple[Hill, ...]
    crowns: tuple[Crown, ...]
    leaf: Colour
    lattice: Array
    ridge: Array


def _blend(first: Colour, second: Colour, weight: float) -> Colour:
    return (
        first[0] + (second[0] - first[0]) * weight,
        first[1] + (second[1] - first[1]) * weight,
        first[2] + (second[2] - first[2]) * weight,
    )


def _draw_crowns(draw: Draw, horizon: float) -> tuple[Crown, ...]:
    crowns: list[Crown] = []
    if draw.chance(0.45):  # a far line of bushes
        place = -0.05 + 0.3 * draw.unit()
        end = place + draw.between(0.25, 1.2)
        while place < min(end, 1.05):
            radius = draw.between(0.018, 0.044)
            crowns.append(Crown(place, horizon - 0.45 * radius, radius, draw.between(0.75, 1.1)))
            place += radius * draw.between(0.7, 1.4)
    if draw.chance(0.5):  # single trees
        for _ in range(1 + int(draw.unit() * 3)):
            centre, size = draw.unit() * 1.1 - 0.05, draw.between(0.04, 0.10)
            foot = horizon + 0.25 * size
            for _ in range(9):
                u = centre + size * (draw.unit() - 0.5) * 1.5
                v = foot - size * (0.75 + 0.95 * draw.unit())
                crowns.append(Crown(u, v, size * draw.between(0.30, 0.52), draw.between(0.7, 1.15)))
            crowns.append(Crown(centre, foot - 0.25 * size, 0.0, size))  # the trunk
    return tuple(crowns)


def draw_landscape(draw: Draw, horizon: float, light: Light) -> Landscape:
    """Draw what is behind the meadow."""
    blue = _blend(linear(0.30, 0.52, 0.82), linear(0.44, 0.62, 0.86), draw.between(0, 1))
    golden_low = linear(0.98, 0.84, 0.64)
    clear_low = linear(0.80, 0.88, 0.95)
    grey = linear(0.74, 0.76, 0.79)
    zenith = _blend(_blend(blue, linear(0.42, 0.52, 0.70), 0.5 * light.warmth), grey, 0.85 * light.overcast)
    low_sky = _blend(_blend(clear_low, golden_low, light.warmth * 0.9), linear(0.84, 0.85, 0.86), 0.8 * light.overcast)
    hills = []
    count = draw.choose([(0.25, 0), (0.4, 1), (0.35, 2)])
    for number in range(count):
        distance = (1.0 - 0.5 * number) if count == 2 else 0.7
        green = _blend(linear(0.30, 0.38, 0.22), linear(0.52, 0.50, 0.34), draw.between(0, 1))
        far = _blend(green, _blend(low_sky, linear(0.50, 0.60, 0.74), 0.55), distance * (0.45 + 0.4 * light.haze))
        height = draw.between(0.03, 0.13) * (1.0 if number == 0 else 0.6)
        hills.append(
            Hill(height, draw.between(1.2, 3.5) + 2.0 * number, draw.unit() * 60.0, far, draw.between(0.15, 0.5))
        )
    leaf = _blend(linear(0.22, 0.33, 0.15), linear(0.38, 0.40, 0.20), draw.between(0, 1))
    return Landscape(
        horizon=horizon,
        zenith=zenith,
        low_sky=low_sky,
        cloud_cover=max(draw.between(-0.3, 0.8), 0.0) + 0.3 * light.overcast,
        cloud_scale=draw.between(1.4, 3.0),
        hills=tuple(hills),
        crowns=_draw_crowns(draw, horizon),
        leaf=_blend(leaf, low_sky, 0.16 * light.haze),
        lattice=draw.units(32, 32),
        ridge=draw.units(64),
    )


def paint_sky(landscape: Landscape, light: Light, u: Array, v: Array) -> Array:
    """Paint sky and clouds.

    Args:
        landscape: What to paint.
        light: The light.
        u: Columns (w,).
        v: Rows (h,), at or above the horizon.

    Returns:
        (3, h, w), linear light.
    """
    height = clamp((landscape.horizon - v) / max(landscape.horizon, 1e-3), 0.0, 1.0)
    ramp = 1.0 - (1.0 - height) * (1.0 - height)
    sky = mix(column(landscape.low_sky), column(landscape.zenith), ramp)[:, :, None]
    picture = np.repeat(sky, u.shape[0], axis=2)
    if landscape.cloud_cover > 0.02:
        # Clouds are flatter and smaller towards the horizon.
        flat = 1.6 / (np.maximum(landscape.horizon - v, 0.0) + 0.30)
        density = octaves(landscape.lattice, u * landscape.cloud_scale * 2.6, flat * landscape.cloud_scale, 5)
        edge = 0.72 - 0.34 * landscape.cloud_cover
        cover = smoothstep(edge, edge + 0.17, density) * (0.35 + 0.65 * smoothstep(0.0, 0.25, height))[:, None]
        body = smoothstep(edge + 0.05, edge + 0.45, density)
        bright = (1.0 + 0.02 * light.warmth, 0.985 - 0.06 * light.warmth, 0.97 - 0.16 * light.warmth)
        for channel in range(3):
            lit = bright[channel] * (0.95 - 0.24 * light.overcast) * (1.0 - (0.10 + 0.10 * light.overcast) * body)
            picture[channel] += (lit - picture[channel]) * (0.92 * cover)
    return picture


def paint_hills(picture: Array, landscape: Landscape, light: Light, u: Array, v: Array) -> None:
    """Paint ridges over a sky (3, h, w), in place."""
    for hill in landscape.hills:
        ridge = line_noise(landscape.ridge, u * hill.frequency + hill.shift)
        ridge = ridge + hill.rough * 0.5 * line_noise(landscape.ridge, u * hill.frequency * 3.1 + 2.0 * hill.shift)
        ridge = ridge + hill.rough * 0.15 * line_noise(landscape.ridge, u * hill.frequency * 17.0 + 3.0 * hill.shift)
        top = landscape.horizon - hill.height * (0.25 + 0.75 * ridge / (1.0 + 0.65 * hill.rough))
        seen = v[:, None] > top[None, :]
        texture = plane_noise(landscape.lattice, u * 34.0 + hill.shift, v * 60.0)
        haze = clamp((landscape.horizon - v) / max(hill.height, 1e-3), 0.0, 1.0)[:, None]
        tone = (0.86 + 0.22 * texture) * (1.08 - 0.14 * haze)
        for channel in range(3):
            colour = hill.colour[channel] * (0.55 * light.sky[channel] / 0.34 + 0.5 * light.sun[channel])
            np.copyto(picture[channel], colour * tone, where=seen)


def paint_crowns(picture: Array, landscape: Landscape, light: Light, u: Array, v: Array) -> None:
    """Paint trees and bushes over the hills (3, h, w), in place; what stands below the picture is cut off."""
    step = float(u[1] - u[0])
    start_v = float(v[0])
    right, up, front = light.direction

    def span(low: float, high: float, origin: float, length: int) -> slice:
        return slice(
            int(min(max((low - origin) / step, 0.0), length)), int(min(max((high - origin) / step + 1.0, 0.0), length))
        )

    for crown in landscape.crowns:
        if crown.radius == 0.0:  # a trunk, whose size is in `tone`
            half = 0.06 * crown.tone
            rows = span(crown.v - 0.8 * crown.tone, crown.v + 0.25 * crown.tone, start_v, v.shape[0])
            columns = span(crown.u - half, crown.u + half, float(u[0]), u.shape[0])
            inside = np.abs(u[columns] - crown.u) < half
            for channel, value in enumerate(linear(0.26, 0.20, 0.16)):
                bark = value * (light.sky[channel] + 0.5 * light.sun[channel])
                np.copyto(picture[channel, rows, columns], bark, where=inside[None, :])
            continue
        reach = crown.radius * 1.25
        rows = span(crown.v - reach, crown.v + reach, start_v, v.shape[0])
        columns = span(crown.u - reach, crown.u + reach, float(u[0]), u.shape[0])
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        x = (u[columns] - crown.u) / crown.radius
        y = (crown.v - v[rows]) / crown.radius
        leaves = plane_noise(landscape.lattice, x * 4.6 + 50.0 * crown.u + 99.0, y * 4.6 + 31.0 * crown.radius + 99.0)
        squared = x[None, :] * x[None, :] + y[:, None] * y[:, None]
        seen = squared < 0.72 + 0.55 * leaves
        depth = np.sqrt(np.maximum(1.0 - 0.8 * squared, 0.0))
        facing = np.maximum(x[None, :] * right + y[:, None] * up + depth * front, 0.0)
        tone = crown.tone * (0.50 + 0.85 * leaves)
        for channel in range(3):
            lit = landscape.leaf[channel] * tone * (1.2 * light.sky[channel] + 0.85 * light.sun[channel] * facing)
            np.copyto(picture[channel, rows, columns], lit, where=seen)
