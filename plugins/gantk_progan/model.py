"""ProGAN: progressive growing of GANs (Karras 2018, https://arxiv.org/abs/1710.10196)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers, ops

from gantk import AdversarialModel, Component, ConfigError, ModelContext, OptimizerOptions, draw_latents
from gantk_progan.growing import GrowingDiscriminator, GrowingGenerator, LiveImages
from gantk_progan.options import ProGANOptions
from gantk_progan.resolutions import blended, enlarged, halved, resolution_of, resolutions_to

IMAGE, LABEL = "image", "label"
"""Fields of a batch."""


class ProGAN(AdversarialModel):
    """A generator and a discriminator that begin with images of 4 × 4 pixels and double them while they train.

    Each resolution but the first is faded in: for `fade_images` real images the generator's image, the discriminator's
    features and the real images go from those of the smaller resolution to those of the larger one,

        (1 - fade) · smaller + fade · larger,    fade = real images shown since the growth / fade_images;

    it is then trained for `stable_images` more. Batches and learning rates depend on the resolution. One step, with fresh
    latent vectors in each of the two losses: first the discriminator,

        L_D = adv(D(y), D(G(z))) + λ E(|∇D(x)| - 1)² + ε E D(y)²,    λ = 10, ε = 0.001, x between y and G(z),

    then the generator, L_G = adv(D(G(z'))). With labels the cross-entropies of the discriminator's classifier are added to
    both; generated images have those of the real ones of their batch.

    One step is compiled for each resolution; the fade is a variable in it. Batches may hold larger images than the
    resolution in training: they are halved by box filters in the step.

    Losses: `discriminator`, with its penalties, and `generator`; `resolution` and `fade` tell where the growing is.

    Args:
        options: The model's options.
        context: The run it is built for, with the shape of the field `image`.

    Raises:
        ConfigError: The images are not square, or their sides no power of two; or `labels` are asked for and the data has
            none.

    Reference:
        Karras 2018, sections 2 to 4, appendix A.1; the authors' code, preset for one GPU.
    """

    def __init__(self, options: ProGANOptions, context: ModelContext) -> None:
        shape = context.shapes[IMAGE]
        self.last = resolution_of("progan", shape)
        self.channels = shape[-1]
        self.label_use = None if options.labels == "none" else options.labels
        classes = len(context.classes) if self.label_use else 0
        if self.label_use and not classes:
            raise ConfigError(
                f"`labels: {options.labels}` needs data with labels.\nReceived: pictures without",
                hint="Give the source labels (`labels: folders` of a folder with a sub-folder for each class), or set "
                "`labels: none`.",
            )
        default = OptimizerOptions(type="adam", learning_rate=1e-3, beta_1=0.0, beta_2=0.99, epsilon=1e-8)
        super().__init__(
            context,
            networks={
                "generator": GrowingGenerator(
                    options.generator.options.model_dump(mode="json"),
                    latents=options.latents.size,
                    resolution=self.last,
                    channels=self.channels,
                    classes=classes,
                    name="generator",
                ),
                "discriminator": GrowingDiscriminator(
                    options.discriminator.options.model_dump(mode="json"),
                    resolution=self.last,
                    channels=self.channels,
                    outputs=1 + classes,
                    name="discriminator",
                ),
            },
            trained_by={"generator": ["generator"], "discriminator": ["discriminator"]},
            losses=["discriminator", "generator", "resolution", "fade"],
            directions={"sample": "generator"},
            optimizers={"generator": default, "discriminator": default},
            components={"generator": options.generator},
            latents={"sample": options.latents},
            takes_labels=self.label_use is not None,
            phases=options.phases(self.last),
            average_decay=options.average_decay,
        )
        self.options = options
        self.random = keras.random.SeedGenerator(context.seed)
        self.game = self.adversarial_game(
            "discriminator",
            options.adversarial_loss.create(),
            labels=self.label_use,
            lambda_class=options.lambda_class,
            penalties=options.penalties,
        )
        self._grow(self.phases[0].resolution)

    # -- training -----------------------------------------------------------------------------------------

    def enter_phase(self, number: int, *, begin: bool) -> None:
        """Grow where the phase has another resolution; a resolution's two phases have one compiled step."""
        same = (
            self.train_function is not None and self.phases[number].resolution == self.networks["generator"].resolution
        )
        compiled = self.train_function
        super().enter_phase(number, begin=begin)
        self._grow(self.phases[number].resolution)
        if same:
            self.train_function = compiled

    def adversarial_step(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Update the discriminator (as often as `discriminator_steps` says), then the generator."""
        resolution = self.networks["generator"].resolution
        fade = self.fade_of(resolution, ops.convert_to_tensor(self.training_step))
        for network in ("generator", "discriminator"):
            self.networks[network].fade.assign(fade)
        losses = []
        for part in self.discriminator_batches(batch):
            labels = self.one_hot(part)
            losses.append(self.update_discriminator(self.real_images(part[IMAGE], fade), labels))
        generator = self.update_generator(batch[IMAGE].shape[0] // len(losses), self.one_hot(part))
        return {
            "discriminator": sum(losses) / len(losses),
            "generator": generator,
            "resolution": ops.full((), resolution, "float32"),
            "fade": fade,
        }

    def update_discriminator(self, real: Any, labels: Any) -> Any:
        """Update the discriminator once, and return its loss, a float32 scalar.

        Args:
            real: Real images, float32, batch × resolution × resolution × channels.
            labels: One-hot, batch × classes; None without labels.
        """
        fake = ops.stop_gradient(self.generate(real.shape[0], labels))
        return self._minimize("discriminator", lambda: (self.game.discriminator_loss(real, fake, labels=labels), None))

    def update_generator(self, count: int, labels: Any) -> Any:
        """Update the generator once with `count` images, and return its loss, a float32 scalar."""
        return self._minimize(
            "generator", lambda: (self.game.generator_loss(self.generate(count, labels), labels=labels), None)
        )

    def generate(self, count: int, labels: Any = None) -> Any:
        """Make images of new latent vectors, float32, count × resolution × resolution × channels."""
        latents = draw_latents(self.options.latents, count, self.random)
        return self.networks["generator"](latents if labels is None else [latents, labels], training=True)

    def real_images(self, images: Any, fade: Any) -> Any:
        """Return real images as the resolution in training shows them.

        Args:
            images: float32, batch × height × height × channels, of that resolution or a larger one.
            fade: How far the resolution is faded in over the one before, a scalar.

        Returns:
            float32, batch × resolution × resolution × channels; while they fade, with as much of the colours of the smaller
            resolution as the generated ones.
        """
        generator = self.networks["generator"]
        given = tuple(images.shape[1:3])
        while images.shape[1] > generator.resolution and images.shape[1] % 2 == 0:
            images = halved(images)
        if tuple(images.shape[1:3]) != (generator.resolution, generator.resolution):
            raise ConfigError(
                f"Training at {generator.resolution} × {generator.resolution} needs images of that size, or of a power of two "
                f"times as much.\nReceived: {given[0]} × {given[1]}",
                hint="Leave transforms that change the size out of the train stage; `prepare` does them.",
            )
        return blended(enlarged(halved(images)), images, fade) if generator.fading else images

    def fade_of(self, resolution: int, step: Any) -> Any:
        """Return how far a resolution is faded in.

        Args:
            resolution: Any of the training.
            step: Steps taken before the one in question, an int32 scalar.

        Returns:
            float32 scalar from 0, not reached or just grown, to 1.
        """
        number = next(number for number, phase in enumerate(self.phases) if phase.resolution == resolution)
        if number == 0:
            return ops.ones((), "float32")
        steps = step - sum(phase.steps for phase in self.phases[:number])
        if not self.options.fade_images:
            return ops.cast(steps >= 0, "float32")
        images = ops.cast(steps, "float32") * self.phases[number].batch_size
        return ops.clip(images / (1000.0 * self.options.fade_images), 0.0, 1.0)

    def one_hot(self, batch: Mapping[str, Any]) -> Any:
        """Return the labels of a batch, float32, batch × classes; None where they are not used."""
        return ops.one_hot(batch[LABEL], len(self.classes), dtype="float32") if self.label_use else None

    # -- what it has learnt -------------------------------------------------------------------------------

    def inference_networks(self) -> dict[str, keras.Model]:
        """Return the generator as far as it has grown, followed at every call: images of full size, enlarged."""
        generator = self.ema_networks.get("generator", self.networks["generator"])
        vectors = layers.Input((self.options.latents.size,), name="latents")
        labels = [layers.Input((len(self.classes),), name="labels")] if self.classes else []
        inputs = [vectors, *labels] if labels else vectors
        images = LiveImages(generator, self.training_step, self._fades, name="images")(inputs)
        return {"sample": keras.Model(inputs, images, name="progan_generator")}

    def networks_to_save(self) -> dict[str, tuple[keras.Model, Component]]:
        """Return the generator at the resolution reached, with as much of that as is faded in."""
        resolution, fade = self._reached()
        component: Component = self.components["generator"]
        options = component.options.model_copy(update={"fade": fade})
        component = Component(component.name, component.spec, options)
        network = component.create(
            latents=self.options.latents.size,
            output_shape=(resolution, resolution, self.channels),
            classes=len(self.classes),
        )
        trained = self.ema_networks.get("generator", self.networks["generator"]).parts
        for layer in network.layers:
            if layer.weights:
                layer.set_weights(trained[layer.name].get_weights())
        return {"sample": (network, component)}

    # -- inside -------------------------------------------------------------------------------------------

    def _grow(self, resolution: int) -> None:
        fading = resolution > self.phases[0].resolution and bool(self.options.fade_images)
        for network in (*self.networks.values(), *self.ema_networks.values()):
            network.resolution, network.fading = resolution, fading

    def _fades(self, step: Any) -> list[Any]:
        """Return how far each resolution after 4 × 4 is faded in when so many steps are taken."""
        first = self.phases[0].resolution
        return [self.fade_of(max(size, first), step) for size in resolutions_to(self.last)[1:]]

    def _reached(self) -> tuple[int, float]:
        """Return the largest resolution that can be seen in the images, and how far it is faded in."""
        sizes = resolutions_to(self.last)
        shares = [
            1.0,
            *(float(ops.convert_to_numpy(fade)) for fade in self._fades(ops.convert_to_tensor(self.training_step))),
        ]
        return next((size, share) for size, share in zip(reversed(sizes), reversed(shares), strict=True) if share > 0)

    def _minimize(self, name: str, loss_fn: Any) -> Any:
        """Minimize by the variables in use alone: those of resolutions not reached stay, and cost nothing."""
        variables = self.networks[name].active_variables
        loss, _, gradients = self.gradients(loss_fn, variables)
        self.apply_gradients(name, gradients, variables)
        return loss
