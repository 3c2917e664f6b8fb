"""Options of the metrics. Imports no framework."""

from __future__ import annotations

from pydantic import Field

from gantk import Options
from gantk_metrics.feature_options import Features, InceptionV3Features, VGG16Weights


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


class MultiScaleSSIMOptions(PairOptions):
    """Options of `ms_ssim`."""

    scales: int = Field(5, ge=1, le=5)
    """Scales, each half as large as the one before. The paper has 5, which needs 161 pixels; 4 need 81, 3 need 41, 2 need
    21. With fewer, their weights are divided by their sum, and the values compare only among themselves."""


class LPIPSOptions(PairOptions):
    """Options of `lpips`."""

    features: VGG16Weights
    "VGG16 with the heads of LPIPS: `{type: vgg16, path: vgg16_lpips.npz}`."
    batch_size: int = Field(8, ge=1)
    "Pairs in one call of the network."


class SetOptions(Options):
    """What metrics of sets of pictures by their features have in common."""

    features: Features = InceptionV3Features()
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

    perceptual: VGG16Weights | None = None
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
