"""The frozen records that plugins return from their hooks.

A record names a thing, says how to configure it (`options`, a pydantic model that imports no
framework) and where to find it (`factory`, a string, imported when the thing is used). Listing,
schema, validation and shell completion read records only and so never load TensorFlow or JAX.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from gantk.engine.phases import Phase

Layout = Literal["unpaired", "aligned", "single", "text"]

Made = Literal["translations", "samples"]
"""What a model makes, and a metric measures: `translations` of images, or `samples`, images of latent vectors."""
"""How the samples of a data set hang together.

`unpaired`: two independent domains, `A` and `B`. `aligned`: every sample holds both `A` and `B`.
`single`: one domain, `image`. `text`: one domain, `text`.
"""

_NAME_PART = r"[a-z][a-z0-9_]*(-[a-z0-9_]+)*"
_NAME = re.compile(rf"{_NAME_PART}\Z")
_TWO_PART_NAME = re.compile(rf"{_NAME_PART}/{_NAME_PART}\Z")
_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*\Z")


class Options(BaseModel):
    """Base class of every options model: frozen, unknown keys refused, defaults validated.

    A string literal under a field is its description in `gantk plugins show` and in the schema.

    Example:
        ```python
        class ResNetOptions(Options):
            blocks: int = Field(9, ge=0)
            "Residual blocks at the lowest resolution."
        ```
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        use_attribute_docstrings=True,
        arbitrary_types_allowed=True,
    )

    def cautions(self) -> Sequence[str]:
        """Return what is valid but hardly meant, a sentence each, without a full stop; shown as warnings."""
        return ()


class GeneratorOptions(Options):
    """Base class for the options of image generators."""

    @property
    def size_multiple(self) -> int:
        """Height and width of an input must be multiples of this many pixels."""
        return 1

    @property
    def smallest_size(self) -> int:
        """Height and width of an input must be at least this many pixels."""
        return self.size_multiple

    @property
    def scale(self) -> int:
        """Height and width of a result over those of its input; above 1 for super-resolution.

        An option that sets it needs another name, such as `factor`.
        """
        return 1

    @property
    def halo(self) -> int | None:
        """How far, in pixels of the input, a pixel of the result looks: at most this many rows and columns around the
        input pixel that it lies in. None where it may depend on all of them, as with instance normalization: such
        a network gives other results for the parts of a picture than for the whole.
        """
        return None


class DiscriminatorOptions(Options):
    """Base class for the options of discriminators: what losses and penalties ask of a network before it is built."""

    @property
    def mixes_samples(self) -> bool:
        """Whether a layer lets the images of a batch affect each other, as batch normalization does."""
        return False

    @property
    def bounds_slope(self) -> bool:
        """Whether the network is built so that its slope is bounded, as by spectral normalization of all its layers."""
        return False


class FeatureNetworkOptions(Options):
    """Base class for the options of feature networks: what is known of the network before it is built."""

    layers: ClassVar[Mapping[str, int]] = {}
    """Every layer whose output can be asked for, from the input on, each with the smallest height and width of a picture
    of which it gives anything. A convolution that is followed by an activation gives two: before it and after it."""
    activations: ClassVar[Mapping[str, str]] = {}
    "Of those pairs: the layer before the activation → the layer after it (`conv5_4` → `relu5_4`)."
    summary_layer: ClassVar[str] = ""
    "The layer whose average over a picture stands for the picture, where none is named; by default the last."
    picture_size: ClassVar[int] = 224
    "Height and width of the pictures it was trained on."


class GrowingModelOptions(Options):
    """Base class for the options of models that train in phases of growing images.

    They say how long a training is and how large its batches are; `epochs` and `batch_size` of the train stage do not.
    """

    def phases(self, resolution: int) -> tuple[Phase, ...]:
        """Return the phases of a training, one after the other; what the model gives to `AdversarialModel`.

        Args:
            resolution: Height of the images that it ends with.
        """
        raise NotImplementedError(f"{type(self).__name__} must define phases(resolution)")


class SourceOptions(Options):
    """Base class for the options of data sources."""

    @property
    def layout(self) -> Layout:
        """The layout of the samples that a source with these options yields."""
        return "single"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What every record says.

    Args:
        name: The name in a pipeline file: lower case, digits, `_` and `-`. A third party's record is
            addressed as `plugin/name`.
        factory: `package.module:attribute`, a callable, imported when the thing is first used.
        summary: One sentence for `gantk plugins list`.
        options: The options model; `Options` itself takes none.
        reference: The paper or specification, best as `Author Year, section, link`.

    Raises:
        ValueError: A name or factory that does not have the form above.
        TypeError: `options` that is not a subclass of `Options`.
    """

    kind: ClassVar[str]
    name_parts: ClassVar[int] = 1
    in_pipeline: ClassVar[bool] = True
    methods: ClassVar[tuple[str, ...]] = ()
    "What the factory's result must have, by its protocol."

    name: str
    factory: str
    summary: str
    options: type[Options] = Options
    reference: str = ""

    def __post_init__(self) -> None:
        pattern, form = (_NAME, "") if self.name_parts == 1 else (_TWO_PART_NAME, "two words with a '/' between, each ")
        if not isinstance(self.name, str) or not pattern.match(self.name):
            raise ValueError(
                f"{type(self).__name__}.name must be {form}lower case letters, digits, '_' and '-', "
                f"starting with a letter. Received: {self.name!r}"
            )
        if not isinstance(self.factory, str) or not _FACTORY.match(self.factory):
            raise ValueError(
                f"{type(self).__name__}.factory must be a string 'package.module:attribute'. Received: {self.factory!r}"
            )
        if not (isinstance(self.options, type) and issubclass(self.options, Options)):
            raise TypeError(
                f"{type(self).__name__}.options must be a subclass of gantk.Options. Received: {self.options!r}"
            )

    @property
    def required_methods(self) -> tuple[str, ...]:
        """What the factory's result must be able to do, by its protocol in `gantk.protocols`."""
        return self.methods


