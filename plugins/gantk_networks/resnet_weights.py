"""State dicts of the original CycleGAN code's residual generator (Zhu 2017, junyanz/pytorch-CycleGAN-and-pix2pix).

One sequence, `model.N`: reflection, 7×7 convolution, normalization, ReLU; by downsampling a convolution, normalization
and ReLU; the blocks, each a sequence `conv_block.M` of its own; by upsampling a transposed convolution, normalization
and ReLU; reflection, 7×7 convolution, tanh. Dropout inside the blocks has no weights, but is seen by the number of the
convolution behind it. Kernels are turned by 180 degrees (see `gantk_networks.resnet`).
"""

from __future__ import annotations

import re
from typing import Any

from gantk import ForeignNetwork, Options, UsageError, WeightPlan
from gantk_networks.foreign_layers import PlanBuilder, Shapes, infer_normalization, shape_of_kernel, turned_kernel
from gantk_networks.options import ResNetOptions

_NETWORK = "the original's residual generator"
_KERNEL = re.compile(r"model\.(\d{1,6})\.weight\Z")
_BLOCK = re.compile(r"model\.(\d{1,6})\.conv_block\.(\d{1,2})\.weight\Z")
_FIRST = "model.1"
_BLOCK_WITH_DROPOUT = {1, 6}
_BLOCK_WITHOUT_DROPOUT = {1, 5}


class ResNetWeights:
    """The weight map `cyclegan/resnet`.

    Blocks, filters, downsamplings, channels, dropout and normalization follow from names and shapes. The rate of dropout
    does not; it plays no part in translating.
    """

    def __init__(self, options: Options) -> None:
        pass

    def recognise(self, shapes: Shapes) -> ForeignNetwork:
        """See `gantk.WeightMap`."""
        filters, input_channels, *_ = shape_of_kernel(shapes, _FIRST, _NETWORK)
        kernels = sorted(int(match[1]) for name in shapes if len(shapes[name]) == 4 and (match := _KERNEL.match(name)))
        blocks = sorted({int(match[1]) for name in shapes if (match := _BLOCK.match(name))})
        count = blocks[-1] - blocks[0] + 1 if blocks else 0
        # Where single weights are missing, that is told by their names; here only what is another network.
        downsamplings, rest = divmod(blocks[0] - 4, 3) if blocks else divmod(len(kernels) - 2, 2)
        wanted = _kernel_places(downsamplings, count) if downsamplings >= 0 else []
        if rest or not set(kernels) <= set(wanted) or f"model.{wanted[-1]}.weight" not in shapes:
            raise UsageError(
                f"{_NETWORK} has convolutions at model.1, 4, …, one for each downsampling, then the blocks, then as many "
                f"convolutions, two places apart, and a last one. Received: convolutions at {_listed(kernels)}, "
                f"blocks at {_listed(blocks)}",
                hint="Upsampling by resizing, or blurred downsampling, is another network.",
            )
        last, *_ = shape_of_kernel(shapes, f"model.{wanted[-1]}", _NETWORK)
        options: dict[str, Any] = {
            "blocks": count,
            "filters": filters,
            "downsamplings": downsamplings,
            "upsampling": "transposed",
        }
        assumed: dict[str, Any] = {}
        if blocks and self._drops(shapes, blocks):
            assumed["dropout"] = 0.5
        elif blocks:
            options["dropout"] = 0.0
        norms = [f"model.{place + 1}" for place in wanted[:-1]]
        found, uncertain = infer_normalization(shapes, norms, _FIRST)
        return ForeignNetwork({**options, **found}, input_channels, last, {**assumed, **uncertain})

    def plan(self, shapes: Shapes, options: Options) -> WeightPlan:
        """See `gantk.WeightMap`."""
        assert isinstance(options, ResNetOptions)
        _, input_channels, *_ = shape_of_kernel(shapes, _FIRST, _NETWORK)
        biased = options.normalization == "none"
        builder = PlanBuilder(
            shapes, normalization=options.normalization, affine=options.affine, transform=turned_kernel
        )

        def layer(source: str, norm: str, target: str, shape: tuple[int, int, int, int], channels: int) -> None:
            builder.convolution(source, target, shape, channels, biased=biased, normalized=True)
            builder.normalization(norm, target, channels)

        kernels = _kernel_places(options.downsamplings, options.blocks)
        width = options.filters
        layer(_FIRST, "model.2", "first", (width, input_channels, 7, 7), width)
        for level in range(1, options.downsamplings + 1):
            place = kernels[level]
            layer(f"model.{place}", f"model.{place + 1}", f"down_{level}", (2 * width, width, 3, 3), 2 * width)
            width *= 2
        places = _block_places(options.downsamplings, options.blocks)
        second = max(_BLOCK_WITH_DROPOUT if self._drops(shapes, places) else _BLOCK_WITHOUT_DROPOUT)
        for block, place in enumerate(places, start=1):
            for name, inner in (("first", 1), ("second", second)):
                source = f"model.{place}.conv_block"
                layer(
                    f"{source}.{inner}",
                    f"{source}.{inner + 1}",
                    f"block_{block}_{name}",
                    (width, width, 3, 3),
                    width,
                )
        for level in range(1, options.downsamplings + 1):
            place = kernels[options.downsamplings + level]
            # A transposed convolution's kernel has its input channels first.
            layer(f"model.{place}", f"model.{place + 1}", f"up_{level}", (width, width // 2, 3, 3), width // 2)
            width //= 2
        last = f"model.{kernels[-1]}"
        channels, *_ = shape_of_kernel(shapes, last, _NETWORK)
        builder.convolution(last, "last", (channels, width, 7, 7), channels, biased=True, normalized=False)
        return builder.plan()

    def _drops(self, shapes: Shapes, blocks: list[int]) -> bool:
        """Say whether blocks hold dropout, by the place of their second convolution.

        Raises:
            UsageError: Convolutions are in other places, as with `padding_type` zero.
        """
        found = {
            int(match[2])
            for name, shape in shapes.items()
            if len(shape) == 4 and (match := _BLOCK.match(name)) and int(match[1]) in blocks
        }
        # One of the two may be missing: that is told with all that is missing.
        if found <= _BLOCK_WITHOUT_DROPOUT:
            return False
        if found <= _BLOCK_WITH_DROPOUT:
            return True
        raise UsageError(
            f"{_NETWORK} has, with reflection, convolutions at conv_block.1 and 5, or 6 with dropout. "
            f"Received: {_listed(sorted(found))}",
            hint="Blocks that pad by zeros (padding_type zero) are another network.",
        )


def _kernel_places(downsamplings: int, blocks: int) -> list[int]:
    behind = 4 + 3 * downsamplings + blocks
    return [
        *(1 + 3 * level for level in range(downsamplings + 1)),
        *(behind + 3 * level for level in range(downsamplings)),
        behind + 3 * downsamplings + 1,
    ]


def _block_places(downsamplings: int, blocks: int) -> list[int]:
    return [4 + 3 * downsamplings + block for block in range(blocks)]


def _listed(places: list[int]) -> str:
    return ", ".join(map(str, places[:30])) or "none"
