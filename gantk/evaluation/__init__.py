"""Measuring a trained model beside its baselines, every number with its protocol."""

from gantk.evaluation.colour_lookup import ColourLookupTranslator
from gantk.evaluation.evaluate import evaluate
from gantk.evaluation.prepared_data import PreparedEvaluationData
from gantk.evaluation.training_mean import TrainingMeanTranslator
from gantk.evaluation.training_pairs import TrainingPairs
from gantk.evaluation.translators import BicubicTranslator, IdentityTranslator, NetworkTranslator

__all__ = [
    "BicubicTranslator",
    "ColourLookupTranslator",
    "IdentityTranslator",
    "NetworkTranslator",
    "PreparedEvaluationData",
    "TrainingMeanTranslator",
    "TrainingPairs",
    "evaluate",
]
