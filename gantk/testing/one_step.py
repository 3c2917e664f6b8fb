"""One training step of a registered model with given weights, so that backends can be compared.

    KERAS_BACKEND=jax python -m gantk.testing.one_step < request.json

The request names the model and where the results go; see `gantk.testing.agreement`, which writes it.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gantk.engine.backend import choose_backend

MODES = {
    "eager": {"run_eagerly": True},
    "graph": {"jit": False},
    "xla": {"jit": True},
}


def run(request: Mapping[str, Any]) -> None:
    """Build the model and write what one step in each mode gives.

    The gradients are those of the step itself: while more updates are accumulated than it makes, the optimizers hold
    exactly their sums.

    Args:
        request: `model` (a component as in a pipeline), `shapes` and `batch_size`, `training` (options), `plugins`
            (as for `-p`), `seed`, `classes` (names, may be missing), and `outputs`: mode → path of the npz file to write, with the arrays `losses/<name>`
            and `gradients/<optimizer>/<index>`.
    """
    choose_backend("auto")
    from pydantic import TypeAdapter

    from gantk.config.components import ModelChoice
    from gantk.engine.building import build_model
    from gantk.engine.model_context import ModelContext
    from gantk.engine.options import TrainingOptions
    from gantk.registry import configure

    configure(tuple(request["plugins"]))
    component = TypeAdapter(ModelChoice).validate_python(request["model"])
    shapes = {name: tuple(shape) for name, shape in request["shapes"].items()}
    training = TrainingOptions.model_validate(
        {**request["training"], "batch_size": request["batch_size"], "check_numerics_every": 0}
    )
    # One more than the updates of a step, so that the sums of the step's gradients are still there after it.
    training = training.model_copy(update={"accumulate": 1 + training.discriminator_steps})
    for mode, path in request["outputs"].items():
        classes = tuple(request.get("classes", ()))
        context = ModelContext(shapes, training, steps_per_epoch=1, seed=request["seed"], classes=classes)
        model = build_model(component, context)
        set_weights(model, request["seed"])
        model.compile(**MODES[mode])
        batch = {
            name: _random(request["seed"], f"batch/{name}")
            .uniform(-1, 1, (training.samples_per_step, *shape))
            .astype("f4")
            for name, shape in shapes.items()
        }
        if classes:
            labels = _random(request["seed"], "batch/label").integers(len(classes), size=training.samples_per_step)
            batch["label"] = labels.astype("i4")
        with fixed_random_numbers(request["seed"]):
            results: dict[str, Any] = step_results(model, batch)
            np.savez(path, **results)


def set_weights(model: Any, seed: int) -> None:
    """Give every network weights that depend on the seed and the weight's name alone.

    Kernels are normal with variance 1 / fan-in; vectors keep their initial values, which are 0, 1 or random near them,
    rounded, plus a little noise where they are trained.
    """
    import keras

    from gantk.engine.state import named_state

    for name, variable in named_state(model).items():
        group, _, rest = name.partition("/")
        if group not in ("networks", "averages") or "float" not in variable.dtype:
            continue
        noise = _random(seed, f"networks/{rest}").standard_normal(variable.shape)
        if len(variable.shape) > 1:
            variable.assign((noise / np.sqrt(np.prod(variable.shape[:-1]))).astype("f4"))
        elif not name.endswith(("moving_mean", "moving_variance")):
            # Rounded: the scale of a normalization may start at random around 1.
            variable.assign(np.round(keras.ops.convert_to_numpy(variable.value)) + 0.05 * noise.astype("f4"))


@contextmanager
def fixed_random_numbers(seed: int) -> Iterator[None]:
    """Make `keras.random.normal` and `uniform` return the same numbers on every backend, by shape alone.

    Layers that draw random numbers themselves (Dropout) are not reached and must be switched off.
    """
    import keras

    def fixed(name: str) -> Any:
        def draw(
            shape: Any, first: float = 0.0, second: float = 1.0, dtype: Any = None, seed: Any = None, **named: Any
        ) -> NDArray[Any]:
            first = named.get("mean", named.get("minval", first))
            second = named.get("stddev", named.get("maxval", second))
            random = _random(number, f"{name}/{tuple(shape)}")
            drawn = random.normal(first, second, shape) if name == "normal" else random.uniform(first, second, shape)
            return keras.ops.convert_to_tensor(drawn.astype("f4"), dtype=dtype or "float32")

        return draw

    number = seed
    before = keras.random.normal, keras.random.uniform
    keras.random.normal, keras.random.uniform = fixed("normal"), fixed("uniform")
    try:
        yield
    finally:
        keras.random.normal, keras.random.uniform = before


def step_results(model: Any, batch: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Run one step through `fit` and return its losses and gradients by name."""
    import keras

    from gantk.engine.batches import StepBatches

    history = model.fit(StepBatches(iter([batch])), steps_per_epoch=1, epochs=1, verbose=0).history
    results = {f"losses/{name}": np.asarray(values[-1]) for name, values in history.items()}
    for name, optimizer in model.optimizers.members.items():
        for index, gradient in enumerate(optimizer._accumulated_gradients):
            results[f"gradients/{name}/{index:04d}"] = keras.ops.convert_to_numpy(gradient.value)
    return results


def _random(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


if __name__ == "__main__":
    run(json.load(sys.stdin))
