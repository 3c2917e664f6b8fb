"""What a bundle says about itself. Imports no framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT = "gantk-model-bundle"
FORMAT_VERSION = 1
DIRECTION_PATTERN = r"[A-Za-z][A-Za-z0-9_-]{0,63}"


class _Record(BaseModel):
    # What a later gantk adds without raising the format version may be left unread by this one.
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class ComponentRecord(_Record):
    """How to build a network again: its place in the registry and its options."""

    kind: str
    "The extension point; always `generator` in this version."
    name: str
    "The name that a pipeline uses."
    options: dict[str, Any] = Field(default_factory=dict)
    "Every option with its value, defaults included."


class LatentsRecord(_Record):
    """The input of a network that makes images of latent vectors."""

    size: int = Field(ge=1, le=65536)
    "Length of a vector."
    distribution: Literal["normal", "uniform", "hypersphere"]
    "Where vectors come from."
    height: int = Field(ge=1, le=65536)
    "Height of an image in pixels."
    width: int = Field(ge=1, le=65536)
    "Width of an image in pixels."
    classes: tuple[str, ...] = ()
    "Names of the labels that the network takes, in the order of their numbers."


class NetworkRecord(_Record):
    """One network of a bundle."""

    file: str
    "Name of the bundle's member that holds the weights, in the safetensors format."
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    "Of that member."
    component: ComponentRecord
    "How to build the network."
    input_channels: int = Field(ge=0, le=4096)
    "Channels of an input image; 0 of a network that makes images of latent vectors."
    output_channels: int = Field(ge=1, le=4096)
    "Channels of an output image."
    size_multiple: int = Field(1, ge=1, le=65536)
    "Height and width of an input must be multiples of this."
    smallest_size: int = Field(1, ge=1, le=65536)
    "Height and width of an input must be at least this."
    scale: int = Field(1, ge=1, le=64)
    "Height and width of a result over those of its input."
    halo: int | None = Field(None, ge=0, le=65536)
    "Input pixels around a pixel that its result depends on, at most; null where it may depend on all."
    latents: LatentsRecord | None = None
    "What the network makes images of, where these are latent vectors."
    parameters: int = Field(0, ge=0)
    "How many numbers the weights hold."


class BundleMetadata(_Record):
    """The content of `bundle.json`."""

    format: str
    "Always `gantk-model-bundle`."
    format_version: int = Field(ge=1)
    "Raised when an older gantk could not read the bundle."
    model: str
    "Name of the adversarial model that was trained, such as `cyclegan`."
    networks: dict[str, NetworkRecord] = Field(min_length=1)
    "By direction: `AtoB`, `BtoA`."
    colour_range: tuple[float, float] = (-1.0, 1.0)
    "Smallest and largest colour value at input and output."
    domain_names: dict[str, str] = Field(default_factory=dict)
    "What the domains show: `{A: horse, B: zebra}`."
    training: dict[str, Any] = Field(default_factory=dict)
    "A summary of the training: steps, epochs, data, device."
    metrics: dict[str, Any] = Field(default_factory=dict)
    "What was measured, with protocols."
    precision: str = "float32"
    "The precision it was trained in; the weights are stored in full."
    licence: str = ""
    "Under what terms the weights may be used, where that is known."
    gantk: str = ""
    "The version of gantk that wrote the bundle."
    plugins: dict[str, str] = Field(default_factory=dict)
    "The plugins that build the networks, with their versions."

    def to_plain(self) -> Mapping[str, Any]:
        """Return plain JSON values."""
        return self.model_dump(mode="json")
