"""How sure a classifier is of each sample, and how many classes it sees in all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return probabilities, float64, rows × classes, that sum to one in each row."""
    shifted = np.asarray(logits, np.float64)
    weights = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return probabilities


def entropy_score(probabilities: NDArray[Any]) -> float:
    """Return exp(E KL(p(y|x) ‖ p(y))), the score of Salimans 2016, section 4.

    It is 1 where all samples look alike to the classifier, and the number of classes where it is sure of every sample
    and sees each class equally often. p(y) is the mean over these samples.

    Args:
        probabilities: Samples × classes.
    """
    conditional = np.asarray(probabilities, np.float64)
    marginal = conditional.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        # A class that has no probability adds nothing.
        terms = np.where(conditional > 0, conditional * (np.log(conditional) - np.log(marginal)), 0.0)
    return float(np.exp(terms.sum(axis=1).mean()))


def split_scores(probabilities: NDArray[Any], splits: int) -> tuple[float, float]:
    """Return mean and standard deviation of the scores of parts, which follow each other and are as equal as can be.

    Args:
        probabilities: Samples × classes.
        splits: How many parts, no more than samples.
    """
    scores = [entropy_score(part) for part in np.array_split(np.asarray(probabilities, np.float64), splits)]
    return float(np.mean(scores)), float(np.std(scores))


def class_divergence(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Return KL(found ‖ expected) in nats, of two distributions over classes.

    Args:
        found: Counts or shares, none negative; not all zero.
        expected: Likewise, and above zero wherever `found` is.

    Returns:
        NaN where nothing was found.
    """
    one, other = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if not one.sum():
        return float("nan")
    one, other = one / one.sum(), other / other.sum()
    there = one > 0
    with np.errstate(divide="ignore"):
        return float(np.sum(one[there] * (np.log(one[there]) - np.log(other[there]))))
