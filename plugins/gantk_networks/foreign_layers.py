"""Layers of the original PyTorch code as they lie in its state dicts, and where they go in the networks here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from numpy.typing import NDArray

from gantk import MappedWeight, UsageError, WeightPlan

Shapes = Mapping[str, tuple[int, ...]]

COUNTER = "a counter of batches"
STATISTICS = "statistics of instance normalization, which old versions kept and none uses"
BIASES = "biases in front of an instance normalization, which takes any away"

_STATISTICS = ("running_mean", "running_var")


def kernel(weight: NDArray[Any]) -> NDArray[Any]:
    """Turn a PyTorch kernel of either kind of convolution into one of Keras: height × width × the other two, swapped."""
    return weight.transpose(2, 3, 1, 0)


def turned_kernel(weight: NDArray[Any]) -> NDArray[Any]:
    """As `kernel`, and turned by 180 degrees."""
    return kernel(weight)[::-1, ::-1]


def infer_normalization(
    shapes: Shapes, layers: Iterable[str], convolution: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Find out which normalization a network has.

    Args:
        shapes: All weights.
        layers: The original's names of its normalization layers; without any, nothing follows.
        convolution: Name of a convolution in front of one; the original gives it a bias with instance normalization.

    Returns:
        Options that are certain, and options that the weights do not tell.
    """
    layers = list(layers)
    affine = any(f"{layer}.weight" in shapes for layer in layers)
    tracked = any(f"{layer}.running_mean" in shapes for layer in layers)
    biased = f"{convolution}.bias" in shapes
    if affine and tracked and biased:
        # Batch normalization, or an affine instance normalization that kept statistics: the original's code gives a
        # convolution in front of a batch normalization no bias.
        return {}, {"normalization": "instance", "affine": True}
    if affine and tracked:
        return {"normalization": "batch"}, {}
    if affine or tracked:
        return {"normalization": "instance", "affine": affine}, {}
    # Neither has weights; the original's convolutions have a bias with instance normalization and not without any.
    return {"affine": False}, {"normalization": "instance" if biased else "none"}


class PlanBuilder:
    """Collects where the weights of a network's layers go.

    Args:
        shapes: All foreign weights.
        normalization: `instance`, `batch` or `none`.
        affine: Whether instance normalization has a scale and an offset.
        transform: Of the kernels: `kernel` or `turned_kernel`.
    """

    def __init__(
        self,
        shapes: Shapes,
        *,
        normalization: Literal["instance", "batch", "none"],
        affine: bool,
        transform: Callable[[NDArray[Any]], NDArray[Any]],
    ) -> None:
        self._shapes = shapes
        self._normalization = normalization
        self._affine = affine
        self._transform = transform
        self._weights: list[MappedWeight] = []
        self._unused: dict[str, str] = {}
        self._constants: dict[str, float] = {}

    def convolution(
        self,
        source: str,
        target: str,
        shape: tuple[int, int, int, int],
        channels: int,
        *,
        biased: bool,
        normalized: bool,
    ) -> None:
        """Add a convolution of either kind.

        Args:
            source: The original's name.
            target: The layer's name here.
            shape: Of the original's kernel.
            channels: Its output channels.
            biased: Whether the layer here has a bias. Where the original's has none, it is zero.
            normalized: Whether a normalization may follow. Else the original's has a bias if the one here has.
        """
        self._weights.append(MappedWeight(f"{source}.weight", shape, f"{target}/kernel", self._transform))
        bias = f"{source}.bias"
        if not biased:
            # A batch normalization's averages hold the bias: there one is told as unknown.
            if normalized and self._normalization == "instance":
                self._unused[bias] = BIASES
        elif normalized and bias not in self._shapes:
            self._constants[f"{target}/bias"] = 0.0
        else:
            self._weights.append(MappedWeight(bias, (channels,), f"{target}/bias"))

    def normalization(self, source: str, target: str, channels: int) -> None:
        """Add a normalization layer; the one here is named as its convolution, with `_norm` behind it."""
        names: dict[str, str] = {}
        if self._normalization == "batch":
            names = {
                "weight": "gamma",
                "bias": "beta",
                "running_mean": "moving_mean",
                "running_var": "moving_variance",
            }
        elif self._normalization == "instance":
            names = {"weight": "scale", "bias": "offset"} if self._affine else {}
            self._unused |= {f"{source}.{name}": STATISTICS for name in _STATISTICS}
        if self._normalization != "none":
            self._unused[f"{source}.num_batches_tracked"] = COUNTER
        for theirs, ours in names.items():
            self._weights.append(MappedWeight(f"{source}.{theirs}", (channels,), f"{target}_norm/{ours}"))

    def plan(self) -> WeightPlan:
        """Return what was collected."""
        return WeightPlan(tuple(self._weights), dict(self._unused), dict(self._constants))


def shape_of_kernel(shapes: Shapes, name: str, network: str) -> tuple[int, int, int, int]:
    """Return the shape of a kernel that every network of a kind has.

    Raises:
        UsageError: There is none of this name.
    """
    shape = shapes.get(f"{name}.weight", ())
    if len(shape) != 4:
        some = ", ".join(list(shapes)[:5])
        raise UsageError(
            f"{network} has a convolution {name}.weight of four dimensions. "
            f"Received: {'one of the shape ' + str(shape) if shape else 'none, but ' + some + ', …'}",
            hint="Is this a generator, and the one that --as names? Discriminators are not imported.",
        )
    return shape[0], shape[1], shape[2], shape[3]
