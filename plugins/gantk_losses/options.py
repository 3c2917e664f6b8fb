"""Options of the built-in losses. Imports no framework."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gantk import FeatureNetworkChoice, Options


class LeastSquaresOptions(Options):
    """The three target values of Mao 2017, equation 9."""

    real_label: float = 1.0
    "What the discriminator should say of a real sample (b of the paper)."
    fake_label: float = 0.0
    "What the discriminator should say of a generated sample (a of the paper)."
    generator_label: float = 1.0
    "What the generator wants the discriminator to say of its samples (c of the paper)."


class VanillaOptions(Options):
    """Targets of the cross-entropy."""

    real_label: float = Field(1.0, gt=0, le=1)
    "Target probability of real samples in the discriminator's loss; below 1 it is one-sided label smoothing."


class CharbonnierOptions(Options):
    """Where the loss turns from squared to absolute."""

    epsilon: float = Field(1e-3, gt=0)
    "Of differences of colours in [-1, 1]; far smaller ones count by their square, far larger ones by their size."


class PerceptualOptions(Options):
    """Which features of which network two images are compared by.

    The defaults are those of ESRGAN (Wang 2018) and of BasicSR's code for both papers, which has weights from torchvision.
    SRGAN's paper (Ledig 2017) has `activation: after, distance: l2, feature_scale: 0.0784` (1 / 12.75) with the weights of
    VGG's authors, which are Keras'.
    """

    features: FeatureNetworkChoice = Field("vgg19")
    "The network: `vgg19`, which Keras downloads, or `{type: vgg19, weights: FILE}`, `{type: vgg16, path: FILE}`."
    layers: dict[str, Annotated[float, Field(gt=0)]] = Field({"conv5_4": 1.0}, min_length=1)
    "Layers of the network, each with its weight (`gantk plugins show vgg19`)."
    activation: Literal["before", "after"] = "before"
    """Whether a convolution named in `layers` is taken before or after its activation. Before it, features are denser and
    keep the brightness (Wang 2018, section 3.4). A layer named by its activation (`relu5_4`) is always after it."""
    distance: Literal["l1", "l2"] = "l1"
    "Mean absolute or mean squared difference of features."
    feature_scale: float = Field(1.0, gt=0)
    "What features are multiplied by before they are compared; SRGAN's paper: 1 / 12.75."

    @model_validator(mode="after")
    def _has_these_layers(self) -> PerceptualOptions:
        known = self.features.options.layers
        if unknown := [name for name in self.layers if name not in known]:
            raise ValueError(
                f"`layers` must name layers of {self.features.name}: {', '.join(known)}. Received: {', '.join(unknown)}"
            )
        if len(self.taps) < len(self.layers):
            raise ValueError(f"`layers` names one layer twice. Received: {', '.join(self.layers)}")
        return self

    @property
    def taps(self) -> dict[str, float]:
        """The layers whose outputs are compared, before or after the activation, each with its weight."""
        after = self.features.options.activations if self.activation == "after" else {}
        return {after.get(name, name): weight for name, weight in self.layers.items()}
