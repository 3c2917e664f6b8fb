"""gantk's job over an archive, and its network alone on the same tiles, timed on command: one side of `upscale.py`."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from gantk.engine.backend import choose_backend


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True)
    parser.add_argument("--precision", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--tile", type=int)
    parser.add_argument("--batch-size", type=int)
    given = parser.parse_args()
    choose_backend("auto", threads=given.threads)

    import keras
    import numpy as np

    from gantk.artifacts import load_bundle, save_bundle
    from gantk.config.components import Component
    from gantk.inference import upscale
    from gantk.inference.upscaling import Upscaling
    from gantk.inference.upscaling_options import UpscalingOptions
    from gantk.registry import default_registry

    keras.utils.set_random_seed(0)
    spec = default_registry().find("generator", given.network)
    component = Component(given.network, spec, spec.options.model_validate({"factor": 4}))
    network = component.create(input_shape=(None, None, 3), output_channels=3)
    random = np.random.default_rng(0)
    for layer in network.layers:
        # First values would hide a mistake in how the other side reads the weights.
        if "moving_variance" in {variable.name for variable in layer.variables}:
            for variable in layer.variables:
                variable.assign(np.asarray(variable) + random.uniform(-0.2, 0.2, variable.shape))
        elif isinstance(layer, keras.layers.PReLU):
            layer.alpha.assign(random.uniform(0, 0.5, layer.alpha.shape))
        if layer.name.endswith("_second_norm") or (given.network == "srresnet" and layer.name == "last"):
            # Untrained, every block would double the variance, and tanh make black and white of what is left.
            weights = layer.gamma if layer.name != "last" else layer.kernel
            weights.assign(0.1 * np.asarray(weights))
    path = given.folder / "model.gantk"
    save_bundle(path, networks={"AtoB": network}, components={"AtoB": component}, model=given.network)
    arrays = {f"{layer.name}/{v.name}": np.asarray(v) for layer in network.layers for v in layer.variables}
    np.savez(given.folder / "weights.npz", **arrays)
    bundle = load_bundle(path)
    options = UpscalingOptions(tile=given.tile, batch_size=given.batch_size, precision=given.precision)
    building = 0.0
    build = Upscaling._build

    def timed_build(self: Upscaling) -> Any:
        nonlocal building
        started = time.perf_counter()
        batches = build(self)
        # The first call traces.
        batches._network(np.zeros((1, 32, 32, 3), np.float32))
        building = time.perf_counter() - started
        return batches

    Upscaling._build = timed_build  # type: ignore[method-assign]

    def job(what: dict[str, Any]) -> dict[str, Any]:
        started, processor = time.perf_counter(), time.process_time()
        summary = upscale(
            bundle,
            [what["input"]],
            what["output"],
            tile=given.tile,
            batch_size=given.batch_size,
            precision=given.precision,
            threads=given.threads,
        )
        assert summary.failed == 0, summary.reasons
        return {
            "seconds": time.perf_counter() - started,
            "processor_seconds": time.process_time() - processor,
            "building": building,
        }

    alone = None

    def network_alone(what: dict[str, Any]) -> dict[str, Any]:
        nonlocal alone
        if alone is None:
            alone = Upscaling(bundle, options, given.folder).batches
        batches = _batches(alone.rule, alone.batch_size, what["sizes"])
        values = np.random.default_rng(0).uniform(-1, 1, (max(batches, key=_pixels)[0], 32, 32, 3)).astype(np.float32)
        ready = {shape: np.resize(values, (*shape, 3)) for shape in set(batches)}
        for tiles in ready.values():
            if alone.rule.constant:
                alone._network(tiles)
        started, processor = time.perf_counter(), time.process_time()
        for shape in batches:
            alone._network(ready[shape])
        return {
            "seconds": time.perf_counter() - started,
            "processor_seconds": time.process_time() - processor,
            "pixels": sum(_pixels(shape) for shape in batches),
            "side": alone.rule.side,
            "batch": alone.batch_size,
        }

    print(json.dumps({"name": f"{keras.backend.backend()} {given.precision}"}), flush=True)
    for line in sys.stdin:
        what = json.loads(line)
        if what["do"] == "job":
            shutil.rmtree(what["output"], ignore_errors=True)
            answer = job(what)
        else:
            answer = network_alone(what)
        print(json.dumps(answer), flush=True)


def _pixels(shape: tuple[int, int, int]) -> int:
    return shape[0] * shape[1] * shape[2]


def _batches(rule: Any, batch_size: int, sizes: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Return the batches of a job over pictures of these sizes, as it makes them: tiles, height, width."""
    waiting: dict[tuple[int, int], int] = defaultdict(int)
    batches = []
    for height, width in sizes:
        for band in rule.bands(height, width):
            for tile in band:
                waiting[tile.shape] += 1
                if waiting[tile.shape] == batch_size:
                    batches.append((batch_size, *tile.shape))
                    del waiting[tile.shape]
    return batches + [(batch_size if rule.constant else count, *shape) for shape, count in waiting.items()]


if __name__ == "__main__":
    main()
