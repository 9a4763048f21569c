"""The cross-encoder's head: which pairs it is asked about, and what its word means."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.cross_encoder.pair_classifier import (
    LONGEST_PAIR,
    PairClassifier,
    averaged,
    read_pair_classifier,
)
from cache.semantic.pair_encoder import load_pair_classifier
from cache.semantic.verifier_file import load_verifier
from cache.verification.lexical_guard import Difference
from runtime.config.sections.cache import CacheSettings

probabilities = st.floats(0, 1)
odds = st.floats(-30, 30)


@pytest.fixture(scope="module")
def classifier() -> PairClassifier:
    return load_pair_classifier()


@given(probabilities, probabilities, odds, odds)
def test_who_of_both_is_surer_never_lowers_the_score(
    a: float, b: float, first: float, second: float
) -> None:
    classifier = load_pair_classifier()
    low = classifier.score(min(a, b), min(first, second))
    high = classifier.score(max(a, b), max(first, second))
    assert 0 <= low <= high <= 1


def test_its_scores_are_on_the_verifiers_scale(classifier: PairClassifier) -> None:
    verifier = load_verifier(CacheSettings(), classifier.verifier)
    for mark, point in zip(classifier.odds[1:], classifier.points[1:], strict=True):
        score = classifier.score(1 / (1 + np.exp(-float(mark))), float(mark))
        assert score == pytest.approx(float(point), abs=1e-3)
        assert any(abs(point - there) < 1e-3 for there in verifier.points)


def test_only_what_the_verifier_leaves_in_doubt_is_read(classifier: PairClassifier) -> None:
    least, sure = map(float, classifier.doubts)
    between = (least + sure) / 2
    open_guard = Difference("number", "3 against 4")
    assert classifier.leaves_doubt(between, "a", "b", ())
    assert classifier.leaves_doubt(between, "a", "b", (open_guard,))
    assert not classifier.leaves_doubt(between, "a", "b", (replace(open_guard, is_decisive=True),))
    assert not classifier.leaves_doubt(least - 0.001, "a", "b", ())
    assert not classifier.leaves_doubt(sure + 0.001, "a", "b", ())
    assert not classifier.leaves_doubt(between, "a" * LONGEST_PAIR, "b", ())


def test_a_certain_verifier_has_finite_odds() -> None:
    assert averaged(1.0, 0.0) == pytest.approx(-averaged(0.0, 0.0))
    assert averaged(1.0, 0.0) < 10


def test_another_files_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format 0, not 1"):
        read_pair_classifier({"format": np.array(0)})
