"""The ProGAN update of gantk, timed on command: one side of `progan.py`, which starts it."""

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
    for name in ("resolution", "batch", "filter-base", "widest", "channels", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--backend", required=True)
    given = parser.parse_args()
    choose_backend(given.backend, threads=given.threads)

    import keras
    import numpy as np

    from gantk import Component, ModelContext
    from gantk.engine.batches import StepBatches
    from gantk.engine.building import build_model
    from gantk.engine.options import TrainingOptions
    from gantk.engine.phases import phase_starts
    from gantk.registry import default_registry

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
            float(logs["generator"]) + float(logs["discriminator"])
            finished = time.perf_counter()
            self.seconds.append(finished - self.started)
            self.started = finished

    side = given.resolution
    network = {"type": "progan", "filter_base": given.filter_base, "widest": given.widest}
    spec = default_registry().find("model", "progan")
    options = spec.options.model_validate(
        {"generator": network, "discriminator": network, "batch_sizes": {side: given.batch}}
    )
    context = ModelContext(shapes={"image": (side, side, given.channels)}, training=TrainingOptions())
    model = build_model(Component("progan", spec, options), context)
    # The last resolution, faded in: the step is that of the fade, too.
    last = len(model.phases) - 1
    model.training_step.assign(phase_starts(model.phases)[last])
    model.enter_phase(last, begin=False)
    shape = (given.batch, side, side, given.channels)
    batch = {"image": np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")}

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
