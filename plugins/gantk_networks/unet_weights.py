"""State dicts of the original pix2pix code's U-Net (Isola 2017, junyanz/pytorch-CycleGAN-and-pix2pix).

Levels inside one another, each a sequence `model`: outermost convolution 0, inner level 1, transposed convolution 3;
between, convolution 1, normalization 2, inner level 3, transposed convolution 5, normalization 6; innermost,
convolution 1, transposed convolution 3, normalization 4. So the weights of the second level are at `model.model.1.model`,
and each further one is a `.3.model` deeper.
"""

from __future__ import annotations

from typing import Any

from gantk import ForeignNetwork, Options, UsageError, WeightPlan
from gantk_networks.foreign_layers import PlanBuilder, Shapes, infer_normalization, kernel, shape_of_kernel
from gantk_networks.options import UNetOptions

_NETWORK = "the original's U-Net"
_OUTERMOST = "model.model"
_DEEPEST = 30
_WIDEST = 8


class UNetWeights:
    """The weight map `pix2pix/unet`.

    Downsamplings, filters, channels and normalization follow from names and shapes; dropout, which has no weights, does
    not.
    """

    def __init__(self, options: Options) -> None:
        pass

    def recognise(self, shapes: Shapes) -> ForeignNetwork:
        """See `gantk.WeightMap`."""
        filters, input_channels, *_ = shape_of_kernel(shapes, f"{_OUTERMOST}.0", _NETWORK)
        _, output_channels, *_ = shape_of_kernel(shapes, f"{_OUTERMOST}.3", _NETWORK)
        levels = [_level(depth) for depth in range(2, _DEEPEST)]
        downs = 1 + sum(any(name.startswith(f"{level}.") for name in shapes) for level in levels)
        if downs < 2:
            raise UsageError(
                f"{_NETWORK} has levels inside one another, {_level(2)} and deeper. Received: none",
                hint="Is this a generator, and the one that --as names?",
            )
        norms = [f"{_level(downs)}.4", *(f"{_level(level)}.{place}" for level in range(2, downs) for place in (2, 6))]
        found, uncertain = infer_normalization(shapes, norms, f"{_level(downs)}.3")
        options: dict[str, Any] = {"downs": downs, "filters": filters}
        if found.get("normalization") == "batch":
            # What the original's commands do with its defaults, in training and at test.
            uncertain |= {"dropout": 0.5, "dropout_at_test": True, "statistics_at_test": "image"}
        return ForeignNetwork({**options, **found}, input_channels, output_channels, uncertain)

    def plan(self, shapes: Shapes, options: Options) -> WeightPlan:
        """See `gantk.WeightMap`."""
        assert isinstance(options, UNetOptions)
        _, input_channels, *_ = shape_of_kernel(shapes, f"{_OUTERMOST}.0", _NETWORK)
        _, output_channels, *_ = shape_of_kernel(shapes, f"{_OUTERMOST}.3", _NETWORK)
        unnormalized = options.normalization == "none"
        builder = PlanBuilder(shapes, normalization=options.normalization, affine=options.affine, transform=kernel)
        widths = [options.filters * min(2**level, _WIDEST) for level in range(options.downs)]

        for level in range(1, options.downs + 1):
            outermost, innermost = level == 1, level == options.downs
            source, width = _level(level), widths[level - 1]
            before = input_channels if outermost else widths[level - 2]
            builder.convolution(
                f"{source}.{0 if outermost else 1}",
                f"down_{level}",
                (width, before, 4, 4),
                width,
                # The first and the innermost have no normalization behind them; they have a bias with instance
                # normalization, in the original without any normalization not.
                biased=options.normalization != "batch" if outermost or innermost else unnormalized,
                normalized=unnormalized or not (outermost or innermost),
            )
            if not outermost and not innermost:
                builder.normalization(f"{source}.2", f"down_{level}", width)
        for level in range(options.downs, 1, -1):
            innermost = level == options.downs
            source, width, after = _level(level), widths[level - 1], widths[level - 2]
            place = 3 if innermost else 5
            # Beside what comes from the level below lies what went down to it.
            shape = (width if innermost else 2 * width, after, 4, 4)
            builder.convolution(f"{source}.{place}", f"up_{level}", shape, after, biased=unnormalized, normalized=True)
            builder.normalization(f"{source}.{place + 1}", f"up_{level}", after)
        shape = (2 * widths[0], output_channels, 4, 4)
        builder.convolution(f"{_OUTERMOST}.3", "last", shape, output_channels, biased=True, normalized=False)
        return builder.plan()


def _level(depth: int) -> str:
    """Return the name of the sequence of a level, the outermost being 1."""
    return _OUTERMOST if depth == 1 else f"{_OUTERMOST}.1.model" + ".3.model" * (depth - 2)
