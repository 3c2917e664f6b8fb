"""Options of the metrics. Imports no framework."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from gantk import Component, FeatureNetworkChoice, Options
from gantk_metrics.feature_options import Features


class DomainClassifierOptions(Options):
    """Options of `domain_classifier`."""

    train_split: str = "train"
    "Real samples the classifier learns from."
    test_split: str = "test"
    "Real samples that are translated, and on which the classifier itself is checked."
    steps: int = Field(400, ge=1)
    "Training steps of the classifier."
    batch_size: int = Field(48, ge=3)
    "Samples of a step, a third each of both domains and of ruined pictures."
    filters: int = Field(16, ge=1)
    "Width of its first layer; doubled twice."
    limit: int | None = Field(None, ge=1)
    "Translate at most this many samples of each domain."


class MaskedPSNROptions(Options):
    """Options of `masked_psnr`."""

    split: str = "test"
    "Aligned samples with the fields `A`, `B` and `mask`."
    limit: int | None = Field(None, ge=1)
    "Use at most this many samples."


class CycleErrorOptions(Options):
    """Options of `cycle_error`."""

    split: str = "test"
    "Real samples to translate there and back."
    limit: int | None = Field(None, ge=1)
    "Use at most this many samples of each domain."


class PairOptions(Options):
    """Options of a metric of pairs, such as `psnr`, `ssim` and `l1`."""

    split: str = "test"
    "Aligned samples with the fields `A` and `B`; translations of one are compared with the other."
    limit: int | None = Field(None, ge=1)
    "Use at most this many samples."


class ChosenPixelsOptions(PairOptions):
    """Options of `psnr` and `ssim`. As papers on super-resolution compare, by a factor of 4: `{type: psnr, channels: y,
    border: 4}`; its value is called `psnr_y_border4_a_to_b`.
    """

    channels: Literal["rgb", "y"] = "rgb"
    """`rgb`: all channels the pictures have. `y`: the luma of ITU-R BT.601, 16 + (65.481 R + 128.553 G + 24.966 B) / 255,
    not rounded."""
    border: int = Field(0, ge=0)
    "Pixels cut off on each side first."


class MultiScaleSSIMOptions(PairOptions):
    """Options of `ms_ssim`."""

    scales: int = Field(5, ge=1, le=5)
    """Scales, each half as large as the one before. The paper has 5, which needs 161 pixels; 4 need 81, 3 need 41, 2 need
    21. With fewer, their weights are divided by their sum, and the values compare only among themselves."""


def _of_vgg16(features: Component | None) -> Component | None:
    if features is not None and features.name != "vgg16":
        raise ValueError(f"lpips has heads for `vgg16` alone. Received: {features.name}")
    return features


class LPIPSOptions(PairOptions):
    """Options of `lpips`."""

    features: FeatureNetworkChoice
    "VGG16 with the heads of LPIPS: `{type: vgg16, path: vgg16_lpips.npz}`."
    batch_size: int = Field(8, ge=1)
    "Pairs in one call of the network."

    _takes_features = field_validator("features")(_of_vgg16)


class SetOptions(Options):
    """What metrics of sets of pictures by their features have in common."""

    features: Features = Field("inception_v3")
    "The network: `inception_v3`, or `{type: efficientnet_lite0, path: …}`, `{type: vgg16, path: …}`."
    split: str = "test"
    "Real samples to translate, and real samples of the other domain to compare with."
    limit: int | None = Field(None, ge=1)
    "Use at most this many samples of each domain."
    batch_size: int = Field(16, ge=1)
    "Pictures in one call of the network."


class FIDOptions(SetOptions):
    """Options of `fid`."""


class KIDOptions(SetOptions):
    """Options of `kid`."""

    subset_size: int = Field(1000, ge=2)
    "Pictures in a subset, of each set. Where a set has no more than this, one estimate is made of all pictures."
    subsets: int = Field(100, ge=2)
    "How many subsets are drawn; the value is their mean."


class OutputDiversityOptions(Options):
    """Options of `output_diversity`."""

    perceptual: FeatureNetworkChoice | None = None
    "Weights for the distance LPIPS: `{type: vgg16, path: vgg16_lpips.npz}`; without, distances are of pixels."
    split: str = "test"
    "Real samples to translate."
    limit: int | None = Field(None, ge=2)
    "Use at most this many samples of each domain."
    pairs: int = Field(200, ge=1)
    "How many pairs of pictures are compared in each set."
    size: int = Field(64, ge=16)
    "Height and width at which they are compared."
    batch_size: int = Field(16, ge=1)
    "Pairs in one call of the network."

    _takes_features = field_validator("perceptual")(_of_vgg16)