@dataclass(frozen=True, kw_only=True)
class GeneratorSpec(Spec):
    """A generator network.

    By `role`:

    - `translation`, of images: `factory(options, *, input_shape, output_channels) -> keras.Model`. `input_shape` is
      `(height | None, width | None, channels)`; images are float, channels last, in [-1, 1] on both sides. `options`
      derives from `GeneratorOptions` where sizes are restricted or the result is larger than the input.
    - `synthesis`, of images from latent vectors: `factory(options, *, latents, output_shape, classes) -> keras.Model`.
      `latents` is the length of a vector, `output_shape` is `(height, width, channels)`, known, `classes` the number of
      labels, 0 for none. The network takes float vectors, batch × latents, and with classes a list of these and the
      labels one-hot, float, batch × classes; its images are float in [-1, 1].

    Layers with algorithms of their own ask `gantk.exporting()`.

    Example:
        ```python
        GeneratorSpec(
            name="resnet",
            factory="gantk_networks.resnet:build",
            options=ResNetOptions,
            summary="Residual image-to-image generator.",
            reference="Johnson 2016; Zhu 2017, appendix 7.2",
        )
        ```
    """

    kind: ClassVar[str] = "generator"

    role: Literal["translation", "synthesis"] = "translation"


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSpec(Spec):
    """A discriminator network.

    `factory(options, *, input_shape) -> keras.Model` from an image batch to logits of any shape
    `(batch, ...)`; no sigmoid at the end, since the losses take logits. `options` derives from `DiscriminatorOptions` where
    it can say something about the network that losses and penalties ask.

    Args:
        takes_outputs: True where the factory also takes `outputs`, how many numbers (the last axis, 1 by default) it gives
            for each judgement: a discriminator with labels reads the real-or-generated logit from the first, and one
            number a class from the others.
    """

    kind: ClassVar[str] = "discriminator"

    takes_outputs: bool = False


@dataclass(frozen=True, kw_only=True)
class LossSpec(Spec):
    """A loss.

    `factory(options)` returns, by `role`, an `AdversarialLoss` (`adversarial`: of logits) or a
    `PairwiseLoss` (`pairwise`: of a target and a prediction).

    Args:
        smooths_labels: Of an adversarial loss: whether `label_smoothing` can be asked of it, so that a pipeline is refused
            before anything is built; None: its result is asked (`AdversarialLoss.smoothed`).
        needs_bounded_slope: Of an adversarial loss: True where it means something only while the discriminator's slope is
            bounded, as the Wasserstein loss does.
    """

    kind: ClassVar[str] = "loss"

    role: Literal["adversarial", "pairwise"] = "adversarial"
    smooths_labels: bool | None = None
    needs_bounded_slope: bool = False

    @property
    def required_methods(self) -> tuple[str, ...]:
        return ("discriminator_loss", "generator_loss") if self.role == "adversarial" else ("__call__",)


@dataclass(frozen=True, kw_only=True)
class TransformSpec(Spec):
    """A transform of one image, at preparation or at training time.

    `factory(options)` returns a `Transform`.

    Args:
        at_preparation: False for a transform whose result is no longer 8-bit (`normalise`): it may
            stand only among the training transforms.
    """

    kind: ClassVar[str] = "transform"
    methods: ClassVar[tuple[str, ...]] = ("__call__",)

    at_preparation: bool = True


@dataclass(frozen=True, kw_only=True)
class ModelSpec(Spec):
    """An adversarial set-up that ties networks and losses together.

    `factory(options, context) -> AdversarialModel`, where `context` is a `ModelContext`.

    Args:
        layout: The layout of the data it trains on.
        starts_from: Options that name a trained model to start from: it is trained again when the networks there have
            changed.
        makes: What a trained model makes, and its metrics must measure; by default `samples` where it trains on single
            pictures, else `translations`.
    """

    kind: ClassVar[str] = "model"

    layout: Layout
    starts_from: frozenset[str] = frozenset()
    makes: Made | None = None

    @property
    def made(self) -> Made:
        """What a trained model makes, whether the record says it or not."""
        return self.makes or ("samples" if self.layout == "single" else "translations")


