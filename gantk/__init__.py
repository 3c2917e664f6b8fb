"""Pipelines for image-to-image and sequence GANs on Keras 3, TensorFlow and JAX.

Everything a plugin author needs is a name of this package. Names are imported on first use, so
`import gantk` loads no framework.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from gantk.artifacts.trained_weights import take_trained_weights
    from gantk.config.components import (
        AdversarialLossChoice,
        Choice,
        Component,
        DiscriminatorChoice,
        FeatureNetworkChoice,
        GeneratorChoice,
        MetricChoice,
        ModelChoice,
        PairwiseLossChoice,
        SourceChoice,
        TransformChoice,
    )
    from gantk.data.decode import decode_image
    from gantk.engine.adversarial_game import AdversarialGame
    from gantk.engine.exporting import exporting
    from gantk.engine.image_pool import ImagePool
    from gantk.engine.model import AdversarialModel
    from gantk.engine.model_context import ModelContext
    from gantk.engine.options import OptimizerOptions
    from gantk.errors import ConfigError, GantkError, InternalError, PluginError, RunFailed, UsageError
    from gantk.hookspecs import HOOK_API_VERSION, hookimpl
    from gantk.pipeline.stage_context import StageContext
    from gantk.protocols import (
        AdversarialLoss,
        Artifact,
        ComparingMetric,
        EvaluationData,
        FeatureNetwork,
        FeaturePreprocessing,
        ForeignNetwork,
        Item,
        MappedWeight,
        Metric,
        MetricResult,
        PairwiseLoss,
        PictureNumbers,
        PictureSet,
        Source,
        Stage,
        Transform,
        Translator,
        WeightMap,
        WeightPlan,
    )
    from gantk.specs import (
        DiscriminatorSpec,
        FeatureNetworkOptions,
        FeatureNetworkSpec,
        GeneratorOptions,
        GeneratorSpec,
        Layout,
        LossSpec,
        MetricSpec,
        ModelSpec,
        Options,
        SourceOptions,
        SourceSpec,
        StageSpec,
        TransformSpec,
        WeightMapSpec,
    )

_MODULES = {
    "gantk.artifacts.trained_weights": ("take_trained_weights",),
    "gantk.config.components": (
        "AdversarialLossChoice",
        "Choice",
        "Component",
        "DiscriminatorChoice",
        "FeatureNetworkChoice",
        "GeneratorChoice",
        "MetricChoice",
        "ModelChoice",
        "PairwiseLossChoice",
        "SourceChoice",
        "TransformChoice",
    ),
    "gantk.data.decode": ("decode_image",),
    "gantk.engine.adversarial_game": ("AdversarialGame",),
    "gantk.engine.exporting": ("exporting",),
    "gantk.engine.image_pool": ("ImagePool",),
    "gantk.engine.model": ("AdversarialModel",),
    "gantk.engine.model_context": ("ModelContext",),
    "gantk.engine.options": ("OptimizerOptions",),
    "gantk.errors": ("ConfigError", "GantkError", "InternalError", "PluginError", "RunFailed", "UsageError"),
    "gantk.hookspecs": ("HOOK_API_VERSION", "hookimpl"),
    "gantk.pipeline.stage_context": ("StageContext",),
    "gantk.protocols": (
        "AdversarialLoss",
        "Artifact",
        "ComparingMetric",
        "EvaluationData",
        "FeatureNetwork",
        "FeaturePreprocessing",
        "ForeignNetwork",
        "Item",
        "MappedWeight",
        "Metric",
        "MetricResult",
        "PairwiseLoss",
        "PictureNumbers",
        "PictureSet",
        "Source",
        "Stage",
        "Transform",
        "Translator",
        "WeightMap",
        "WeightPlan",
    ),
    "gantk.specs": (
        "DiscriminatorSpec",
        "FeatureNetworkOptions",
        "FeatureNetworkSpec",
        "GeneratorOptions",
        "GeneratorSpec",
        "Layout",
        "LossSpec",
        "MetricSpec",
        "ModelSpec",
        "Options",
        "SourceOptions",
        "SourceSpec",
        "StageSpec",
        "TransformSpec",
        "WeightMapSpec",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'gantk' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


__all__ = [
    "HOOK_API_VERSION",
    "AdversarialGame",
    "AdversarialLoss",
    "AdversarialLossChoice",
    "AdversarialModel",
    "Artifact",
    "Choice",
    "ComparingMetric",
    "Component",
    "ConfigError",
    "DiscriminatorChoice",
    "DiscriminatorSpec",
    "EvaluationData",
    "FeatureNetwork",
    "FeatureNetworkChoice",
    "FeatureNetworkOptions",
    "FeatureNetworkSpec",
    "FeaturePreprocessing",
    "ForeignNetwork",
    "GantkError",
    "GeneratorChoice",
    "GeneratorOptions",
    "GeneratorSpec",
    "ImagePool",
    "InternalError",
    "Item",
    "Layout",
    "LossSpec",
    "MappedWeight",
    "Metric",
    "MetricChoice",
    "MetricResult",
    "MetricSpec",
    "ModelChoice",
    "ModelContext",
    "ModelSpec",
    "OptimizerOptions",
    "Options",
    "PairwiseLoss",
    "PairwiseLossChoice",
    "PictureNumbers",
    "PictureSet",
    "PluginError",
    "RunFailed",
    "Source",
    "SourceChoice",
    "SourceOptions",
    "SourceSpec",
    "Stage",
    "StageContext",
    "StageSpec",
    "Transform",
    "TransformChoice",
    "TransformSpec",
    "Translator",
    "UsageError",
    "WeightMap",
    "WeightMapSpec",
    "WeightPlan",
    "decode_image",
    "exporting",
    "hookimpl",
    "take_trained_weights",
]
