"""Options of the source `gaussians`. Imports no framework."""

from __future__ import annotations

from pydantic import Field, model_validator

from gantk import Layout, SourceOptions


class GaussiansOptions(SourceOptions):
    """Options of `gaussians`. Prepare its points with `channels: 1`. The metric `gaussian_modes` takes the same `side`,
    `spacing` and `deviation`.
    """

    train: int = Field(10_000, ge=1)
    "Points to learn from."
    test: int = Field(2_500, ge=1)
    "Points to compare with."
    side: int = Field(5, ge=1)
    "Centres along each axis."
    spacing: float = Field(0.4, gt=0)
    "Distance of neighbouring centres, where images are in [-1, 1]."
    deviation: float = Field(0.01, gt=0)
    "Standard deviation along each axis, in the same unit; a level of an image is 0.0078."
    seed: int = 0
    "Decides the points."

    @model_validator(mode="after")
    def _fits_in(self) -> GaussiansOptions:
        reach = (self.side - 1) / 2 * self.spacing + 4 * self.deviation
        if reach > 1:
            raise ValueError(
                f"the grid and four deviations around it must lie in [-1, 1]. Received: points as far out as {reach:.3g}"
            )
        return self

    @property
    def layout(self) -> Layout:
        """Single pictures."""
        return "single"
