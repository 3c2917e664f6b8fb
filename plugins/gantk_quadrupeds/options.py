"""Options of the source `quadrupeds`. Imports no framework."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gantk import Layout, SourceOptions


class QuadrupedsOptions(SourceOptions):
    """Rendered horse (A) and zebra (B) scenes."""

    pairing: Literal["unpaired", "single"] = "unpaired"
    "`unpaired`: the domains A and B. `single`: the same scenes as one domain, with the classes `horse` and `zebra`."
    size: int = Field(64, ge=32, le=1024)
    "Height and width in pixels. The same scene number shows the same scene at every size."
    train: int = Field(800, ge=1)
    "Training scenes of each domain; no scene is in both."
    test: int = Field(48, ge=0)
    "Test scenes of each domain, and for unpaired data as many aligned truth scenes (domain `AB`: fields `A`, `B` and `mask`)."
    seed: int = Field(0, ge=0, lt=2**63)
    "Another seed gives other scenes."
    variation: float = Field(1.0, ge=0, le=1)
    "How far pose, view, coat, light and landscape stray from the average scene; 0 is the easiest data."

    @property
    def layout(self) -> Layout:
        """Two independent domains, or one with classes."""
        return self.pairing
