"""Options of the dense networks. Imports no framework."""

from __future__ import annotations

from pydantic import Field

from gantk import DiscriminatorOptions, Options


class MLPGeneratorOptions(Options):
    """A generator of dense layers, for points and very small images."""

    width: int = Field(512, ge=1)
    "Units of a hidden layer."
    depth: int = Field(3, ge=1)
    "Hidden layers."


class MLPDiscriminatorOptions(DiscriminatorOptions):
    """A discriminator of dense layers, for points and very small images."""

    width: int = Field(512, ge=1)
    "Units of a hidden layer."
    depth: int = Field(3, ge=1)
    "Hidden layers."
    spectral: bool = False
    "Divide the matrices by their largest singular value (spectral normalization, Miyato 2018)."

    @property
    def bounds_slope(self) -> bool:
        return self.spectral
