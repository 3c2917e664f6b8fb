"""What the factories of a plugin return: the small interfaces between gantk and a plugin.

Nothing here needs to be inherited from; an object with these methods is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

    from gantk.specs import Options

Field = "bytes | NDArray[np.uint8] | str"
"""One field of a raw sample: an encoded image file, a decoded image (uint8, HWC), or text."""


@dataclass(frozen=True, slots=True)
class Item:
    """One raw sample of a source, named but not read.

    Args:
        key: Unique in its source and the same on every machine: a POSIX path relative to the root,
            a member name, a number.
        domain: `A` or `B` (unpaired), `AB` (aligned), `image` or `text`.
        split: `train`, `valid` or `test` where the source knows it; None lets the preparation
            decide by a hash of `group`.
        group: Items of one group never end in different splits. Empty: the key.
        size: Bytes to read, for balancing the units of work; 0 where unknown.
        stamp: Changes whenever the content does (`size-mtime_ns`, a hash, a seed).
        locator: What `Source.read` needs to find it; opaque to gantk.
        label: Name of its class; empty where the source has no classes. A source gives a label to all of its items or
            to none, and to unpaired ones (`A`, `B`) none.
    """

    key: str
    domain: str
    split: str | None = None
    group: str = ""
    size: int = 0
    stamp: str = ""
    locator: str = ""
    label: str = ""


class Source(Protocol):
    """Raw samples. Built from its options alone, in the driver and again in every worker.

    It may have a method `domain_names() -> {"A": "horse", "B": "zebra"}`: what people call its domains. These names
    are kept in the manifest of the prepared data. It may have a method `is_ready() -> bool`: whether `items()` lists at
    once, without a download; `gantk pipeline plan --estimate` lists no source that is not ready.
    """

    def items(self) -> Iterator[Item]:
        """Yield every item, in any order that is the same at every call on unchanged input.

        Raises:
            RunFailed: The input cannot be listed (a missing folder, an unreadable archive).
        """
        ...

    def read(self, items: Sequence[Item]) -> Iterator[tuple[Item, Mapping[str, Any] | Exception]]:
        """Read items, in the order given; the items of one call belong to one unit of work.

        Yields:
            `(item, fields)`, or `(item, error)` where this item cannot be read: it is then recorded
            among the rejects and the rest goes on. `fields` maps a field name to an encoded image
            file (`bytes`), a decoded image (`uint8`, height × width × 1, 3 or 4) or text (`str`).
            Field names: `image` for the domains `A`, `B` and `image`; `A` and `B` (and any
            more, such as `mask`) for `AB`; `text` for `text`.
        """
        ...


class Transform(Protocol):
    """A transform of one image.

    It may have a method `on_fields(images, random) -> images`: where a sample has several images, such as a low and a
    high resolution, it gets all of them by field at once, in place of `__call__` for each. It returns as many new arrays,
    by the same names.
    """

    def __call__(self, image: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Transform one image.

        Args:
            image: uint8 in [0, 255], height × width × channels; float32 after `normalise`.
            random: The only allowed source of randomness. The fields of one aligned sample are
                transformed with generators in the same state, so a random crop cuts them alike.

        Returns:
            A new array (the input is never changed), contiguous.
        """
        ...


class AdversarialLoss(Protocol):
    """The two sides of an adversarial game, of unnormalised discriminator outputs (logits).

    Both return a float32 scalar: the mean over batch and positions.

    A loss may have two things more. `boundary`, a float: the logit between "generated" and "real", from which the
    discriminator's accuracy follows; ADA needs it. `smoothed(label_smoothing) -> AdversarialLoss`: the same loss with the
    label of real samples, in the discriminator's loss alone, moved by that share of its distance towards the label of
    generated ones; without it the option `label_smoothing` is refused.

    A relativistic loss, whose generator's side needs `real_logits`, says so by an attribute `relativistic = True`: a model
    that can give real images then does, and others, for which that is work in vain, get none.
    """

    def discriminator_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        """Loss of the discriminator, to be minimised."""
        ...

    def generator_loss(self, fake_logits: Any, real_logits: Any | None = None) -> Any:
        """Loss of the generator, to be minimised. `real_logits` is for relativistic losses."""
        ...


class PairwiseLoss(Protocol):
    """A distance between a target and a prediction of the same shape; a float32 scalar, mean over all elements."""

    def __call__(self, target: Any, prediction: Any) -> Any: ...


