"""Saving a trained model as one file, and using it again without any of its configuration."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from gantk.artifacts.bundle_file import find_bundle, read_metadata, read_weights_member, write_members
from gantk.artifacts.metadata import (
    FORMAT,
    FORMAT_VERSION,
    BundleMetadata,
    ComponentRecord,
    LatentsRecord,
    NetworkRecord,
)
from gantk.config.components import Component
from gantk.errors import PluginError, RunFailed, UsageError
from gantk.registry import Registry, default_registry

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from gantk.artifacts.image_translator import ImageTranslator
    from gantk.engine.latents import LatentOptions
    from gantk.engine.precision import Precision

DEFAULT_DIRECTION = "AtoB"


class Bundle:
    """A saved model: what it says about itself, and its networks, built when asked for.

    A bundle is a `gantk.Translator`: `bundle("AtoB", images)`. Reading what it says imports no framework.

    Args:
        path: The bundle file.
        metadata: Its checked `bundle.json`.
        registry: Where the networks' plugins are looked up; by default the registry of the process.
    """

    def __init__(self, path: Path, metadata: BundleMetadata, *, registry: Registry | None = None) -> None:
        self.path = path
        self.metadata = metadata
        self._registry = registry
        self._translators: dict[str, ImageTranslator] = {}

    def __repr__(self) -> str:
        return f"Bundle({str(self.path)!r}, model={self.metadata.model!r}, directions={list(self.directions)})"

    @property
    def directions(self) -> tuple[str, ...]:
        """What the model can do: `AtoB`, `BtoA`."""
        return tuple(self.metadata.networks)

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of all that decides what the networks compute: architectures and weights."""
        # Scale and halo follow from the architecture.
        networks = {
            direction: record.model_dump(
                mode="json", exclude={"scale", "halo"} | ({"latents"} if record.latents is None else set())
            )
            for direction, record in self.metadata.networks.items()
        }
        facts = {"networks": networks, "colour_range": self.metadata.colour_range}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def direction(self, name: str | None = None) -> str:
        """Return the direction that `name` means: by default `AtoB`, or the first one.

        Raises:
            UsageError: The model has no such direction.
        """
        if name is None:
            return DEFAULT_DIRECTION if DEFAULT_DIRECTION in self.directions else self.directions[0]
        if name not in self.directions:
            raise UsageError(
                f"{self.path}: direction must be one of {', '.join(self.directions)}. Received: {name!r}",
            )
        return name

    def picture_direction(self, name: str | None = None) -> str:
        """Return the direction that `name` means, of a network that takes pictures.

        Raises:
            UsageError: The model has no such direction, or its network makes images of latent vectors.
        """
        direction = self.direction(name)
        if self.metadata.networks[direction].latents is not None:
            raise UsageError(
                f"{self.path} must be a model that takes pictures. Received: one whose direction {direction!r} makes "
                "pictures of latent vectors",
                hint=f"gantk generate {self.path} -n 64 -o OUT",
            )
        return direction

    def latent_direction(self, name: str | None = None) -> str:
        """Return the direction that `name` means, of a network that makes images of latent vectors.

        Args:
            name: By default the only such direction, or `sample`.

        Raises:
            UsageError: The model has no such direction, or its network takes pictures.
        """
        making = [direction for direction, record in self.metadata.networks.items() if record.latents is not None]
        if name is None and making:
            return "sample" if "sample" in making else making[0]
        direction = self.direction(name)
        if direction not in making:
            command = "upscale" if self.metadata.networks[direction].scale > 1 else "translate"
            raise UsageError(
                f"{self.path} must be a model that makes pictures of latent vectors. Received: one whose direction "
                f"{direction!r} takes pictures",
                hint=f"gantk {command} {self.path} PICTURES -o OUT",
            )
        return direction

    def component(self, direction: str) -> Component:
        """Return the generator of a direction as the installed plugins know it.

        Raises:
            PluginError: Its plugin is missing or broken, or is a version that takes other options.
        """
        record = self.metadata.networks[self.direction(direction)].component
        registry = self._registry or default_registry()
        if record.kind != "generator":
            raise RunFailed(f"{self.path}: a network must be a generator. Received: {record.kind!r}")
        try:
            spec = registry.find(record.kind, record.name)
        except PluginError as error:
            raise PluginError(f"{self.path} needs a plugin: {error.message}", hint=self._plugin_hint(error)) from error
        try:
            options = spec.options.model_validate(record.options, context={"registry": registry})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise PluginError(
                f"{self.path}: generator {record.name!r} must take the options the model was trained with. "
                f"Received: {where}: {first['msg']}",
                hint=self._plugin_hint(None),
            ) from error
        return Component(record.name, spec, options)

    def network(self, direction: str | None = None, *, precision: Precision = "float32") -> keras.Model:
        """Build the network of a direction and give it its weights. A new network at each call.

        Args:
            direction: `AtoB` or `BtoA`; by default as `direction()`.
            precision: Arithmetic of the network, whatever it was trained in.

        Raises:
            PluginError: Its plugin is missing or broken.
            RunFailed: The file is damaged, or the plugin now builds another network; the weights that
                differ are named.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        from gantk.artifacts.weights import assign_weights
        from gantk.engine.precision import precision_scope

        direction = self.direction(direction)
        record = self.metadata.networks[direction]
        component = self.component(direction)
        content = read_weights_member(self.path, record.file, record.sha256)
        try:
            arrays = load(content)
        except (SafetensorError, KeyError, ValueError) as error:
            raise RunFailed(
                f"{self.path} is a damaged model bundle: {record.file!r} is in the safetensors format. Received: {error}"
            ) from error
        with precision_scope(precision):
            network: keras.Model = component.create(**network_arguments(record))
        assign_weights(network, arrays, origin=f"{self.path}, {direction}, generator {component.name!r}")
        return network

    def translator(self, direction: str | None = None) -> ImageTranslator:
        """Return the network of a direction, ready for images of any size. Built once.

        Raises:
            UsageError: As `picture_direction`.
            PluginError, RunFailed: As `network`.
        """
        from gantk.artifacts.image_translator import ImageTranslator

        direction = self.picture_direction(direction)
        if self.metadata.colour_range != (-1.0, 1.0):
            raise RunFailed(
                f"{self.path}: colours must be in [-1, 1]. Received: colour_range {list(self.metadata.colour_range)}"
            )
        if direction not in self._translators:
            record = self.metadata.networks[direction]
            self._translators[direction] = ImageTranslator(
                self.network(direction),
                size_multiple=record.size_multiple,
                smallest_size=record.smallest_size,
                scale=record.scale,
            )
        return self._translators[direction]

    def translate(self, images: NDArray[Any], direction: str | None = None, *, batch_size: int = 8) -> NDArray[Any]:
        """Translate a batch of images of one size; any size.

        Args:
            images: batch × height × width × channels: uint8, or float in [-1, 1].
            direction: `AtoB` or `BtoA`; by default as `direction()`.
            batch_size: Images that the network is given at once.

        Returns:
            uint8 for uint8, else float32 in [-1, 1], of `scale` times the height and width.

        Raises:
            UsageError: An array of another shape or type, or an unknown direction.
            PluginError, RunFailed: As `network`.
        """
        return self.translator(direction)(images, batch_size=batch_size)

    def __call__(self, direction: str, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Translate images, float32 in [-1, 1], batch × height × width × channels (`gantk.Translator`)."""
        return self.translate(np.asarray(images, np.float32), direction)

    def record_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write into the file what was measured, in place of what stood there, in one step.

        The networks stay as they are, and so does `digest`.

        Args:
            metrics: What was measured, plain values; numbers that are not finite become `null`.

        Raises:
            UsageError: The file does not exist any more.
            RunFailed: It is damaged, or the disk is full; the older file stays as it was.
        """
        metadata = self.metadata.model_copy(update={"metrics": _plain(metrics)})
        records = metadata.networks.values()
        write_members(
            self.path,
            metadata,
            {record.file: read_weights_member(self.path, record.file, record.sha256) for record in records},
        )
        self.metadata = metadata

    def _plugin_hint(self, error: PluginError | None) -> str:
        plugins = ", ".join(f"{name} {version}".strip() for name, version in self.metadata.plugins.items())
        written = f"It was written by gantk {self.metadata.gantk or 'unknown'} with the plugins {plugins or 'unknown'}."
        return f"{written} {error.hint}".strip() if error else written


def network_arguments(record: NetworkRecord) -> dict[str, Any]:
    """Return what a generator's factory is given, beside its options, to build the network of a record again."""
    if record.latents is None:
        return {
            "input_shape": (None, None, record.input_channels),
            "output_channels": record.output_channels,
        }
    return {
        "latents": record.latents.size,
        "output_shape": (record.latents.height, record.latents.width, record.output_channels),
        "classes": len(record.latents.classes),
    }


