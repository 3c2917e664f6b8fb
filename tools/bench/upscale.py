"""Speed of `gantk upscale` over a whole archive, beside the network alone and Real-ESRGAN's way of doing it in PyTorch.

    python tools/bench/upscale.py --torch-python PATH                        # compact ×4 and SRResNet ×4, JPEG pictures
    python tools/bench/upscale.py --networks compact --megapixels 4 --form png --rounds 3 --torch-python PATH

The pictures, soft shapes with noise in many sizes, are made here. Three contestants take turns (A B C A B C …), so that
a machine that grows slower does so for all; each is a process that waits while another one is measured, with the same
threads and the same weights:

- gantk: the whole job, from the archive to the folder: find, read, decode, cut into tiles, run, put together, encode,
  write, hash, record. The network is loaded and compiled in every turn, the framework once.
- the network alone: the same tiles, margins included, in the same batches, ready in memory. Goal: the job has at
  least 90 % of its speed.
- PyTorch eager, one picture after the other, whole (`--torch-tile 0`, the script's default): imread, float tensor,
  network, clamp, imwrite. Goal: the job is at least 1.5 times as fast.

Before anything is timed, the results of both are compared. Reported: megapixels of input a second, the median over the
rounds with its range, and the ratios, each the median over the rounds of the two turns' ratio.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
MEGAPIXELS = {"compact": 2.0, "srresnet": 0.5}


def make_picture(random: np.random.Generator, height: int, width: int) -> Image.Image:
    """Return soft shapes with a little noise, which compress about as photographs do."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32) / 256
    planes = []
    for _ in range(3):
        frequency, phase = random.uniform(2, 25, 4), random.uniform(0, 6, 2)
        plane = np.sin(frequency[0] * rows + frequency[1] * columns + phase[0])
        plane += np.sin(frequency[2] * rows * columns + frequency[3] * columns + phase[1])
        planes.append(127 + 55 * plane)
    centre, radius = random.uniform(0, 1, 2) * (height, width) / 256, random.uniform(0.1, 0.6)
    inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
    image = np.stack(planes, -1) + 60 * inside[..., None] + random.normal(0, 3, (height, width, 3))
    return Image.fromarray(image.clip(0, 255).astype(np.uint8))


def make_archive(path: Path, megapixels: float, least: int, most: int, form: str) -> list[tuple[int, int]]:
    """Write a zip of pictures of mixed sizes, and a folder of the same beside it; return heights and widths."""
    random = np.random.default_rng(0)
    folder = path.with_suffix("")
    folder.mkdir()
    sizes: list[tuple[int, int]] = []
    with zipfile.ZipFile(path, "w") as archive:
        while sum(height * width for height, width in sizes) < megapixels * 1e6:
            height, width = (int(side) for side in random.integers(least, most + 1, 2))
            stream = io.BytesIO()
            make_picture(random, height, width).save(
                stream, form.upper(), **({"quality": 92} if form == "jpeg" else {})
            )
            name = f"{len(sizes):05d}.{'jpg' if form == 'jpeg' else form}"
            archive.writestr(name, stream.getvalue())
            (folder / name).write_bytes(stream.getvalue())
            sizes.append((height, width))
    return sizes


