"""Time of one full CycleGAN update: gantk on each backend, and the authors' way of doing it in PyTorch.

    python tools/bench/train_step.py --sizes 128 256 --precision float32 bfloat16 --torch-python PATH

Every contestant is a process of its own that waits while another one is measured; turns alternate (A B A B …), so
that a machine that grows slower does so for all. A turn lasts `--seconds`. Reported: the median over all steps, the
quartiles, images a second (both domains' batches count), and, where PyTorch is importable by `--torch-python`, how
many times faster gantk is: the median over the rounds of the ratio of the two turns' medians, with its range.

An update is complete: both generators (ResNet, translation, cycle and identity passes), both PatchGAN discriminators,
image pools, both Adams. Losses are read after every step, which waits for it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Contestant:
    """A process that measures updates when asked to."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.rounds: list[list[float]] = []
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        hello = self._answer()
        self.name, self.device, self.first = hello["name"], hello["device"], hello["first"]
        # The first steps still tune and allocate.
        self._step = statistics.median(self.measure(3)[1:])

    def measure(self, steps: int) -> list[float]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        return self._answer()

    def turn(self, seconds: float) -> None:
        # The first step of a turn finds cold caches and threads that sleep.
        self.rounds.append(self.measure(1 + max(2, round(seconds / self._step)))[1:])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self):
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(("{", "[")):
                return json.loads(line)
        raise SystemExit(f"A contestant ended with exit code {self._process.wait()}: {' '.join(self._process.args)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--filters", type=int, default=64)
    parser.add_argument("--precision", nargs="+", default=["float32"], choices=["float32", "bfloat16"])
    parser.add_argument("--backends", nargs="*", default=["tensorflow"], choices=["tensorflow", "jax"])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of one turn")
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument("--torch-python", default=sys.executable, help="an interpreter that can import torch")
    parser.add_argument("--torch-compile", action="store_true", help="also measure torch.compile")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    given = parser.parse_args()

    torch_modes = [[], ["--compiled"]] if given.torch_compile else [[]]
    if subprocess.run([given.torch_python, "-c", "import torch"], capture_output=True, check=False).returncode:
        print(f"{given.torch_python} cannot import torch: gantk is measured alone.")
        torch_modes = []
    print(
        f"{_processor()}, {given.threads} threads, ResNet-{given.blocks}, {given.filters} filters, batch {given.batch}"
    )

    results = []
    for size in given.sizes:
        for precision in given.precision:
            results += measure(given, size, precision, torch_modes)
    if given.json:
        given.json.write_text(json.dumps({"machine": _processor(), "results": results}, indent=1) + "\n")


def measure(given: argparse.Namespace, size: int, precision: str, torch_modes: list[list[str]]) -> list[dict]:
    """Measure every contestant at one size and precision, and print and return the figures."""
    common = ["--precision", precision, "--size", str(size)]
    for name in ("batch", "blocks", "filters", "threads"):
        common += [f"--{name}", str(getattr(given, name))]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": str(given.threads)}
    if given.device == "cpu":
        environment |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    ours = [
        Contestant([sys.executable, str(HERE / "train_step_gantk.py"), *common, "--backend", backend], environment)
        for backend in given.backends
    ]
    theirs = [
        Contestant(
            [given.torch_python, str(HERE / "train_step_torch.py"), *common, "--device", given.device, *mode],
            environment,
        )
        for mode in torch_modes
    ]
    for _ in range(given.rounds):
        for contestant in ours + theirs:
            time.sleep(0.5)
            contestant.turn(given.seconds)
    results = []
    for contestant in ours + theirs:
        contestant.close()
        steps = [seconds for turn in contestant.rounds for seconds in turn]
        low, median, high = statistics.quantiles(steps, n=4)
        result = {
            "size": size, "precision": precision, "name": contestant.name, "device": contestant.device,
            "seconds": median, "quartiles": [low, high], "images_per_second": 2 * given.batch / median,
            "steps": len(steps), "first_step_seconds": contestant.first, "faster_than": {},
        }  # fmt: skip
        line = (
            f"{size:4d}² {precision:8s} {contestant.name:28s} {contestant.device:4s} {median * 1e3:8.1f} ms"
            f" ({low * 1e3:.1f}–{high * 1e3:.1f}) {2 * given.batch / median:7.2f} images/s, {len(steps)} steps"
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


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} × {len(names)}" if names else platform.machine()


if __name__ == "__main__":
    main()
