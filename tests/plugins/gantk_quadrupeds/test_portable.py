from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from gantk_quadrupeds.draw import Draw
from gantk_quadrupeds.noise import line_noise, octaves, plane_noise, point_noise
from gantk_quadrupeds.portable import cosine, sine, smoothstep, wave
from gantk_quadrupeds.scene import render_pair


def test_sine_is_close_to_the_real_one_and_the_same_for_floats_and_arrays():
    turns = np.linspace(-3.0, 3.0, 1201)
    assert np.abs(wave(turns) - np.sin(2 * np.pi * turns)).max() < 0.0011
    assert [sine(float(turn)) for turn in turns] == wave(turns).tolist()
    assert cosine(0.0) == pytest.approx(1.0, abs=1e-12)
    assert cosine(0.25) == pytest.approx(0.0, abs=1e-12)


def test_smoothstep_rises_and_falls():
    values = np.array([-1.0, 0.0, 0.25, 0.5, 1.0, 2.0])
    # 3 t² - 2 t³ at t = 1/4: 3/16 - 2/64 = 5/32.
    np.testing.assert_allclose(smoothstep(0.0, 1.0, values), [0.0, 0.0, 5 / 32, 0.5, 1.0, 1.0])
    np.testing.assert_allclose(smoothstep(1.0, 0.0, values), [1.0, 1.0, 27 / 32, 0.5, 0.0, 0.0])


def test_draws_do_not_depend_on_each_other_and_follow_the_seed():
    first = Draw(1, 2, 3).units(4, 5)
    np.testing.assert_array_equal(first, Draw(1, 2, 3).units(4, 5))
    assert first.shape == (4, 5)
    assert ((first >= 0) & (first < 1)).all()
    for other in (Draw(0, 2, 3), Draw(1, 0, 3), Draw(1, 2, 0)):
        assert not np.array_equal(first, other.units(4, 5))
    one_by_one = Draw(1, 2, 3)
    assert [one_by_one.unit() for _ in range(20)] == first.ravel().tolist()


def test_variation_narrows_ranges_and_lowers_chances():
    assert {Draw(0, index, 0, 0.0).between(2.0, 4.0) for index in range(5)} == {3.0}
    assert not any(Draw(0, index, 0, 0.0).chance(0.99) for index in range(20))
    spread = [Draw(0, index, 0, 0.5).between(2.0, 4.0) for index in range(50)]
    assert 2.5 <= min(spread) < 2.7
    assert 3.3 < max(spread) <= 3.5


def test_choose_follows_the_weights():
    chosen = [Draw(0, index, 0).choose([(3.0, "often"), (1.0, "seldom")]) for index in range(400)]
    assert 0.68 < chosen.count("often") / 400 < 0.82


def test_noise_meets_its_lattice_and_is_periodic():
    lattice = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(plane_noise(lattice, np.arange(4.0), np.arange(3.0)), lattice)
    np.testing.assert_array_equal(plane_noise(lattice, np.array([5.0]), np.array([-1.0])), [[lattice[2, 1]]])
    # Half way between two points the smooth weight is one half.
    np.testing.assert_allclose(plane_noise(lattice, np.array([0.5]), np.array([0.5])), [[2.5]])
    np.testing.assert_allclose(point_noise(lattice, np.array([0.5, 3.0]), np.array([0.5, 2.0])), [2.5, 11.0])
    np.testing.assert_allclose(line_noise(np.array([1.0, 3.0]), np.array([0.0, 0.5, 1.5])), [1.0, 2.0, 2.0])
    total = octaves(Draw(0, 0, 0).units(8, 8), np.linspace(0, 9, 30), np.linspace(0, 9, 20), 4)
    assert total.shape == (20, 30)
    assert 0.0 <= total.min() < total.max() <= 1.0


def test_pictures_do_not_depend_on_the_vector_units_of_the_processor():
    """The same pictures with NumPy's baseline loops as with the best ones this machine has."""
    program = (
        "import hashlib; from gantk_quadrupeds.scene import render_pair\n"
        "print(hashlib.sha256(b''.join(image.tobytes() for i in (3, 9) for image in render_pair(5, i, 48))).hexdigest())"
    )
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    features = " ".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name))
    environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": features}
    baseline = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()
    here = hashlib.sha256(b"".join(image.tobytes() for i in (3, 9) for image in render_pair(5, i, 48))).hexdigest()
    assert baseline == here
