"""Time of one ProGAN update by resolution: gantk on each backend, and the same step written in PyTorch.

    python tools/bench/progan.py --resolutions 4 8 16 32 64 --torch-python PATH

Every contestant is a process of its own that waits while another one is measured; turns alternate, so that a machine that
grows slower does so for all. Reported: images a second (the real ones of a step), the median time of a step with its
quartiles, and, where PyTorch is importable by `--torch-python`, how many times faster gantk is: the median over the rounds
of the ratio of the two turns' medians, with its range.

An update is complete: the discriminator on real and generated images with the gradient penalty and its second derivatives,
then the generator on images of new latent vectors, both Adams, and the generator's moving average. Both sides have the same
layers and batch. `--torch eager` resizes and convolves one after the other, as the public PyTorch codes do; `fused` does both
as one convolution of stride 2, as gantk does and the authors' TensorFlow code did. Losses are read after every step.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from train_step import Contestant, _processor

HERE = Path(__file__).resolve().parent
BATCHES = {4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolutions", type=int, nargs="+", default=[4, 8, 16, 32, 64])
    parser.add_argument(
        "--batch", type=int, help="by default the paper's for one GPU: 128 up to 16, 64 at 32, 32 at 64"
    )
    parser.add_argument("--filter-base", type=int, default=1024, help="the paper's is 8192")
    parser.add_argument("--widest", type=int, default=64, help="the paper's is 512")
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--backends", nargs="*", default=["tensorflow", "jax"], choices=["tensorflow", "jax"])
    parser.add_argument("--torch", nargs="*", default=["eager"], choices=["eager", "fused"])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one turn")
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument("--torch-python", default=sys.executable, help="an interpreter that can import torch")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    given = parser.parse_args()
    if subprocess.run([given.torch_python, "-c", "import torch"], capture_output=True, check=False).returncode:
        print(f"{given.torch_python} cannot import torch: gantk is measured alone.")
        given.torch = []
    print(f"{_processor()}, {given.threads} threads, at most {given.widest} feature maps, base {given.filter_base}")
    results = [result for resolution in given.resolutions for result in measure(given, resolution)]
    if given.json:
        given.json.write_text(json.dumps({"machine": _processor(), "results": results}, indent=1) + "\n")


def measure(given: argparse.Namespace, resolution: int) -> list[dict]:
    """Measure every contestant at one resolution, and print and return the figures."""
    batch = given.batch or BATCHES[resolution]
    common = ["--resolution", str(resolution), "--batch", str(batch)]
    for name in ("filter_base", "widest", "channels", "threads"):
        common += [f"--{name.replace('_', '-')}", str(getattr(given, name))]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": str(given.threads)}
    if given.device == "cpu":
        environment |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    ours = [
        Contestant([sys.executable, str(HERE / "progan_gantk.py"), *common, "--backend", backend], environment)
        for backend in given.backends
    ]
    theirs = [
        Contestant(
            [given.torch_python, str(HERE / "progan_torch.py"), *common, "--device", given.device, "--mode", mode],
            environment,
        )
        for mode in given.torch
    ]
    for _ in range(given.rounds):
        for contestant in ours + theirs:
            time.sleep(0.5)
            contestant.turn(given.seconds)
    results = []
    for contestant in ours + theirs:
        contestant.close()
        low, median, high = statistics.quantiles([seconds for turn in contestant.rounds for seconds in turn], n=4)
        result = {
            "resolution": resolution, "batch": batch, "name": contestant.name, "device": contestant.device,
            "seconds": median, "quartiles": [low, high], "images_per_second": batch / median,
            "first_step_seconds": contestant.first, "faster_than": {},
        }  # fmt: skip
        line = (
            f"{resolution:4d}² batch {batch:3d} {contestant.name:24s} {contestant.device:4s} {batch / median:8.1f} images/s,"
            f" {median * 1e3:8.1f} ms ({low * 1e3:.1f}–{high * 1e3:.1f}), first {contestant.first:.1f} s"
        )
        for other in theirs if contestant in ours else ():
            ratios = [
                statistics.median(slow) / statistics.median(fast)
                for slow, fast in zip(other.rounds, contestant.rounds, strict=True)
            ]
            result["faster_than"][other.name] = [statistics.median(ratios), min(ratios), max(ratios)]
            line += f", {statistics.median(ratios):.2f}× {other.name} ({min(ratios):.2f}–{max(ratios):.2f})"
        print(line, flush=True)
        results.append(result)
    return results


if __name__ == "__main__":
    main()