class Contestant:
    """A process that answers each line it is given, a JSON object, by one."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        self.hello = self._answer()

    def ask(self, **what: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise SystemExit(f"A contestant ended with exit code {self._process.wait()}: {' '.join(self._process.args)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["compact", "srresnet"], choices=["compact", "srresnet"])
    parser.add_argument("--megapixels", type=float, help="of all pictures together  [default: 2 and 0.5]")
    parser.add_argument("--sides", type=int, nargs=2, default=[120, 560], metavar=("LEAST", "MOST"))
    parser.add_argument("--form", choices=["jpeg", "png"], default="jpeg")
    parser.add_argument("--backend", choices=["tensorflow", "jax"], default="tensorflow")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tile", type=int, help="of gantk  [default: what it takes by itself]")
    parser.add_argument("--batch-size", type=int, help="of gantk  [default: what it takes by itself]")
    parser.add_argument("--torch-tile", type=int, default=0, help="0: pictures whole, as the script does by default")
    parser.add_argument("--torch-python", default=sys.executable, help="an interpreter with torch and cv2")
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    given = parser.parse_args()
    torch = subprocess.run([given.torch_python, "-c", "import torch, cv2"], capture_output=True, check=False)
    if torch.returncode:
        print(f"{given.torch_python} cannot import torch and cv2: gantk is measured alone.")
    print(f"{_processor()}, {given.threads} threads, {given.precision}, {given.form.upper()} files")
    results = [measure(given, network, with_torch=not torch.returncode) for network in given.networks]
    if given.json:
        given.json.write_text(json.dumps({"machine": _processor(), "results": results}, indent=1) + "\n")


def measure(given: argparse.Namespace, network: str, *, with_torch: bool) -> dict[str, Any]:
    """Measure every contestant with one network, and print and return the figures."""
    environment = {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OMP_NUM_THREADS": str(given.threads),
        "KERAS_BACKEND": given.backend,
    }
    if given.device == "cpu":
        environment |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    common = ["--network", network, "--threads", str(given.threads), "--precision", given.precision]
    with tempfile.TemporaryDirectory(prefix="gantk-bench-") as temporary:
        folder = Path(temporary)
        archive = folder / "pictures.zip"
        sizes = make_archive(archive, given.megapixels or MEGAPIXELS[network], *given.sides, given.form)
        pixels = sum(height * width for height, width in sizes)
        print(
            f"\n{network} ×4: {len(sizes)} pictures of {given.sides[0]} to {given.sides[1]} pixels, {pixels / 1e6:.2f} MP"
        )
        options = [f"--tile={given.tile}"] * bool(given.tile) + [f"--batch-size={given.batch_size}"] * bool(
            given.batch_size
        )
        ours = Contestant(
            [sys.executable, str(HERE / "upscale_gantk.py"), *common, "--folder", temporary, *options], environment
        )
        theirs = None
        if with_torch:
            script = [given.torch_python, str(HERE / "upscale_torch.py"), *common, "--tile", str(given.torch_tile)]
            theirs = Contestant([*script, "--weights", str(folder / "weights.npz")], environment)
            _compare(ours, theirs, folder)
        rounds = []
        for _ in range(given.rounds):
            turns = {"job": ours.ask(do="job", input=str(archive), output=str(folder / "ours"))}
            shutil.rmtree(folder / "ours")
            turns["network"] = ours.ask(do="network", sizes=sizes)
            if theirs is not None:
                turns["torch"] = theirs.ask(input=str(archive.with_suffix("")), output=str(folder / "theirs"))
                shutil.rmtree(folder / "theirs")
            rounds.append(turns)
            time.sleep(0.5)
        for contestant in (ours, theirs):
            if contestant is not None:
                contestant.close()
    return _report(rounds, pixels, network, ours, theirs)


def _compare(ours: Contestant, theirs: Contestant, folder: Path) -> None:
    """End the benchmark where the two do not compute the same."""
    (folder / "check").mkdir()
    make_picture(np.random.default_rng(1), 97, 131).save(folder / "check" / "x.png")
    ours.ask(do="job", input=str(folder / "check"), output=str(folder / "check-ours"))
    theirs.ask(input=str(folder / "check"), output=str(folder / "check-theirs"))
    one, other = (
        np.asarray(Image.open(folder / name / "x.png").convert("RGB"), np.int16)
        for name in ("check-ours", "check-theirs")
    )
    if one.shape != other.shape or one.std() < 5:
        raise SystemExit(f"The results cannot be compared: {one.shape} and {other.shape}, spread {one.std():.1f}")
    difference = np.abs(one - other)
    print(f"the same picture by both: at most {difference.max()} levels apart, {difference.mean():.5f} on average")
    if difference.max() > 2 and theirs.hello["precision"] == "float32":
        raise SystemExit("The two do not compute the same.")


def _report(
    rounds: list[dict[str, Any]], pixels: int, network: str, ours: Contestant, theirs: Contestant | None
) -> dict[str, Any]:
    names = {"job": f"gantk upscale, {ours.hello['name']}", "network": "its network alone, ready tiles"}
    if theirs is not None:
        names["torch"] = theirs.hello["name"]
    speeds = {key: [pixels / 1e6 / turn[key]["seconds"] for turn in rounds] for key in names}
    for key, name in names.items():
        low, high = min(speeds[key]), max(speeds[key])
        print(f"{name:44s} {statistics.median(speeds[key]):8.4f} MP/s ({low:.4f}–{high:.4f})")
    tiles = rounds[-1]["network"]
    print(
        f"tiles of {tiles['side']} in batches of {tiles['batch']}: margins add {tiles['pixels'] / pixels - 1:.1%} to the "
        f"pixels; to build and trace the network takes {rounds[-1]['job']['building']:.2f} s of a job"
    )
    figures: dict[str, Any] = {
        "network": network,
        "megapixels": pixels / 1e6,
        "mp_per_second": speeds,
        "rounds": rounds,
    }
    goals = {"network": ("of the network alone", "goal ≥ 0.90"), "torch": (f"× {names.get('torch')}", "goal ≥ 1.5")}
    for key, (words, goal) in goals.items():
        if key in speeds:
            ratios = [ours / other for ours, other in zip(speeds["job"], speeds[key], strict=True)]
            figures[f"job_over_{key}"] = [statistics.median(ratios), min(ratios), max(ratios)]
            processor = statistics.median(
                turn[key]["processor_seconds"] / turn["job"]["processor_seconds"] for turn in rounds
            )
            figures[f"job_over_{key}_processor"] = processor
            print(
                f"  {statistics.median(ratios):.2f} {words} ({min(ratios):.2f}–{max(ratios):.2f}; {goal}); "
                f"{processor:.2f} in CPU time, which other load on the machine hardly changes",
                flush=True,
            )
    return figures


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} × {len(names)}" if names else platform.machine()


if __name__ == "__main__":
    main()
