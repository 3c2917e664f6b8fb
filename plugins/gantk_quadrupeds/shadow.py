"""The shadow of an animal on the ground: its parts, laid flat along the light, with a soft edge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gantk_quadrupeds.animal import Animal, Window, open_window
from gantk_quadrupeds.body import View
from gantk_quadrupeds.figure import Bounds
from gantk_quadrupeds.light import Light
from gantk_quadrupeds.portable import sine, smoothstep
from gantk_quadrupeds.shapes import FAR, Cone, Kind, Outline

Array = NDArray[np.float64]


def cast_shadow(animal: Animal, light: Light, u: Array, v: Array) -> tuple[Window, Array] | None:
    """Return where an animal shades the ground.

    Args:
        animal: The animal; its hair casts no shadow, so both species cast the same.
        light: The light of the scene.
        u: Columns of the picture (w,).
        v: Rows of the picture (h,).

    Returns:
        The part of the picture, and the strength of the shadow there (h, w), 0 … 1; None where it
        falls outside the picture.
    """
    if animal.left:
        light = light.mirrored()
    figure = animal.figure
    # The light is given in the viewer's frame: the animal is turned first, and only then tilted.
    upright, tilted = View(figure.view.yaw, 0.0), View(0.0, figure.view.pitch)
    squash = max(sine(figure.view.pitch), 0.05)
    right, up, front = light.direction

    def lay(name: str) -> tuple[float, float, float]:
        x, y, z = upright.project(figure.joints[name])
        across, along, _ = tilted.project((x - y * right / up, 0.0, z - y * front / up))
        # Foreshortening is undone, or the shadow of a leg would be as thick as it is wide.
        return across, along / squash, 0.0

    flat: list[Cone] = [
        replace(cone, start=lay(cone.start_joint), end=lay(cone.end_joint), blend=0.03, floor=-FAR)
        for cone in figure.body
        if cone.kind is Kind.LIMB or cone.name.startswith(("trunk.", "neck.", "head."))
    ]
    reach = 0.25 + light.softness
    places = [place for cone in flat for place in (cone.start, cone.end)]
    bounds = Bounds(
        left=min(place[0] for place in places) - reach,
        right=max(place[0] for place in places) + reach,
        bottom=(min(place[1] for place in places) - reach) * squash,
        top=(max(place[1] for place in places) + reach) * squash,
    )
    window = open_window(animal, bounds.mirrored() if animal.left else bounds, u, v)
    if window is None:
        return None
    outline = Outline(window.x, window.y / squash)
    for cone in flat:
        outline.add(cone)
    return window, window.turn(smoothstep(light.softness, -light.softness, outline.distance))
