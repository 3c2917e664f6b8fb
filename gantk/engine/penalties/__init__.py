"""Penalties on the slope of a discriminator.

`gantk.engine.penalties.options` says what can be asked for and imports no framework; `build_penalty` makes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gantk.engine.penalties.options import DraganOptions, GradientPenaltyOptions, PenaltyOptions, R1Options

if TYPE_CHECKING:
    from gantk.engine.penalties.slopes import Penalty


def build_penalty(options: PenaltyOptions, random: Any) -> Penalty:
    """Build a penalty.

    Args:
        options: What the pipeline says.
        random: A `keras.random.SeedGenerator` for what it draws.
    """
    if isinstance(options, GradientPenaltyOptions):
        from gantk.engine.penalties.gradient import GradientPenalty

        return GradientPenalty(options, random)
    if isinstance(options, DraganOptions):
        from gantk.engine.penalties.dragan import DraganPenalty

        return DraganPenalty(options, random)
    from gantk.engine.penalties.zero_centred import ZeroCentredPenalty

    return ZeroCentredPenalty(options, at="real" if isinstance(options, R1Options) else "fake")