class Translator(Protocol):
    """A trained model, an untrained one, or a baseline, as a metric sees it."""

    @property
    def directions(self) -> tuple[str, ...]:
        """What it can do: `AtoB`, `BtoA`."""
        ...

    def __call__(self, direction: str, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Translate images, float32 in [-1, 1], batch × height × width × channels."""
        ...


@runtime_checkable
class Sampler(Protocol):
    """What makes images of nothing but chance, as a metric sees it: a trained model of latent vectors, or a baseline.

    It may have an attribute `split`: the split of the prepared data whose pictures it gives, which makes it no generator but
    a floor (`gantk.evaluation.RealSampler`), and then `available`, how many it has.
    """

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels that it takes, in the order of their numbers; empty where it takes none."""
        ...

    def sample(
        self, count: int, *, seed: int, first: int = 0, labels: Sequence[int] | None = None
    ) -> NDArray[np.float32]:
        """Make images. Image number k of a seed (and label) is always the same, however many are asked for at once.

        Args:
            count: How many.
            seed: Decides the images.
            first: Number of the first.
            labels: A class number for each; None where it takes labels: image number k has the class k modulo their number.

        Returns:
            float32 in [-1, 1], count × height × width × channels.
        """
        ...


class EvaluationData(Protocol):
    """The prepared data, as a metric sees it."""

    @property
    def seed(self) -> int:
        """Seed of everything random in the evaluation."""
        ...

    def fields(self, split: str, domain: str) -> tuple[str, ...]:
        """Names of the fields that samples of a split and domain hold; empty where there are none."""
        ...

    def images(self, split: str, domain: str, field: str = "image", limit: int | None = None) -> NDArray[np.float32]:
        """Return images of one field, float32 in [-1, 1], batch × height × width × channels, in a fixed order."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels, in the order of their numbers; empty where the data has none."""
        ...

    def labels(self, split: str, domain: str, limit: int | None = None) -> NDArray[np.int32]:
        """Return the number of each sample's class, int32, one dimension, in the order of `images`."""
        ...

    def samples(
        self, split: str, domain: str, fields: Sequence[str], limit: int | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Return samples to be read one at a time, in the order of `images`; they may differ in size.

        Nothing that was read is kept, so a set of large photographs needs the memory of one.

        Args:
            split: The split.
            domain: The domain, `AB` for aligned samples.
            fields: What each sample must hold.
            limit: At most so many samples.

        Returns:
            Each sample has `key` (str) and every field (float32 in [-1, 1], height × width × channels).
        """
        ...


@dataclass(frozen=True)
class PictureNumbers:
    """A number of each picture that a translator was measured on.

    Args:
        value: Which value of the metric this is, such as `psnr_y_a_to_b`.
        split: The split of the aligned samples.
        direction: The way they were translated, `AtoB`.
        numbers: The number of each sample by its key.
    """

    value: str
    split: str
    direction: str
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class MetricResult:
    """What a metric found about one translator or sampler.

    Args:
        values: Named numbers, such as `{"psnr_background": 31.2}`.
        units: The unit of each value, such as `{"psnr_background": "dB"}`.
        better: `higher` or `lower` for each value that has a better end.
        protocol: What a reader must know to compare the numbers: sample counts, sizes, classifier.
        pictures: Pictures to show on the run's page: a caption → uint8 image, height × width × 3.
        per_picture: The numbers of single pictures, where a value is made of such. The stage `evaluate` writes them, and
            the run's page shows them beside the pictures.
    """

    values: Mapping[str, float]
    units: Mapping[str, str] = field(default_factory=dict)
    better: Mapping[str, str] = field(default_factory=dict)
    protocol: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, Any] = field(default_factory=dict)
    per_picture: Sequence[PictureNumbers] = ()


class Metric(Protocol):
    """A measure on prepared data, of what its record's `measures` says: a translator, a sampler, or either."""

    def prepare(self, data: EvaluationData) -> None:
        """Do once what does not depend on what is measured: train a classifier, compute statistics."""
        ...

    def evaluate(self, candidate: Any, data: EvaluationData) -> MetricResult:
        """Measure one candidate, a `Translator` or a `Sampler`."""
        ...


class PictureSet(Protocol):
    """Pictures to compare with others, read one at a time: a set may be larger than the memory."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the pictures in a fixed order. In two sets to be compared by pairs, equal names belong together."""
        ...

    @property
    def description(self) -> Mapping[str, Any]:
        """What a protocol must say of the set: a folder, or a split and domain; how pictures became RGB; their size."""
        ...

    def read(self, name: str) -> NDArray[np.uint8] | None:
        """Return a picture, uint8, height × width × channels, or None where it cannot be read.

        The set itself notes what cannot be read, and whoever made it tells the user; a metric leaves it out.
        """
        ...


class ComparingMetric(Metric, Protocol):
    """A metric that also compares two sets of pictures; its record says `compares`."""

    def compare(self, first: PictureSet, second: PictureSet) -> MetricResult:
        """Compare pictures with the reference.

        Args:
            first: The pictures to be judged, such as translations.
            second: The reference: real pictures, or the truth.

        Raises:
            RunFailed: There are too few pictures, or they do not fit together.
        """
        ...


@dataclass(frozen=True)
class FeaturePreprocessing:
    """What a feature network was trained to be given: (levels - mean) / scale, its channels in a certain order.

    Args:
        mean: Subtracted from levels 0 … 255: of red, green and blue, whatever the order afterwards.
        scale: Divided by then, likewise.
        order: `BGR` where blue comes first.
    """

    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    order: Literal["RGB", "BGR"] = "RGB"

    def __call__(self, levels: Any) -> Any:
        """Prepare pictures; differentiable.

        Args:
            levels: float32 in [0, 255], an array or a tensor, … × height × width × 3 in the order RGB.

        Returns:
            What the network takes, of the same kind and shape.
        """
        import numpy as np

        prepared = (levels - np.asarray(self.mean, np.float32)) / np.asarray(self.scale, np.float32)
        return prepared if self.order == "RGB" else prepared[..., ::-1]

    def __str__(self) -> str:
        mean, scale = (
            f"{values[0]:g}" if len(set(values)) == 1 else f"[{', '.join(f'{value:g}' for value in values)}]"
            for values in (self.mean, self.scale)
        )
        ordered = "RGB" if self.order == "RGB" else "RGB, then in the order BGR"
        return f"(level - {mean}) / {scale}, {ordered}"


class FeatureNetwork(Protocol):
    """A trained network whose inner layers serve metrics and losses; its weights are read when it is made.

    It may have a method `further_weights(name, shape, needed_by) -> array`, which gives arrays of its weights file that
    are not the network's own, such as the heads of LPIPS. It raises `RunFailed` where there are none.
    """

    @property
    def description(self) -> Mapping[str, str]:
        """The network, and file and SHA-256 of its weights, for protocols."""
        ...

    @property
    def preprocessing(self) -> FeaturePreprocessing:
        """What its input must be."""
        ...

    def build(self, layers: Sequence[str]) -> keras.Model:
        """Build the network as far as some layers.

        Args:
            layers: Names that the options' `layers` has, in any order.

        Returns:
            A model from preprocessed pictures, float32, batch × height × width × 3 of any size, to the list of the
            layers' outputs in this order, float32: maps, batch × height × width × channels, or batch × features. It
            computes in float32 whatever the process' dtype policy, nothing in it can be trained, and it does the same in
            training and in inference.
        """
        ...


@dataclass(frozen=True)
class ForeignNetwork:
    """What the names and shapes of foreign weights tell about the network they come from.

    Args:
        options: Options of the generator that follow from them; another value is a contradiction.
        assumed: Options that they do not tell, where the original's value is not the generator's default; a user may
            say otherwise.
        input_channels: Channels of an input image.
        output_channels: Channels of an output image.
    """

    options: Mapping[str, Any]
    input_channels: int
    output_channels: int
    assumed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MappedWeight:
    """One weight on its way into a generator.

    Args:
        source: Its foreign name.
        shape: The shape it must have there.
        target: The path of the generator's variable, such as `down_1/kernel`; its layers have names of their own.
        transform: From the foreign array to the generator's; None leaves it as it is.
    """

    source: str
    shape: tuple[int, ...]
    target: str
    transform: Callable[[NDArray[Any]], NDArray[Any]] | None = None


@dataclass(frozen=True)
class WeightPlan:
    """Where every weight of a generator comes from.

    Args:
        weights: The weights to take, each foreign one and each of the generator's once.
        unused: Foreign weights that are not needed, whether they are there or not: name → why.
        constants: Weights of the generator that the original does not have: path → value of all its elements.
    """

    weights: Sequence[MappedWeight]
    unused: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, float] = field(default_factory=dict)


class WeightMap(Protocol):
    """How the trained weights of another project's network become a generator's. Sees names and shapes only."""

    def recognise(self, shapes: Mapping[str, tuple[int, ...]]) -> ForeignNetwork:
        """Find out which network the weights are of.

        Args:
            shapes: The shape of every foreign weight by its name, a prefix that all share (`module.`) taken off.

        Raises:
            UsageError: They are not of this kind of network. Says by which names that is seen.
        """
        ...

    def plan(self, shapes: Mapping[str, tuple[int, ...]], options: Options) -> WeightPlan:
        """Say where each weight goes.

        Names and shapes that do not fit the plan need no check here: the importer tells all of them together.

        Args:
            shapes: As `recognise`.
            options: The generator's options: those recognised, those the user gave, and defaults.
        """
        ...


@dataclass(frozen=True)
class Artifact:
    """What a stage leaves for later stages.

    Args:
        path: A file or folder inside the run directory (or a data cache beside it).
        digest: A hash of the content: later stages are skipped while it stays the same.
    """

    path: Path
    digest: str


class Stage(Protocol):
    """One step of a pipeline."""

    def run(self, context: Any) -> Mapping[str, Artifact]:
        """Do the work and return the artifacts that the stage's spec says it produces.

        Args:
            context: A `StageContext`: the run directory, the stage's own folder, the artifacts of
                earlier stages, the seed and the progress display.
        """
        ...
