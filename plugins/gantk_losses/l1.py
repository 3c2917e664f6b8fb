"""Mean absolute error."""

from __future__ import annotations

from typing import Any

from keras import ops

from gantk import Options


class MeanAbsoluteError:
    """Mean over all elements of |target - prediction|, in float32."""

    def __init__(self, options: Options) -> None:
        pass

    def __call__(self, target: Any, prediction: Any) -> Any:
        """Return the loss of two tensors of one shape and any float dtype, a float32 scalar."""
        return ops.mean(ops.abs(ops.cast(target, "float32") - ops.cast(prediction, "float32")))
