"""Which network's features pictures are compared by. Imports no framework."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from gantk import Options


class FeatureOptions(Options):
    """What all feature networks have in common."""

    size: int = Field(224, ge=32)
    "Height and width that every picture is resized to before the network."
    resizer: Literal["bicubic", "bilinear", "lanczos"] = "bicubic"
    "Pillow's filter, antialiased and without rounding to 8 bits (Parmar 2022). Part of the protocol: results differ by it."


class InceptionV3Features(FeatureOptions):
    """InceptionV3 as Keras Applications has it. It is not the Inception of the original FID code, whose values differ."""

    type: Literal["inception_v3"] = "inception_v3"
    size: int = Field(299, ge=75)
    path: str | None = None
    "Weights without the top (`.weights.h5`, `.h5`); by default Keras downloads them once (88 MB) and keeps them."


class EfficientNetLite0Features(FeatureOptions):
    """EfficientNet-lite0: 1,280 averaged features before the classifier, small and quick on a CPU."""

    type: Literal["efficientnet_lite0"] = "efficientnet_lite0"
    path: str
    "A .npz file with PyTorch's names and layout: `_conv_stem.weight` (OIHW), `_bn0.running_mean`, `_blocks.0. …`."


class VGG16Weights(Options):
    """Where VGG16's weights are, for the distance LPIPS, which takes features of five layers at the pictures' own size."""

    type: Literal["vgg16"] = "vgg16"
    path: str
    "A .npz file with `conv0/kernel` (HWIO) and `conv0/bias` to `conv12/…`, and LPIPS's heads, `lin0/kernel` to `lin4/kernel`."


class VGG16Features(FeatureOptions):
    """VGG16, without its dense layers."""

    type: Literal["vgg16"] = "vgg16"
    path: str
    "A .npz file with `conv0/kernel` (HWIO) and `conv0/bias` to `conv12/…`."
    layer: Literal["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"] = "relu5_3"
    "The layer whose average over the picture is the feature vector."


def _named(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


Features = Annotated[
    InceptionV3Features | EfficientNetLite0Features | VGG16Features,
    Field(discriminator="type"),
    BeforeValidator(
        _named,
        json_schema_input_type=Literal["inception_v3"]
        | InceptionV3Features
        | EfficientNetLite0Features
        | VGG16Features,
    ),
]
"""`inception_v3`, or a mapping with `type` and options."""
