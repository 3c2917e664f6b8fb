"""VGG's convolutions (Simonyan 2015), before and after every rectifier."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from gantk import FeaturePreprocessing, RunFailed
from gantk_features.float32_layers import float32_layers
from gantk_features.keras_weights import load_application
from gantk_features.options import VGGOptions
from gantk_features.weight_file import WeightFile

TORCHVISION = FeaturePreprocessing((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
"""ImageNet's mean and deviation in levels, as torchvision has them: 255 × (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)."""

CAFFE = FeaturePreprocessing((123.68, 116.779, 103.939), (1.0, 1.0, 1.0), order="BGR")
"""What the authors' own weights were trained with, which Keras has (`keras.applications.vgg19.preprocess_input`)."""

_PREPROCESSING = {"caffe": CAFFE, "torchvision": TORCHVISION}


class VGG:
    """A VGG as far as its last convolution.

    Args:
        options: Where the weights are.

    Raises:
        RunFailed: The file does not hold these weights (their widths may be any), or they cannot be downloaded.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    downloaded: ClassVar[str]
    application: ClassVar[Callable[..., keras.Model]]

    def __init__(self, options: VGGOptions) -> None:
        self._activations = options.activations
        file = options.file
        suffix = Path(file).suffix.lower() if file is not None else ".h5"
        if suffix not in (".npz", ".h5"):
            raise RunFailed(
                f"{self.name}: expected a file of weights, .npz, .h5 or .weights.h5. Received: {file}",
                hint="torch weights: save each convolution's kernel, height × width × in × out, with numpy.savez.",
            )
        self._file = WeightFile(str(file), self.name) if suffix == ".npz" else None
        if self._file is not None:
            description, self._weights = self._file.description, list(self._from_arrays(self._file))
        else:
            description, self._weights = self._from_keras(file)
        given = options.preprocessing or ("caffe" if self._file is None else "torchvision")
        self.preprocessing = _PREPROCESSING[given]
        self.description: Mapping[str, str] = {"network": self.title, **description}

    def build(self, layers: Sequence[str]) -> keras.Model:
        """Return the network as far as these layers."""
        with float32_layers():
            features = image = keras.Input((None, None, 3))
            outputs: dict[str, Any] = {}
            for (before, after), weights in zip(self._activations.items(), self._weights, strict=True):
                if set(layers) <= outputs.keys():
                    break
                if before.endswith("_1") and outputs:
                    features = keras.layers.MaxPooling2D(2)(features)
                convolution = keras.layers.Conv2D(
                    weights[0].shape[-1], 3, padding="same", kernel_initializer="zeros", name=before
                )
                outputs[before] = convolution(features)
                convolution.set_weights(weights)
                outputs[after] = features = keras.layers.ReLU(name=after)(outputs[before])
            network = keras.Model(image, [outputs[name] for name in layers])
        network.trainable = False
        return network

    def further_weights(self, name: str, shape: tuple[int | None, ...], needed_by: str) -> NDArray[np.float32]:
        """Return an array of the weights file that is not the network's own.

        Args:
            name: Its name.
            shape: What it must have; None where any length will do.
            needed_by: Who asks, for messages.

        Raises:
            RunFailed: There is none.
        """
        if self._file is None:
            raise RunFailed(
                f"{needed_by}: expected weights of {self.title} in a .npz file, with the array {name!r}. "
                f"Received: {self.description['file']}",
                hint=f"{{type: {self.name}, path: FILE.npz}}",
            )
        return self._file.take(name, shape, needed_by=needed_by)

    def _from_arrays(self, file: WeightFile) -> Iterator[list[NDArray[np.float32]]]:
        channels = 3
        for number in range(len(self._activations)):
            kernel = file.take(f"conv{number}/kernel", (3, 3, channels, None))
            channels = kernel.shape[-1]
            yield [kernel, file.take(f"conv{number}/bias", (channels,))]

    def _from_keras(self, file: str | None) -> tuple[dict[str, str], list[list[NDArray[np.float32]]]]:
        network, description = load_application(
            self.name, self.title, file, self.downloaded, type(self).application, "weights"
        )
        convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
        return description, [layer.get_weights() for layer in convolutions]


class VGG16(VGG):
    """VGG16, configuration D."""

    name = "vgg16"
    title = "VGG16"
    downloaded = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"

    @staticmethod
    def application(**arguments: Any) -> keras.Model:
        """Build Keras' own."""
        return keras.applications.VGG16(**arguments)


class VGG19(VGG):
    """VGG19, configuration E."""

    name = "vgg19"
    title = "VGG19"
    downloaded = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"

    @staticmethod
    def application(**arguments: Any) -> keras.Model:
        """Build Keras' own."""
        return keras.applications.VGG19(**arguments)
