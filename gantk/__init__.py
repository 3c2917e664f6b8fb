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
        SynthesisGeneratorChoice,
        TransformChoice,
    )
    from gantk.data.decode import decode_image
    from gantk.engine.adversarial_game import AdversarialGame
    from gantk.engine.exporting import exporting
    from gantk.engine.image_pool import ImagePool
    from gantk.engine.latents import LatentOptions, draw_latents, latent_vectors
    from gantk.engine.model import AdversarialModel
    from gantk.engine.model_context import ModelContext
    from gantk.engine.options import OptimizerOptions
    from gantk.engine.penalties.options import GradientPenaltyOptions, PenaltyOptions
    from gantk.engine.phases import Phase
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
        Sampler,
        Source,
        Stage,
        Transform,
        Translator,
        WeightMap,
        WeightPlan,
    )
    from gantk.specs import (
        DiscriminatorOptions,
        DiscriminatorSpec,
        FeatureNetworkOptions,
        FeatureNetworkSpec,
        GeneratorOptions,
        GeneratorSpec,
        GrowingModelOptions,
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
        "SynthesisGeneratorChoice",
        "TransformChoice",
    ),
    "gantk.data.decode": ("decode_image",),
    "gantk.engine.adversarial_game": ("AdversarialGame",),
    "gantk.engine.exporting": ("exporting",),
    "gantk.engine.image_pool": ("ImagePool",),
    "gantk.engine.latents": ("LatentOptions", "draw_latents", "latent_vectors"),
    "gantk.engine.model": ("AdversarialModel",),
    "gantk.engine.model_context": ("ModelContext",),
    "gantk.engine.options": ("OptimizerOptions",),
    "gantk.engine.penalties.options": ("GradientPenaltyOptions", "PenaltyOptions"),
    "gantk.engine.phases": ("Phase",),
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
        "Sampler",
        "Source",
        "Stage",
        "Transform",
        "Translator",
        "WeightMap",
        "WeightPlan",
    ),
    "gantk.specs": (
        "DiscriminatorOptions",
        "DiscriminatorSpec",
        "FeatureNetworkOptions",
        "FeatureNetworkSpec",
        "GeneratorOptions",
        "GeneratorSpec",
        "GrowingModelOptions",
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
    "DiscriminatorOptions",
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
    "GradientPenaltyOptions",
    "GrowingModelOptions",
    "ImagePool",
    "InternalError",
    "Item",
    "LatentOptions",
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
    "PenaltyOptions",
    "Phase",
    "PictureNumbers",
    "PictureSet",
    "PluginError",
    "RunFailed",
    "Sampler",
    "Source",
    "SourceChoice",
    "SourceOptions",
    "SourceSpec",
    "Stage",
    "StageContext",
    "StageSpec",
    "SynthesisGeneratorChoice",
    "Transform",
    "TransformChoice",
    "TransformSpec",
    "Translator",
    "UsageError",
    "WeightMap",
    "WeightMapSpec",
    "WeightPlan",
    "decode_image",
    "draw_latents",
    "exporting",
    "hookimpl",
    "latent_vectors",
    "take_trained_weights",
]
