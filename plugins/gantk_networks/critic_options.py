"""What the options of the convolutional discriminators have in common. Imports no framework."""

from __future__ import annotations

from typing import Literal

from gantk import DiscriminatorOptions


class CriticOptions(DiscriminatorOptions):
    """Which normalizations there are, and what follows from them for losses and penalties."""

    normalization: Literal["batch", "instance", "layer", "none"] = "none"
    spectral: bool = False

    @property
    def mixes_samples(self) -> bool:
        return self.normalization == "batch"

    @property
    def bounds_slope(self) -> bool:
        return self.spectral and self.normalization == "none"

    def cautions(self) -> list[str]:
        """Say where a normalization undoes the spectral one."""
        if not self.spectral or self.normalization == "none":
            return []
        return [
            f"spectral: true divides kernels by a number, which normalization: {self.normalization} behind them undoes; set "
            "normalization: none with it"
        ]