@dataclass(frozen=True, kw_only=True)
class SourceSpec(Spec):
    """Where raw samples come from. `factory(options) -> Source`; `options` derives from `SourceOptions`."""

    kind: ClassVar[str] = "source"
    methods: ClassVar[tuple[str, ...]] = ("items", "read")


@dataclass(frozen=True, kw_only=True)
class MetricSpec(Spec):
    """A measure of a trained model. `factory(options) -> Metric`.

    Args:
        compares: What two `PictureSet`s its method `compare` takes, for `gantk evaluate`: `sets` as wholes, such as
            generated and real pictures, `pairs` of equal names, or `nothing` where it has no such method.
        measures: What its method `evaluate` takes: `translations`, of a `Translator`; `samples`, of a `Sampler`; or both.

    Raises:
        ValueError: `measures` is empty or names something else.
    """

    kind: ClassVar[str] = "metric"
    methods: ClassVar[tuple[str, ...]] = ("prepare", "evaluate")

    compares: Literal["nothing", "sets", "pairs"] = "nothing"
    measures: tuple[Made, ...] = ("translations",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (
            not isinstance(self.measures, tuple)
            or not set(self.measures)
            or set(self.measures) - {"translations", "samples"}
        ):
            raise ValueError(
                f"MetricSpec.measures must be a tuple of 'translations', 'samples' or both. Received: {self.measures!r}"
            )


@dataclass(frozen=True, kw_only=True)
class FeatureNetworkSpec(Spec):
    """A trained network whose inner layers serve metrics and losses. `factory(options) -> FeatureNetwork`.

    `options` derives from `FeatureNetworkOptions`, which names the layers.

    Example:
        ```python
        FeatureNetworkSpec(
            name="vgg19",
            factory="gantk_features.vgg:VGG19",
            options=VGG19Options,
            summary="VGG19 without its dense layers.",
            reference="Simonyan 2015, configuration E",
        )
        ```
    """

    kind: ClassVar[str] = "feature_network"
    methods: ClassVar[tuple[str, ...]] = ("build",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not issubclass(self.options, FeatureNetworkOptions) or not self.options.layers:
            raise TypeError(
                f"FeatureNetworkSpec.options must be a subclass of gantk.FeatureNetworkOptions that names its layers. "
                f"Received: {self.options!r}"
            )


@dataclass(frozen=True, kw_only=True)
class StageSpec(Spec):
    """A step of a pipeline. `factory(options) -> Stage`.

    Args:
        consumes: Names of the artifacts it needs from earlier stages (`dataset`, `model`, …).
        produces: Names of the artifacts it leaves for later stages.
        checks_itself: True for a stage that finds out by itself what is still to do, and is therefore
            run even where nothing about it has changed (`prepare` looks at the input files).
        resumable: True for a stage that continues where an interrupted run left it, when
            `StageContext.resume` says so. Such a stage is never begun anew over its own unfinished work.
        may_change: Options that may differ between a run and its continuation (`epochs`, `log_every`).
        reads: Options that name files, folders or patterns outside the run: the stage is run again when a name,
            size or time there has changed.
    """

    kind: ClassVar[str] = "stage"
    methods: ClassVar[tuple[str, ...]] = ("run",)

    consumes: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    checks_itself: bool = False
    resumable: bool = False
    may_change: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class WeightMapSpec(Spec):
    """How trained weights of another project become those of a generator. `factory(options) -> WeightMap`.

    For `gantk models import FILE --as NAME`; a pipeline does not name it. It takes no options of its own: those that
    the command is given are the generator's.

    Args:
        name: Whose weights, and of which network: `cyclegan/resnet`. A third party's is `plugin/whose/network`.
        generator: The generator that takes the weights, by the name that a pipeline uses.

    Example:
        ```python
        WeightMapSpec(
            name="cyclegan/resnet",
            factory="gantk_networks.resnet_weights:ResNetWeights",
            generator="resnet",
            summary="The residual generator of the original CycleGAN code.",
        )
        ```
    """

    kind: ClassVar[str] = "weight_map"
    methods: ClassVar[tuple[str, ...]] = ("recognise", "plan")
    name_parts: ClassVar[int] = 2
    in_pipeline: ClassVar[bool] = False

    generator: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.options is not Options:
            raise TypeError(f"WeightMapSpec takes no options of its own. Received: {self.options!r}")


ROLES: dict[str, tuple[str, ...]] = {
    "generator": ("translation", "synthesis"),
    "loss": ("adversarial", "pairwise"),
}
"""What the records of an extension point can be for, where these are not interchangeable."""

KINDS: dict[str, type[Spec]] = {
    spec.kind: spec
    for spec in (
        GeneratorSpec,
        DiscriminatorSpec,
        LossSpec,
        TransformSpec,
        ModelSpec,
        SourceSpec,
        MetricSpec,
        FeatureNetworkSpec,
        StageSpec,
        WeightMapSpec,
    )
}
"""Every extension point by the word that pipeline files and `gantk plugins list` use for it."""
