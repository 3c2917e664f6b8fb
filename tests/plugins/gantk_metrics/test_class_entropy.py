"""The Inception score's formula and divergences of class counts, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gantk_metrics.class_entropy import class_divergence, entropy_score, softmax, split_scores


def test_all_alike_is_one_and_all_sure_and_even_is_the_number_of_classes() -> None:
    assert entropy_score(np.full((6, 4), 0.25)) == pytest.approx(1)
    assert entropy_score(np.tile([0.1, 0.7, 0.2], (5, 1))) == pytest.approx(1)
    assert entropy_score(np.eye(4)[[0, 1, 2, 3, 0, 1, 2, 3]]) == pytest.approx(4)


def test_two_answers_by_hand() -> None:
    # Marginal (0.5, 0.5); KL of (0.9, 0.1) to it is 0.9 ln 1.8 + 0.1 ln 0.2 = 0.368064, the same for its mirror image.
    assert entropy_score(np.array([[0.9, 0.1], [0.1, 0.9]])) == pytest.approx(np.exp(0.3680642), rel=1e-6)


def test_splits_have_marginals_of_their_own() -> None:
    # Each half sees one class alone: its score is 1, where that of the whole is 2.
    answers = np.eye(2)[[0, 0, 1, 1]]
    assert split_scores(answers, 2) == (1.0, 0.0)
    assert split_scores(answers, 1)[0] == pytest.approx(2)
    mean, deviation = split_scores(np.eye(2)[[0, 0, 0, 1]], 2)
    assert (mean, deviation) == (pytest.approx(1.5), pytest.approx(0.5))


def test_softmax_of_large_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([[1000.0, 1000.0 + np.log(3)]])), [[0.25, 0.75]])


def test_divergence_of_counts() -> None:
    assert class_divergence(np.array([2, 2]), np.array([50, 50])) == pytest.approx(0)
    assert class_divergence(np.array([4, 0]), np.array([1, 1])) == pytest.approx(np.log(2))
    assert np.isnan(class_divergence(np.array([0, 0]), np.array([1, 1])))
    assert class_divergence(np.array([1, 1]), np.array([1, 0])) == np.inf
