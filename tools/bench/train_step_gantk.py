"""The CycleGAN update of gantk, timed on command: one side of `train_step.py`, which starts it."""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import sys
import time
from typing import Any

from gantk.engine.backend import accelerator, choose_backend


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("size", "batch", "blocks", "filters", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--precision", required=True)
    parser.add_argument("--backend", required=True)
    given = parser.parse_args()
    choose_backend(given.backend, threads=given.threads)

    import keras
    import numpy as np

    from gantk.config.components import Component
    from gantk.engine.batches import StepBatches
    from gantk.engine.building import build_model
    from gantk.engine.model_context import ModelContext
    from gantk.engine.options import TrainingOptions
    from gantk.registry import default_registry
    from gantk_cyclegan.options import CycleGANOptions

    class Clock(keras.callbacks.Callback):
        """Seconds of each step, from one finished update to the next."""

        def __init__(self) -> None:
            super().__init__()
            self.seconds: list[float] = []

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if batch == 0:
                self.started = time.perf_counter()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            # Reading a loss waits for the update.
            float(logs["generators"]) + float(logs["discriminators"])
            finished = time.perf_counter()
            self.seconds.append(finished - self.started)
            self.started = finished

    options = CycleGANOptions.model_validate(
        {"generator": {"type": "resnet", "blocks": given.blocks, "filters": given.filters}}
    )
    shape = (given.size, given.size, 3)
    context = ModelContext(
        shapes={"A": shape, "B": shape},
        training=TrainingOptions(batch_size=given.batch, precision=given.precision),
    )
    model = build_model(Component("cyclegan", default_registry().find("model", "cyclegan"), options), context)
    random = np.random.default_rng(0)
    batch = {name: random.uniform(-1, 1, (given.batch, *shape)).astype("float32") for name in "AB"}

    def measure(steps: int) -> list[float]:
        clock = Clock()
        batches = StepBatches(itertools.repeat(batch))
        model.fit(batches, steps_per_epoch=steps, epochs=1, verbose=0, callbacks=[clock])
        return clock.seconds

    first = measure(1)[0]
    name = f"gantk {keras.backend.backend()} {importlib.import_module(keras.backend.backend()).__version__}"
    print(json.dumps({"name": name, "device": accelerator(), "first": first}), flush=True)
    for line in sys.stdin:
        print(json.dumps(measure(int(line))), flush=True)


if __name__ == "__main__":
    main()