def save_bundle(
    path: Path,
    *,
    networks: Mapping[str, keras.Model],
    components: Mapping[str, Component],
    model: str,
    domain_names: Mapping[str, str] | None = None,
    training: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    precision: str = "float32",
    licence: str = "",
    latents: Mapping[str, LatentOptions] | None = None,
    classes: Sequence[str] = (),
    registry: Registry | None = None,
) -> Bundle:
    """Save trained generators as one file, in one step.

    Equal networks and facts give equal bytes. Numbers that are not finite become `null`, as JSON has none. Where the
    file is there and holds the same networks, what was measured of them (`Bundle.record_metrics`) is kept.

    Args:
        path: Where to write; the folder is made.
        networks: The generators by direction (`AtoB`, `BtoA`), fully convolutional; or, of `latents`, from latent vectors.
        components: What each was built from, by the same directions.
        model: Name of the adversarial model, such as `cyclegan`.
        domain_names: What the domains show: `{"A": "horse", "B": "zebra"}`.
        training: A summary of the training, plain values.
        metrics: What was measured, plain values; by default what stands in the file, where it holds the same networks.
        precision: The precision it was trained in.
        licence: Under what terms the weights may be used, where that is known.
        latents: Where the latent vectors come from, by direction; of networks that make images of them.
        classes: Names of the labels that these networks take beside the vectors.
        registry: Where the plugins' versions are looked up; by default the registry of the process.

    Returns:
        The bundle just written.

    Raises:
        ValueError: Other directions in `components` than in `networks`, or none.
        RunFailed: The disk is full; an older file stays as it was.
    """
    from safetensors.numpy import save

    from gantk import __version__
    from gantk.artifacts.weights import read_weights

    if not networks or set(networks) != set(components):
        raise ValueError(
            f"networks and components must name the same directions. Received: {sorted(networks)} and {sorted(components)}"
        )
    registry = registry or default_registry()
    taken = dict(latents or {})
    records, members, plugins = {}, {}, {}
    for direction, network in networks.items():
        component = components[direction]
        weights = read_weights(network)
        content = save(weights)
        options = component.options
        records[direction] = NetworkRecord(
            file=f"{direction}.safetensors",
            sha256=hashlib.sha256(content).hexdigest(),
            component=ComponentRecord(
                kind=component.spec.kind, name=component.name, options=options.model_dump(mode="json")
            ),
            input_channels=0 if direction in taken else int(network.input_shape[-1]),
            output_channels=int(network.output_shape[-1]),
            size_multiple=getattr(options, "size_multiple", 1),
            smallest_size=getattr(options, "smallest_size", 1),
            scale=getattr(options, "scale", 1),
            halo=getattr(options, "halo", None),
            latents=_latents_record(taken[direction], network, classes) if direction in taken else None,
            parameters=sum(int(array.size) for array in weights.values()),
        )
        members[f"{direction}.safetensors"] = content
        provider = registry.provider(component.spec.kind, component.name)
        plugins[provider.name] = provider.version
    metadata = BundleMetadata(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        model=model,
        networks=records,
        domain_names=dict(domain_names or {}),
        training=_plain(training or {}),
        metrics=_plain(metrics or {}),
        precision=precision,
        licence=licence,
        gantk=__version__,
        plugins=plugins,
    )
    bundle = Bundle(path, metadata, registry=registry)
    if metrics is None:
        bundle.metadata = metadata.model_copy(update={"metrics": _measured_before(bundle)})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_members(path, bundle.metadata, members)
    return bundle


def _latents_record(options: LatentOptions, network: keras.Model, classes: Sequence[str]) -> LatentsRecord:
    _, height, width, _ = network.output_shape
    return LatentsRecord(
        size=options.size, distribution=options.distribution, height=height, width=width, classes=tuple(classes)
    )


def _measured_before(bundle: Bundle) -> dict[str, Any]:
    """Return the metrics in the file that a bundle will replace, if that holds the same networks."""
    try:
        former = Bundle(bundle.path, read_metadata(bundle.path))
    except (UsageError, RunFailed):
        return {}
    return former.metadata.metrics if former.digest == bundle.digest else {}


def load_bundle(path: Path | str, *, registry: Registry | None = None) -> Bundle:
    """Open a saved model. Its networks are built later, when asked for; nothing of the file is executed.

    Args:
        path: A bundle file, or a run directory with one.
        registry: Where the networks' plugins are looked up; by default the registry of the process.

    Raises:
        UsageError: There is no bundle at the path, or it needs a newer gantk.
        RunFailed: The bundle is damaged.
    """
    file = find_bundle(Path(path))
    return Bundle(file, read_metadata(file), registry=registry)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"A bundle's facts must be plain values. Received: {type(value).__name__}")
