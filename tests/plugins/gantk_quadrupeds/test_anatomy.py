from __future__ import annotations

import math

import numpy as np
import pytest

from gantk_quadrupeds.anatomy import Build, place_joints
from gantk_quadrupeds.body import View
from gantk_quadrupeds.draw import Draw
from gantk_quadrupeds.figure import MUZZLE_HEIGHT, draw_figure
from gantk_quadrupeds.pose import LEGS, LegPose, Pose, draw_pose
from gantk_quadrupeds.shapes import Cone, Kind, Outline, Surface


def _cone(start, end, start_radius, end_radius, **other):
    return Cone(
        start=start,
        end=end,
        start_radius=start_radius,
        end_radius=end_radius,
        rest_start=start[:2],
        rest_end=end[:2],
        kind=Kind.BODY,
        name="part",
        **other,
    )


def _grid(size=201):
    x = np.linspace(-1, 1, size)
    return x, x[::-1].copy()


def test_a_single_cone_has_the_distance_to_its_axis():
    x, y = _grid()
    outline = Outline(x, y)
    outline.add(_cone((-0.5, 0.0, 0.0), (0.5, 0.0, 0.0), 0.2, 0.2, blend=0.1))
    row, middle = 100, 100
    assert outline.distance[row, middle] == pytest.approx(-0.2)
    assert outline.distance[row - 30, middle] == pytest.approx(0.1, abs=1e-9)
    assert outline.distance[row - 20, middle] == pytest.approx(0.0, abs=1e-9)
    # The end is round: at (0.6, 0.1) the distance is that to (0.5, 0) less the radius.
    assert outline.distance[90, 160] == pytest.approx(math.hypot(0.1, 0.1) - 0.2)
    assert outline.coverage()[row, middle] == 1.0


def test_a_cut_part_ends_at_its_floor():
    x, y = _grid()
    outline = Outline(x, y)
    outline.add(_cone((0.0, 0.0, 0.0), (0.0, 0.1, 0.0), 0.3, 0.3, floor=-0.1))
    assert outline.distance[y < -0.105].min() > 0
    assert outline.distance[100, 100] == pytest.approx(-0.1)


def test_the_nearer_part_is_seen_and_rest_coordinates_follow_it():
    x, y = _grid()
    surface = Surface(x, y)
    surface.add(_cone((-0.5, 0.0, 0.0), (0.5, 0.0, 0.0), 0.2, 0.2))
    surface.add(_cone((0.0, -0.5, 0.4), (0.0, 0.5, 0.4), 0.1, 0.1))
    assert surface.part[100, 100] == 1
    assert surface.part[100, 60] == 0
    assert surface.part[0, 0] == -1
    assert surface.depth[100, 100] == pytest.approx(0.5)
    # Unposed, rest coordinates are the places themselves.
    np.testing.assert_allclose(surface.channels[2:4, 90, 60], [x[60], y[90]], atol=1e-9)
    np.testing.assert_allclose(surface.channels[2:4, 70, 103], [x[103], y[70]], atol=1e-9)
    # The normal of the far cylinder half a radius above its axis: sine 1/2.
    np.testing.assert_allclose(surface.channels[0:2, 90, 60], [0.0, 0.5], atol=1e-9)


def test_parts_melt_into_each_other():
    x, y = _grid()
    outline = Outline(x, y)
    for centre in (-0.105, 0.105):
        outline.add(_cone((centre, 0.0, 0.0), (centre, 0.0, 0.0), 0.1, 0.1, blend=0.1))
    # Both distances are 0.005 half way between; the smooth minimum is a quarter of the blend lower.
    assert outline.distance[100, 100] == pytest.approx(0.005 - 0.025)


def test_bones_keep_their_lengths_in_every_pose():
    def length(joints, first, second):
        return math.dist(joints[first][:2], joints[second][:2])

    for index in range(60):
        joints = place_joints(draw_pose(Draw(0, index, 0)), Build())
        for leg in LEGS:
            upper, lower, bones = (
                ("elbow", "knee", (0.248, 0.212)) if leg.endswith("fore") else ("stifle", "hock", (0.285, 0.268))
            )
            assert length(joints, f"{leg}.{upper}", f"{leg}.{lower}") == pytest.approx(bones[0], abs=0.03)
            assert length(joints, f"{leg}.{lower}", f"{leg}.fetlock") == pytest.approx(bones[1], abs=0.03)
            assert joints[f"{leg}.fetlock"][1] > joints[f"{leg}.toe"][1] > -0.02


def test_knees_bend_to_the_front_and_hocks_to_the_back():
    legs = tuple(LegPose(forward=0.0, lift=0.1) for _ in LEGS)
    joints = place_joints(Pose(legs=legs), Build())
    for leg in LEGS:
        upper, bend = ("elbow", "knee") if leg.endswith("fore") else ("stifle", "hock")
        middle = 0.5 * (joints[f"{leg}.{upper}"][0] + joints[f"{leg}.fetlock"][0])
        assert (joints[f"{leg}.{bend}"][0] > middle) == leg.endswith("fore")


def test_a_view_from_the_side_changes_nothing_and_a_turned_one_foreshortens():
    assert View(0.0, 0.0).project((0.3, 0.4, 0.5)) == pytest.approx((0.3, 0.4, 0.5))
    right, up, depth = View(1 / 12, 0.0).project((1.0, 0.5, 0.0))  # 30°
    assert (right, up, depth) == pytest.approx((math.cos(math.pi / 6), 0.5, -0.5), abs=0.002)


def test_grazing_heads_reach_the_grass_and_others_do_not():
    heights = [draw_figure(Draw(0, index, 2), 0.03).joints["head.nose"][1] for index in range(400)]
    low = sum(height < 0.2 for height in heights)
    assert 50 < low < 120
    assert sum(0.2 < height < 0.5 for height in heights) < 8
    # The muzzle's radius is 0.047: it touches the ground and never goes into it.
    assert min(heights) >= MUZZLE_HEIGHT == 0.05
