"""Augmentation on JAX; run as a script that writes an npz file.

python on_jax.py FOLDER [resume]
"""

import sys
from pathlib import Path

from gantk.engine.backend import choose_backend

choose_backend("jax")

import augmented_model  # noqa: E402
import numpy as np  # noqa: E402


def main():
    folder = Path(sys.argv[1])
    found = {f"given/{name}": np.asarray(value) for name, value in augmented_model.with_given_numbers().items()}
    for name in augmented_model.OPTIONS:
        found[f"linear/{name}"] = np.array(augmented_model.gradient_of_a_linear_function(name, judged=3))
        first, whole = augmented_model.trained(name, folder / name, ema=0.9)
        found[f"changed/{name}"] = np.array(augmented_model.changed_state(first, whole))
        found[f"finite/{name}"] = np.array(all(np.isfinite(value).all() for value in whole.values()))
    if sys.argv[2:] == ["resume"]:
        resumed = augmented_model.resumed("ada", folder / "ada", ema=0.9)
        differing = [key for key in whole if whole[key].tobytes() != resumed[key].tobytes()]
        found["differing"] = np.array(differing, dtype=str)
    found["tensorflow"] = np.array("tensorflow" in sys.modules)
    np.savez(folder / "found.npz", **found)


main()
