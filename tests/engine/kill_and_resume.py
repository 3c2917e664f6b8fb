"""Really kills training processes and resumes them; run as a script, prints what it found as JSON.

    KERAS_BACKEND=tensorflow python kill_and_resume.py FOLDER < plan.json

The plan maps a case to `{"model": …, "kills": [[point, number], …]}`: the process of each kill dies by SIGKILL at its
point, the next one resumes, and a last one ends the run. Processes are forked from one that has imported the framework
and computed nothing with it, which saves its import for each.

Points: `batch k`: when the batch of step k is asked for. `half k`, `unrenamed k`, `renamed k`: while the checkpoint of
step k is written, with half of its bytes in the file, just before and just after it gets its name. `line k`: while the
line of step k is appended to the metrics, with half of it in the file.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import keras  # noqa: F401
import numpy as np

import gantk.engine.training  # noqa: F401

FOLDER = Path(__file__).parent
STEPS_PER_EPOCH = 5
EPOCHS = 3


def die():
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def batches_of(shapes, kill):
    def batches(step):
        while True:
            if kill == ["batch", step]:
                die()
            random = np.random.default_rng([11, step])
            yield {name: random.uniform(-1, 1, (4, *shape)).astype("f4") for name, shape in shapes.items()}
            step += 1

    return batches


def arm(kill):
    """Replace the system calls by ones that die at the point."""
    point, number = kill
    import gantk.atomic_files
    from gantk.engine.metrics_log import MetricsLog

    if point in ("half", "unrenamed", "renamed"):
        name = f"step-{number:08d}.safetensors"
        real_replace, real_fsync = os.replace, os.fsync

        def replace(source, target):
            if Path(target).name == name and point == "unrenamed":
                die()
            real_replace(source, target)
            if Path(target).name == name and point == "renamed":
                die()

        def fsync(descriptor):
            if point == "half" and name in os.readlink(f"/proc/self/fd/{descriptor}"):
                os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
                die()
            real_fsync(descriptor)

        gantk.atomic_files.os.replace, gantk.atomic_files.os.fsync = replace, fsync
    if point == "line":
        real_write = MetricsLog.write

        def write(self, step, epoch, losses):
            if step == number:
                self._stream.write('{"step": ')
                self._stream.flush()
                die()
            real_write(self, step, epoch, losses)

        MetricsLog.write = write


def train_once(model_name, directory, kill, resume):
    from gantk.engine.backend import choose_backend

    choose_backend("auto", deterministic=True)
    sys.path.insert(0, str(FOLDER))
    import tiny_models

    from gantk.engine.options import CheckpointOptions, ScheduleOptions, TrainingOptions
    from gantk.engine.training import train

    if kill:
        arm(kill)
    training = TrainingOptions(
        epochs=EPOCHS,
        batch_size=4,
        ema=0.9,
        accumulate=2,
        schedule=ScheduleOptions(type="linear", constant=1, decay=2),
        log_every=3,
        checkpoint=CheckpointOptions(every_steps=4, keep=2),
    )
    model = tiny_models.build(model_name, training, steps_per_epoch=STEPS_PER_EPOCH)
    train(
        model,
        batches=batches_of(tiny_models.SHAPES[model_name], kill),
        training=training,
        steps_per_epoch=STEPS_PER_EPOCH,
        directory=directory,
        resume=resume,
    )


def run_process(model_name, directory, kill, resume):
    """Train in a forked process and return how it ended: `done`, `killed` or `failed`."""
    process = os.fork()
    if process == 0:
        try:
            train_once(model_name, directory, kill, resume)
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return "killed"
    return "done" if status == 0 else "failed"


def main():
    folder = Path(sys.argv[1])
    found = {}
    for case, plan in json.load(sys.stdin).items():
        directory = folder / case
        kills = plan["kills"]
        endings = [
            run_process(plan["model"], directory, kill, resume=index > 0) for index, kill in enumerate([*kills, None])
        ]
        found[case] = endings
    print(json.dumps(found))


if __name__ == "__main__":
    main()
