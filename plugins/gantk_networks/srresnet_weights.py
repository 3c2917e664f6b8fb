"""Keras weights of SRGAN's generator, SRResNet (krasserm/super-resolution, and whoever builds the paper's figure 4 alike).

The original divides 8-bit colours by 255 in front of the first layer and ends with tanh, from black at -1 to white at 1.
`srresnet` does the same with colours from -1 to 1, so weights go over as they are, and zero padding stays black. All
convolutions have a bias, also those in front of a batch normalization, and enlarge by TensorFlow's `depth_to_space`.

Layers have Keras' default names, numbered in the order they were made: `conv2d`, `conv2d_1`, …, not that of the file.
Which kind a layer is follows from the shapes of its weights:

    convolutions           first, two a block, one after the blocks, one an enlargement, last
    batch normalizations   two a block, one after the blocks
    PReLU                  first, one a block, one an enlargement
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gantk import ForeignNetwork, MappedWeight, Options, UsageError, WeightPlan
from gantk_networks.super_resolution_options import SRResNetOptions

Shapes = dict[str, tuple[int, ...]]

_NETWORK = "the SRResNet of Keras"
_EPSILON = 1e-3
"""Keras' own, which the original left as it is."""

_CONVOLUTION = ("kernel", "bias")
_NORMALIZATION = ("gamma", "beta", "moving_mean", "moving_variance")
_PRELU = ("alpha",)
_KEPT_BY_KERAS_3 = "layers/"
_NUMBERED = re.compile(r"vars/([0-9]{1,2})\Z")


class SRResNetWeights:
    """The weight map `srgan/srresnet`.

    Blocks, filters, enlargement, channels and biases follow from names and shapes. The epsilon of the normalization does
    not; nor do the ranges of colours, which are the original's.
    """

    def __init__(self, options: Options) -> None:
        pass

    def recognise(self, shapes: Shapes) -> ForeignNetwork:
        """See `gantk.WeightMap`."""
        layers = _Layers(shapes)
        blocks, rest = divmod(len(layers.normalizations) - 1, 2)
        enlargements = len(layers.rectifiers) - blocks - 1
        if rest or blocks < 0 or enlargements < 1 or len(layers.convolutions) != 2 * blocks + enlargements + 3:
            raise UsageError(
                f"{_NETWORK} has, with B blocks and E enlargements, 2B + E + 3 convolutions, 2B + 1 batch normalizations "
                f"and B + E + 1 PReLU. Received: {len(layers.convolutions)}, {len(layers.normalizations)} and "
                f"{len(layers.rectifiers)}",
                hint="Is this the generator? Discriminators are not imported.",
            )
        first, last = layers.kernel(0), layers.kernel(-1)
        filters = first[3]
        normalized = layers.convolutions[1 : 2 * blocks + 2]
        options = {
            "normalization": "batch",
            "blocks": blocks,
            "filters": filters,
            "factor": _factor([layers.kernel(2 * blocks + 2 + step)[3] for step in range(enlargements)], filters),
            "biased": any(f"{layer}/bias" in layers.names for layer in normalized),
        }
        return ForeignNetwork(options, first[2], last[3], {"epsilon": _EPSILON})

    def plan(self, shapes: Shapes, options: Options) -> WeightPlan:
        """See `gantk.WeightMap`."""
        assert isinstance(options, SRResNetOptions)
        layers = _Layers(shapes)
        weights: list[MappedWeight] = []

        def take(layer: str, target: str, names: Sequence[str], *of: tuple[int, ...]) -> None:
            for name, shape in zip(names, of, strict=True):
                source = layers.names.get(f"{layer}/{name}", f"{layer}/{name}")
                weights.append(MappedWeight(source, shape, f"{target}/{name}"))

        def convolution(target: str, size: int, channels: int, filters: int, *, biased: bool = True) -> None:
            names, kernel = _CONVOLUTION[: 1 + biased], (size, size, channels, filters)
            take(next(convolutions), target, names, *[kernel, (filters,)][: 1 + biased])

        def normalized(target: str) -> None:
            convolution(target, 3, width, width, biased=options.biased)
            take(next(normalizations), f"{target}_norm", _NORMALIZATION, *[(width,)] * 4)

        def rectifier(target: str) -> None:
            take(next(rectifiers), f"{target}_relu", _PRELU, (1, 1, width))

        convolutions, normalizations = iter(layers.convolutions), iter(layers.normalizations)
        rectifiers, width = iter(layers.rectifiers), options.filters
        convolution("first", 9, layers.kernel(0)[2], width)
        rectifier("first")
        for block in range(1, options.blocks + 1):
            normalized(f"block_{block}_first")
            rectifier(f"block_{block}")
            normalized(f"block_{block}_second")
        normalized("after_blocks")
        for step, factor in enumerate(options.enlargements, start=1):
            convolution(f"up_{step}", 3, width, width * factor**2)
            rectifier(f"up_{step}")
        convolution("last", 9, width, layers.kernel(-1)[3])
        return WeightPlan(tuple(weights))


