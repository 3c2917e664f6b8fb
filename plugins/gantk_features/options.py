"""Options of the feature networks, and what is known of their layers. Imports no framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from gantk import FeatureNetworkOptions


def _vgg_names(counts: tuple[int, ...]) -> tuple[dict[str, int], dict[str, str]]:
    """Return the layers of a VGG by the convolutions of its stages, and which activation follows which convolution."""
    activations = {
        f"conv{stage}_{number}": f"relu{stage}_{number}"
        for stage, count in enumerate(counts, 1)
        for number in range(1, count + 1)
    }
    # A pooling by two stands between stages.
    smallest = {name: 2 ** (int(name[4]) - 1) for pair in activations.items() for name in pair}
    return smallest, activations


_VGG16_LAYERS, _VGG16_ACTIVATIONS = _vgg_names((2, 2, 3, 3, 3))
_VGG19_LAYERS, _VGG19_ACTIVATIONS = _vgg_names((2, 2, 4, 4, 4))


class VGGOptions(FeatureNetworkOptions):
    """Where the weights of a VGG are, and what its input must look like."""

    weights: str = Field("imagenet", min_length=1)
    """`imagenet`, which Keras downloads once and keeps; or a file: weights without the dense layers as Keras saves them
    (`.weights.h5`, `.h5`), or a `.npz` with `conv0/kernel` (HWIO), `conv0/bias`, `conv1/kernel`, … of all
    convolutions."""
    path: str | None = Field(None, min_length=1)
    "Another name of `weights`, for a file."
    preprocessing: Literal["caffe", "torchvision"] | None = None
    """How the network was given its pictures when it was trained: `caffe`: levels 0 … 255 in the order BGR less their
    mean, as Keras' weights want it; `torchvision`: RGB less the mean, through the deviation. By default `caffe` with
    weights of Keras and `torchvision` with a `.npz`."""

    @model_validator(mode="after")
    def _one_file(self) -> VGGOptions:
        if self.path is not None and self.weights != "imagenet":
            raise ValueError(
                f"`path` and `weights` are two names of one thing. Received: {self.path} and {self.weights}"
            )
        return self

    @property
    def file(self) -> str | None:
        """The file of weights; None where Keras downloads it."""
        return self.path or (self.weights if self.weights != "imagenet" else None)


class VGG16Options(VGGOptions):
    """VGG16: two, two, three, three and three convolutions between poolings."""

    layers: ClassVar[Mapping[str, int]] = _VGG16_LAYERS
    activations: ClassVar[Mapping[str, str]] = _VGG16_ACTIVATIONS


class VGG19Options(VGGOptions):
    """VGG19: two, two, four, four and four convolutions between poolings."""

    layers: ClassVar[Mapping[str, int]] = _VGG19_LAYERS
    activations: ClassVar[Mapping[str, str]] = _VGG19_ACTIVATIONS


class InceptionV3Options(FeatureNetworkOptions):
    """InceptionV3 as Keras Applications has it. It is not the Inception of the original FID code, whose values differ."""

    # Smaller pictures are refused: Keras builds the network for sides of 75 pixels and more.
    layers: ClassVar[Mapping[str, int]] = {f"mixed{number}": 75 for number in range(11)}
    picture_size: ClassVar[int] = 299

    path: str | None = Field(None, min_length=1)
    "Weights without the top (`.weights.h5`, `.h5`); by default Keras downloads them once (88 MB) and keeps them."


class EfficientNetLite0Options(FeatureNetworkOptions):
    """EfficientNet-lite0: 1,280 averaged features before the classifier, small and quick on a CPU."""

    layers: ClassVar[Mapping[str, int]] = {
        "stem": 1,
        **{f"block{number}": 1 for number in range(16)},
        "head": 1,
        "logits": 1,
    }
    summary_layer: ClassVar[str] = "head"

    path: str = Field(min_length=1)
    "A .npz file with PyTorch's names and layout: `_conv_stem.weight` (OIHW), `_bn0.running_mean`, `_blocks.0. …`."
