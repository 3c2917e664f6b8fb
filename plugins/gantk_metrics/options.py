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
    """Real samples to translate, and real samples of the other domain to compare with. For images of latent vectors: the
    real pictures to compare with."""
    limit: int | None = Field(None, ge=1)
    "Use at most this many samples of each domain."
    samples: int | None = Field(None, ge=2)
    "Of a model of latent vectors: how many images it makes; by default as many as there are real pictures to compare with."
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


class PrecisionRecallOptions(SetOptions):
    """Options of `precision_recall`."""

    neighbours: int = Field(3, ge=1)
    "Which nearest neighbour in its own set decides how far a picture reaches: the paper's k."


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


class SampleOptions(Options):
    """What metrics of images of latent vectors have in common."""

    split: str = "test"
    "The real pictures that samples are compared with."
    limit: int | None = Field(None, ge=1)
    "Compare with at most this many of them."
    samples: int | None = Field(None, ge=2)
    "How many images are made; by default as many as there are real pictures to compare with."


class SlicedWassersteinOptions(SampleOptions):
    """Options of `swd`. Its sets are of one size: of the larger one as many pictures are taken as the smaller has."""

    smallest: int = Field(16, ge=7)
    "The smallest level of the pyramid has sides of at least this many pixels."
    patches: int = Field(128, ge=1)
    "Patches of each picture and level."
    projections: int = Field(512, ge=1)
    "Random directions."


class SampleSimilarityOptions(SampleOptions):
    """Options of `sample_similarity`."""

    scales: int | None = Field(None, ge=1, le=5)
    """Scales, as of `ms_ssim`; by default as many as the pictures hold, up to the paper's 5, which need 161 pixels. Values
    of other scales do not compare."""


class EntropyOptions(SampleOptions):
    """What `inception_score` and `classifier_score` have in common."""

    splits: int = Field(10, ge=1)
    "Parts of the samples; the value is the mean of their scores."
    batch_size: int = Field(16, ge=1)
    "Pictures in one call of the network."


class InceptionScoreOptions(EntropyOptions):
    """Options of `inception_score`."""

    path: str | None = Field(None, min_length=1)
    "InceptionV3's weights with its top, as Keras saves them (`.h5`, `.weights.h5`); by default Keras downloads them once."


def _that_classifies(features: Component) -> Component:
    options = features.options
    if "logits" not in getattr(options, "layers", ()) or getattr(options, "layer", None) not in (None, "logits"):
        raise ValueError(
            f"expected a feature network with a layer `logits`, and no other layer. Received: {features.name}"
        )
    return Component(features.name, features.spec, options.model_copy(update={"layer": "logits"}))


class ClassifierScoreOptions(EntropyOptions):
    """Options of `classifier_score`."""

    features: Features
    "A network that classifies pictures, by its layer `logits`: `{type: efficientnet_lite0, path: FILE}`."

    _classifies = field_validator("features")(_that_classifies)


class ModesOptions(SampleOptions):
    """Options of `modes`."""

    train_split: str = "train"
    "Labelled real pictures that the classifier learns from."
    steps: int = Field(600, ge=1)
    "Training steps of the classifier."
    batch_size: int = Field(64, ge=2)
    "Pictures of a step."
    filters: int = Field(16, ge=1)
    "Width of its first layer; doubled twice."
    sure: float = Field(0.9, gt=0, lt=1)
    "A picture is taken for a class where the classifier gives it at least this probability; else it is unsure."
    least_share: float = Field(0.1, gt=0, le=1)
    """A class is found where its share of the samples is at least this part of its share of the real pictures: of ten equal
    classes, by default, where one sample in a hundred is taken for it."""


class GaussianModesOptions(SampleOptions):
    """Options of `gaussian_modes`: the same numbers as the source `gaussians` has."""

    side: int = Field(5, ge=2)
    "Centres along each axis."
    spacing: float = Field(0.4, gt=0)
    "Distance of neighbouring centres, where images are in [-1, 1]."
    deviation: float = Field(0.01, gt=0)
    "Standard deviation of the distributions, in the same unit."
    within: float = Field(3.0, gt=0)
    "A sample is good where it lies within so many deviations of the nearest centre."
