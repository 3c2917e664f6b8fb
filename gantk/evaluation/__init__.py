"""Measuring a trained model beside its baselines, every number with its protocol."""

from gantk.evaluation.evaluate import evaluate
from gantk.evaluation.prepared_data import PreparedEvaluationData
from gantk.evaluation.translators import IdentityTranslator, NetworkTranslator

__all__ = ["IdentityTranslator", "NetworkTranslator", "PreparedEvaluationData", "evaluate"]
