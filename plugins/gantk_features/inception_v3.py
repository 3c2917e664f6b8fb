"""InceptionV3 of Keras Applications, whose weights are downloaded (Szegedy 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras

from gantk import FeaturePreprocessing
from gantk_features.float32_layers import float32_layers
from gantk_features.keras_weights import load_application
from gantk_features.options import InceptionV3Options

_DOWNLOADED = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"


class InceptionV3:
    """The outputs of InceptionV3's eleven joined blocks; the last one's average are its 2,048 features.

    Args:
        options: Where the weights are.

    Raises:
        RunFailed: There are no such weights, and they cannot be downloaded.
    """

    preprocessing = FeaturePreprocessing((127.5,) * 3, (127.5,) * 3)

    def __init__(self, options: InceptionV3Options) -> None:
        self._network, weights = load_application(
            "inception_v3", "InceptionV3", options.path, _DOWNLOADED, keras.applications.InceptionV3, "path"
        )
        self._network.trainable = False
        self.description: Mapping[str, str] = {
            "network": "InceptionV3 of keras.applications (not the network of the original FID code: values differ)",
            **weights,
        }

    def build(self, layers: Sequence[str]) -> keras.Model:
        """Return the network as far as these layers."""
        with float32_layers():
            network = keras.Model(self._network.inputs[0], [self._network.get_layer(name).output for name in layers])
        network.trainable = False
        return network
