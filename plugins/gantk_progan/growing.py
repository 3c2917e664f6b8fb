"""The networks of a training: every layer up to the last resolution, of which those reached so far are used.

As in the authors' code the networks have all their weights from the start, so that checkpoints, moving averages and
optimizers need not know of growing. Only the layers up to the resolution in training are computed, differentiated and
updated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from gantk_progan.discriminator import discriminator_layers, judgement_of
from gantk_progan.generator import doubled, features_of, generator_layers, image_of
from gantk_progan.options import ProGANDiscriminatorOptions, ProGANGeneratorOptions
from gantk_progan.resolutions import SMALLEST, blended, enlarged, features, resolutions_to


class _GrowingNetwork(keras.Model):
    """What the two have in common.

    `resolution` is the one in training, and `fading` says whether it is faded in over the one before: what is compiled keeps
    both. `fade`, a variable, says how far.
    """

    def __init__(self, last: int, parts: dict[str, keras.Layer], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.last = last
        self.parts = parts
        self.resolution = last
        self.fading = False
        self.fade = self.add_weight(
            shape=(), initializer="ones", dtype="float32", trainable=False, autocast=False, name="fade"
        )

    @property
    def active_variables(self) -> list[keras.Variable]:
        """The trainable variables that are in use at the resolution in training, in a fixed order."""
        coloured = {self.resolution, self.resolution // 2} if self.fading else {self.resolution}
        used = []
        for name, layer in self.parts.items():
            kind, size = _kind_and_size(name)
            if size is None or (size in coloured if kind == "colours" else size <= self.resolution):
                used += layer.trainable_variables
        return used

    @property
    def _fade(self) -> Any:
        return self.fade.value if self.fading else 1.0


@keras.saving.register_keras_serializable(package="gantk_progan")
class GrowingGenerator(_GrowingNetwork):
    """A generator that makes images of the resolution in training.

    Args:
        options: The network's options, as plain values.
        latents: Length of a latent vector.
        resolution: The last one.
        channels: Colours of the images.
        classes: Labels; 0: it is given vectors alone.
    """

    samples_independent = True

    def __init__(
        self, options: dict[str, Any], *, latents: int, resolution: int, channels: int, classes: int = 0, **kwargs: Any
    ) -> None:
        checked = ProGANGeneratorOptions.model_validate(options)
        super().__init__(resolution, generator_layers(checked, resolution, channels), **kwargs)
        self._given = {
            "options": checked.model_dump(mode="json"),
            "latents": latents,
            "resolution": resolution,
            "channels": channels,
            "classes": classes,
        }
        for name, layer in self.parts.items():
            kind, size = _kind_and_size(name)
            if name == "dense":
                layer.build((None, latents + classes))
            elif size is not None:
                # An enlarging layer takes the features of the resolution before.
                height = size // 2 if kind == "enlarge" else size
                layer.build((None, height, height, features(checked, height)))
            # Of those without weights.
            layer.built = True
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return images of the resolution in training, float32, batch × resolution × resolution × channels."""
        return image_of(self.parts, inputs, self.resolution, self._fade)

    def images_of_full_size(self, inputs: Any, fades: Sequence[Any]) -> Any:
        """Return images of the last resolution, enlarged from the one reached.

        Args:
            inputs: Latent vectors, or a list of these and labels.
            fades: For each resolution after the first, how far it is faded in: 0 where it is not reached.
        """
        x = features_of(self.parts, inputs)
        image = self.parts[f"colours_{SMALLEST}"](x)
        for size, fade in zip(resolutions_to(self.last)[1:], fades, strict=True):
            x = doubled(self.parts, x, size)
            image = blended(enlarged(image), self.parts[f"colours_{size}"](x), fade)
        return image

    def get_config(self) -> dict[str, Any]:
        return {**self._given, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> GrowingGenerator:
        return cls(**config)


@keras.saving.register_keras_serializable(package="gantk_progan")
class GrowingDiscriminator(_GrowingNetwork):
    """A discriminator of images of the resolution in training.

    Args:
        options: The network's options, as plain values.
        resolution: The last one.
        channels: Colours of the images.
        outputs: Numbers for each image.
    """

    def __init__(
        self, options: dict[str, Any], *, resolution: int, channels: int, outputs: int = 1, **kwargs: Any
    ) -> None:
        checked = ProGANDiscriminatorOptions.model_validate(options)
        super().__init__(resolution, discriminator_layers(checked, resolution, outputs), **kwargs)
        self._given = {
            "options": checked.model_dump(mode="json"),
            "resolution": resolution,
            "channels": channels,
            "outputs": outputs,
        }
        for name, layer in self.parts.items():
            kind, size = _kind_and_size(name)
            if name == "dense":
                layer.build((None, SMALLEST * SMALLEST * features(checked, SMALLEST)))
            elif name == "logits":
                layer.build((None, features(checked, SMALLEST // 2)))
            elif size is not None:
                given = channels if kind == "colours" else features(checked, size)
                one_more = kind == "convolution" and size == SMALLEST and "deviation" in self.parts
                layer.build((None, size, size, given + (1 if one_more else 0)))
            # Of those without weights.
            layer.built = True
        self.built = True

    def call(self, images: Any, training: bool = False) -> Any:
        """Return the outputs for images of the resolution in training, float32, batch × outputs."""
        return judgement_of(self.parts, images, self.resolution, self._fade)

    def get_config(self) -> dict[str, Any]:
        return {**self._given, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> GrowingDiscriminator:
        return cls(**config)


def _kind_and_size(name: str) -> tuple[str, int | None]:
    """Split a layer's name into what it is and its resolution; None where it has none."""
    kind, _, size = name.rpartition("_")
    return (kind, int(size)) if size.isdigit() else (name, None)


class LiveImages(keras.layers.Layer):
    """Makes images of full size with a generator as far as it has grown.

    Args:
        generator: The generator, or its moving average.
        step: The variable with the steps taken. It is part of this layer, so that a compiled function does not keep a value.
        fades: From these steps to how far each resolution after the first is faded in.
    """

    samples_independent = True

    def __init__(
        self, generator: GrowingGenerator, step: keras.Variable, fades: Callable[[Any], Sequence[Any]], **kwargs: Any
    ) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.generator = generator
        self.step = step
        self._fades = fades
        self.built = True

    def call(self, inputs: Any) -> Any:
        return self.generator.images_of_full_size(inputs, self._fades(ops.convert_to_tensor(self.step)))


__all__ = ["GrowingDiscriminator", "GrowingGenerator", "LiveImages"]
