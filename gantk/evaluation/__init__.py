"""Measuring a trained model beside its baselines, every number with its protocol."""

from gantk.evaluation.colour_lookup import ColourLookupTranslator
from gantk.evaluation.evaluate import evaluate
from gantk.evaluation.fitting_metrics import require_fitting_metrics
from gantk.evaluation.prepared_data import PreparedEvaluationData
from gantk.evaluation.samplers import NetworkSampler, RealSampler
from gantk.evaluation.training_mean import TrainingMeanTranslator
from gantk.evaluation.training_pairs import TrainingPairs
from gantk.evaluation.translators import BicubicTranslator, IdentityTranslator, NetworkTranslator

__all__ = [
    "BicubicTranslator",
    "ColourLookupTranslator",
    "IdentityTranslator",
    "NetworkSampler",
    "NetworkTranslator",
    "PreparedEvaluationData",
    "RealSampler",
    "TrainingMeanTranslator",
    "TrainingPairs",
    "evaluate",
    "require_fitting_metrics",
]