class _Layers:
    """The layers that have weights, of each kind in the order of their numbers.

    Attributes:
        names: The foreign name of each weight by `layer/role`, such as `conv2d_1/kernel`.
        convolutions, normalizations, rectifiers: Names of layers.

    Raises:
        UsageError: A layer is of none of the three kinds.
    """

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self.names: dict[str, str] = {}
        members: dict[str, dict[str, str]] = {}
        for name in shapes:
            layer, _, role = name.removeprefix(_KEPT_BY_KERAS_3).partition("/")
            members.setdefault(layer, {})[role] = name
        kinds: dict[tuple[str, ...], list[str]] = {_CONVOLUTION: [], _NORMALIZATION: [], _PRELU: []}
        for layer, roles in members.items():
            kind = self._kind(layer, roles)
            kinds[kind].append(layer)
            for role, name in roles.items():
                # Keras 3 writes the variables of a layer by their number.
                place = int(number[1]) if (number := _NUMBERED.match(role)) else None
                role = kind[place] if place is not None and place < len(kind) else role.rpartition("/")[2]
                self.names[f"{layer}/{role}"] = name
        self.convolutions, self.normalizations, self.rectifiers = (
            sorted(layers, key=_number) for layers in kinds.values()
        )

    def kernel(self, place: int) -> tuple[int, int, int, int]:
        """Return the shape of a convolution's kernel: rows, columns, inputs, outputs."""
        rows, columns, inputs, outputs = self._shapes[self.names[f"{self.convolutions[place]}/kernel"]]
        return rows, columns, inputs, outputs

    def _kind(self, layer: str, roles: dict[str, str]) -> tuple[str, ...]:
        dimensions = sorted(len(self._shapes[name]) for name in roles.values())
        if dimensions in ([4], [1, 4]):
            return _CONVOLUTION
        if dimensions == [3]:
            return _PRELU
        # One that is missing is told by its name, with all that are.
        if set(dimensions) == {1} and 3 <= len(dimensions) <= 4:
            return _NORMALIZATION
        shapes = ", ".join(f"{role} {self._shapes[name]}" for role, name in list(roles.items())[:5])
        raise UsageError(
            f"{_NETWORK} has convolutions, batch normalizations and PReLU shared over space. "
            f"Received: a layer {layer!r} with {shapes}"
        )


def _number(layer: str) -> tuple[int, str]:
    stem, _, number = layer.rpartition("_")
    return (int(number), stem) if stem and number.isdecimal() else (0, layer)


def _factor(outputs: Sequence[int], filters: int) -> Any:
    if len(outputs) == 1 and outputs[0] == 9 * filters:
        return 3
    if len(outputs) <= 3:
        # Where channels do not fit, that is told by the shapes.
        return 2 ** len(outputs)
    raise UsageError(f"{_NETWORK} enlarges 2, 3, 4 or 8 times. Received: {len(outputs)} enlargements")
