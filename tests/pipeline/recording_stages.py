"""A plugin for the tests: stages that write what they were given."""

import hashlib
import json
import os
import signal
import time

import gantk


class RecordOptions(gantk.Options):
    text: str = "one"
    rounds: int = 1
    fail: str = ""


@gantk.hookimpl
def gantk_stages():
    where = "recording_stages:RecordStage"
    return [
        gantk.StageSpec(name="make", factory=where, summary="s", options=RecordOptions, produces=("dataset",)),
        gantk.StageSpec(
            name="learn",
            factory=where,
            summary="s",
            options=RecordOptions,
            consumes=("dataset",),
            produces=("model",),
            resumable=True,
            may_change=frozenset({"rounds"}),
        ),
        gantk.StageSpec(
            name="look", factory=where, summary="s", options=RecordOptions, consumes=("model",), checks_itself=True
        ),
    ]


class RecordStage:
    """Appends a line to `calls` in its folder; fails as told."""

    def __init__(self, options: RecordOptions) -> None:
        self.options = options

    def run(self, context: gantk.StageContext) -> dict[str, gantk.Artifact]:
        calls = context.directory / "calls"
        with open(calls, "a") as lines:
            lines.write(json.dumps({"resume": context.resume, "text": self.options.text}) + "\n")
        if self.options.fail == "interrupt":
            raise KeyboardInterrupt
        if self.options.fail == "full":
            raise OSError(28, "No space left on device")
        if self.options.fail == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.options.fail == "terminate":
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        if self.options.fail == "error":
            raise ValueError("the stage's own fault")
        if self.options.fail == "nothing":
            return {}
        product = {"make": "dataset", "learn": "model"}.get(context.name)
        if product is None:
            return {}
        (context.directory / product).write_text(self.options.text)
        return {
            product: gantk.Artifact(context.directory / product, hashlib.sha256(self.options.text.encode()).hexdigest())
        }
