"""Benchmark of `gantk.data.prepare` against the raw codec calls in a process pool.

    python tools/bench/prepare.py                         # 12,000 JPEG pictures of 512², resized to 256², as PNG
    python tools/bench/prepare.py --encoding jpeg --count 24000
    python tools/bench/prepare.py --json result.json
    python tools/bench/prepare.py --patches 192 --size 1500 --count 300   # patches and their quarter size, as pairs

Both sides do the same work with the same number of processes on the same files, alternating in one run: read the
file, decode, resize, encode. gantk also writes shards, checks, hashes and counts. Then it prepares the unchanged
data again, and lists a million made-up items, to show how long that takes and how much memory the driver needs.
Memory is the peak of resident memory, of the process that calls `prepare` and of the one that drives Beam.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

UNIQUE = 200


def make_pictures(folder: Path, count: int, size: int) -> None:
    """Write `count` JPEG files of soft shapes with noise: `UNIQUE` different ones, the others hard links to them."""
    for domain in ("trainA", "trainB"):
        (folder / domain).mkdir(parents=True)
    rows, columns = np.mgrid[0:size, 0:size] / size
    for number in range(count):
        path = folder / ("trainA", "trainB")[number % 2] / f"{number:07d}.jpg"
        if number >= UNIQUE:
            original = number % UNIQUE
            os.link(folder / ("trainA", "trainB")[original % 2] / f"{original:07d}.jpg", path)
            continue
        random = np.random.default_rng(number)
        waves = random.uniform(3, 40, (3, 2))
        planes = [127 + 90 * np.sin(a * rows + b * columns * rows) for a, b in waves]
        image = np.stack(planes, -1) + random.normal(0, 6, (size, size, 3))
        pixels = np.ascontiguousarray(image.clip(0, 255).astype(np.uint8))
        path.write_bytes(simplejpeg.encode_jpeg(pixels, quality=92, colorsubsampling="420"))


DOWNSCALE = {"type": "downscale", "factor": 4}

_raw: tuple[Any, str, int] | None = None


def raw_start(target: int, encoding: str, patches: int) -> None:
    global _raw
    transform = DOWNSCALE if patches else {"type": "resize", "size": target}
    _raw = (component("transform", transform).create(), encoding, patches)


def raw_work(path: str) -> int:
    from gantk.data.encode import encode_image

    assert _raw is not None
    transform, encoding, patches = _raw
    with open(path, "rb") as file:
        image = simplejpeg.decode_jpeg(file.read())
    random = np.random.default_rng(0)
    if not patches:
        return len(encode_image(transform(image, random), encoding, jpeg_quality=95, png_level=1))
    total = 0
    for row in range(0, image.shape[0] - patches + 1, patches):
        for column in range(0, image.shape[1] - patches + 1, patches):
            patch = image[row : row + patches, column : column + patches]
            for field in (transform(patch, random), patch):
                total += len(encode_image(field, encoding, jpeg_quality=95, png_level=1))
    return total


def processor_seconds() -> float:
    """Return the CPU time of this process and of those that it has waited for, and they for theirs."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def raw(paths: list[str], target: int, encoding: str, patches: int, workers: int) -> tuple[float, float]:
    """Return the seconds, and those of the CPUs, that a process pool needs for the codec calls alone, with its start."""
    started, processor = time.perf_counter(), processor_seconds()
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, raw_start, (target, encoding, patches)) as pool:
        total = sum(pool.imap_unordered(raw_work, paths, chunksize=min(16, max(1, len(paths) // (8 * workers)))))
        pool.close()
        pool.join()
    assert total > 0
    return time.perf_counter() - started, processor_seconds() - processor


def component(kind: str, plain: Any) -> Any:
    from pydantic import TypeAdapter

    from gantk.config.components import SourceChoice, TransformChoice

    return TypeAdapter({"source": SourceChoice, "transform": TransformChoice}[kind]).validate_python(plain)


def prepare_once(folder: str, out: str, target: int, encoding: str, patches: int, workers: int) -> dict[str, float]:
    """Run in a process of its own, so that its peak memory is the driver's."""
    from gantk.data import prepare

    settings: dict[str, Any] = {"encoding": encoding, "workers": workers}
    if patches:
        source = component("source", {"type": "folder", "root": folder, "pairing": "single"})
        settings["derive"] = {"A": [component("transform", DOWNSCALE)], "B": []}
        settings["patches"] = {"size": patches, "splits": ["train", "test"]}
        settings["unit_images"] = 32
    else:
        source = component("source", {"type": "folder", "root": folder})
        settings["transforms"] = [component("transform", {"type": "resize", "size": target})]
    started, processor = time.perf_counter(), processor_seconds()
    result = prepare(source, directory=out, **settings)
    return {
        "seconds": time.perf_counter() - started,
        "processor_seconds": processor_seconds() - processor,
        "units": result.units,
        "skipped_units": result.skipped_units,
        "rejected": result.rejected,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 2**20),
    }


def list_items_once(count: int) -> dict[str, float]:
    """List and plan made-up items, as many as asked for: what the driver does before the first unit is run."""
    from gantk.data.fingerprint import content_fingerprint
    from gantk.data.job import Job
    from gantk.data.listing import list_items
    from gantk.data.options import PreparationOptions
    from gantk.data.plan import plan_units
    from gantk.protocols import Item

    def items() -> Iterator[Item]:
        for number in range(count):
            key = f"trainA/some_folder_{number % 1000:04d}/picture_{number:08d}.jpg"
            yield Item(key=key, domain="A", size=90_000, stamp="90000-1700000000000000000", locator=f"/data/raw/{key}")

    with tempfile.TemporaryDirectory() as folder:
        options = PreparationOptions.model_validate({"source": {"type": "folder", "root": "/data/raw"}})
        job = Job(Path(folder), options, 0, {})
        for path in (job.shards, job.reports, job.plans):
            path.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        groups = list_items(items(), options.splits, job.work)
        units, _ = plan_units(job, groups, content_fingerprint(options, 0))
        seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "units": len(units),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 2**20),
    }


class BeamMemory(threading.Thread):
    """Watches the peak memory of the process that drives Beam for a folder; Linux only, elsewhere 0."""

    def __init__(self, folder: str) -> None:
        super().__init__(daemon=True)
        self.folder = folder.encode()
        self.peak_mb = 0.0
        self.done = threading.Event()

    def run(self) -> None:
        while sys.platform == "linux" and not self.done.wait(1):
            for status in Path("/proc").glob("[0-9]*/status"):
                try:
                    command = status.with_name("cmdline").read_bytes()
                    if b"gantk.data.beam_driver" in command and self.folder in command:
                        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
                        self.peak_mb = max(self.peak_mb, int(peak.split()[1]) / 1024)
                except (OSError, StopIteration):
                    continue


def in_process_of_its_own(function: str, *arguments: Any) -> dict[str, float]:
    command = [sys.executable, __file__, "--call", function, json.dumps(arguments)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.splitlines()[-1])


def main() -> None:
    if sys.argv[1:2] == ["--call"]:
        print(json.dumps(globals()[sys.argv[2]](*json.loads(sys.argv[3]))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=12_000, help="pictures")
    parser.add_argument("--size", type=int, default=512, help="pixels a side of the input")
    parser.add_argument("--target", type=int, default=256, help="pixels a side of what is stored")
    parser.add_argument("--patches", type=int, default=0, help="cut into patches of this size instead, as pairs")
    parser.add_argument("--encoding", choices=["png", "jpeg", "raw"], default="png")
    parser.add_argument(
        "--workers", type=int, default=len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    )
    parser.add_argument("--rounds", type=int, default=1, help="times that both sides are run")
    parser.add_argument("--list", type=int, default=1_000_000, help="made-up items to list for the driver's memory")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gantk-bench-") as temporary:
        figures = measure(Path(temporary), options)
    print_table(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def measure(temporary: Path, options: argparse.Namespace) -> dict[str, Any]:
    pictures = temporary / "pictures"
    make_pictures(pictures, options.count, options.size)
    paths = sorted(str(path) for path in pictures.rglob("*.jpg"))
    raw_seconds, gantk_seconds, beam_mb, driver_mb = [], [], [], []
    raw_processor, gantk_processor = 0.0, 0.0
    for number in range(options.rounds):
        seconds, processor = raw(paths, options.target, options.encoding, options.patches, options.workers)
        raw_seconds.append(seconds)
        raw_processor += processor
        out = str(temporary / f"out{number}")
        memory = BeamMemory(out)
        memory.start()
        arguments = (str(pictures), out, options.target, options.encoding, options.patches, options.workers)
        first = in_process_of_its_own("prepare_once", *arguments)
        memory.done.set()
        gantk_seconds.append(first["seconds"])
        gantk_processor += first["processor_seconds"]
        driver_mb.append(first["memory_mb"])
        beam_mb.append(memory.peak_mb)
    again = in_process_of_its_own("prepare_once", *arguments)
    assert again["skipped_units"] == again["units"], again
    listing = in_process_of_its_own("list_items_once", options.list)
    raw_rate, gantk_rate = (options.count / statistics.median(times) for times in (raw_seconds, gantk_seconds))
    return {
        "pictures": options.count,
        "work": f"{options.size}² JPEG → "
        + (f"pairs of {options.patches}² and a quarter " if options.patches else f"{options.target}² ")
        + options.encoding,
        "workers": options.workers,
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
        "raw_seconds": raw_seconds,
        "gantk_seconds": gantk_seconds,
        "raw_images_per_second": raw_rate,
        "gantk_images_per_second": gantk_rate,
        "ratio": gantk_rate / raw_rate,
        "raw_processor_seconds": raw_processor,
        "gantk_processor_seconds": gantk_processor,
        "processor_ratio": raw_processor / gantk_processor,
        "units": first["units"],
        "driver_memory_mb": max(driver_mb),
        "beam_memory_mb": max(beam_mb),
        "rerun_seconds": again["seconds"],
        "rerun_files_per_second": options.count / again["seconds"],
        "listed_items": options.list,
        "listing_seconds": listing["seconds"],
        "listing_items_per_second": options.list / listing["seconds"],
        "listing_memory_mb": listing["memory_mb"],
    }


def print_table(figures: dict[str, Any]) -> None:
    rows = [
        ("work", f"{figures['pictures']} × {figures['work']}, {figures['workers']} processes; {figures['machine']}"),
        ("raw codec calls in a pool", f"{figures['raw_images_per_second']:.0f} images/s"),
        ("gantk preparation", f"{figures['gantk_images_per_second']:.0f} images/s, {figures['units']} units"),
        ("gantk / raw", f"{figures['ratio']:.1%}  (goal ≥ 85 %)"),
        ("in CPU time", f"{figures['processor_ratio']:.1%}  (what other load on the machine does not change)"),
        ("memory of the caller", f"{figures['driver_memory_mb']:.0f} MB  (goal < 500 MB)"),
        ("memory of Beam's driver", f"{figures['beam_memory_mb']:.0f} MB  (goal < 500 MB)"),
        (
            "unchanged rerun",
            f"{figures['rerun_seconds']:.2f} s, {figures['rerun_files_per_second']:.0f} files/s  (goal ≥ 20,000)",
        ),
        (
            f"planning {figures['listed_items']} items",
            f"{figures['listing_seconds']:.1f} s, {figures['listing_items_per_second']:.0f} items/s, "
            f"{figures['listing_memory_mb']:.0f} MB",
        ),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:{width}}  {value}")


if __name__ == "__main__":
    main()
