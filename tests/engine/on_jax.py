"""Checks that need a process with the JAX backend and four devices; run as a script, prints what it found as JSON.

python on_jax.py CHECKPOINTS_OF_TENSORFLOW CHECKPOINTS_OF_JAX
"""

import json
import sys
from pathlib import Path

# As where TensorFlow is not installed: its import fails.
sys.modules["tensorflow"] = None

from gantk.engine.backend import choose_backend, resolve_backend  # noqa: E402

automatic = resolve_backend()
choose_backend("jax", host_devices=4)

import jax  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tiny_models  # noqa: E402

from gantk import RunFailed  # noqa: E402
from gantk.engine.batches import StepBatches  # noqa: E402
from gantk.engine.checkpoints import CheckpointStore  # noqa: E402
from gantk.engine.options import TrainingOptions  # noqa: E402


def losses_on(devices):
    """Losses of each of five steps of the WGAN, whose critic and BatchNorm look at the whole batch."""
    training = TrainingOptions(batch_size=8, devices=devices, ema=0.9)
    model = tiny_models.build("tiny_wgan", training)
    found = []
    for step in range(5):
        images = np.random.default_rng(step).uniform(-1, 1, (8, 2, 2, 3)).astype("f4")
        history = model.fit(StepBatches(iter([{"image": images}])), steps_per_epoch=1, verbose=0).history
        found.append([history["critic_loss"][0], history["generator_loss"][0]])
    spread = {len(value.value.sharding.device_set) for value in model.networks["critic"].weights}
    return found, spread


def refusal(**changes):
    try:
        tiny_models.build("tiny_wgan", TrainingOptions(**changes))
    except RunFailed as error:
        return error.message
    return None


def main():
    theirs, ours = CheckpointStore(Path(sys.argv[1])), CheckpointStore(Path(sys.argv[2]))
    training = TrainingOptions(ema=0.9, precision="float16", accumulate=2)
    model = tiny_models.build("tiny_translation", training, seed=5)
    found = theirs.restore(model)
    ours.save(model, step=found.step, epoch=found.epoch)

    four, spread = losses_on(4)
    refused = [refusal(devices=5, batch_size=5), refusal(devices=3, batch_size=8)]
    one, _ = losses_on(1)
    print(
        json.dumps(
            {
                "backend": keras.backend.backend(),
                "devices": jax.device_count(),
                "step": found.step,
                "four": four,
                "one": one,
                "spread": sorted(spread),
                "refused": refused,
                "automatic": automatic,
            }
        )
    )


main()
