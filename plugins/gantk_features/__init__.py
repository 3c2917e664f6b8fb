"""Built-in plugin: trained networks whose inner layers serve metrics and perceptual losses."""

from __future__ import annotations

from gantk import FeatureNetworkSpec, hookimpl
from gantk_features.options import EfficientNetLite0Options, InceptionV3Options, VGG16Options, VGG19Options


@hookimpl
def gantk_feature_networks() -> list[FeatureNetworkSpec]:
    """Return the built-in feature networks."""
    return [
        FeatureNetworkSpec(
            name="vgg16",
            factory="gantk_features.vgg:VGG16",
            options=VGG16Options,
            summary="VGG16 without its dense layers, from a file or downloaded by Keras.",
            reference="Simonyan 2015, configuration D, https://arxiv.org/abs/1409.1556",
        ),
        FeatureNetworkSpec(
            name="vgg19",
            factory="gantk_features.vgg:VGG19",
            options=VGG19Options,
            summary="VGG19 without its dense layers, from a file or downloaded by Keras; the network of SRGAN's loss.",
            reference="Simonyan 2015, configuration E, https://arxiv.org/abs/1409.1556",
        ),
        FeatureNetworkSpec(
            name="inception_v3",
            factory="gantk_features.inception_v3:InceptionV3",
            options=InceptionV3Options,
            summary="InceptionV3 of Keras Applications; it is not the Inception of the original FID code.",
            reference="Szegedy 2016, https://arxiv.org/abs/1512.00567",
        ),
        FeatureNetworkSpec(
            name="efficientnet_lite0",
            factory="gantk_features.efficientnet_lite0:EfficientNetLite0",
            options=EfficientNetLite0Options,
            summary="EfficientNet-lite0 from a file, small and quick on a CPU.",
            reference="Tan 2019, https://arxiv.org/abs/1905.11946; the lite variant has no squeeze and excitation",
        ),
    ]
