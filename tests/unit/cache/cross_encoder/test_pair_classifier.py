"""The cross-encoder's head: which pairs it is asked about, and what its word means."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.cross_encoder.pair_classifier import (
    LONGEST_PAIR,
    PairClassifier,
    language_of_both,
    objections_to_reading,
    read_pair_classifier,
)
from cache.semantic.pair_encoder import load_pair_classifier
from cache.semantic.verifier_file import load_verifier
from cache.verification.accept import FORM_SCORE
from cache.verification.lexical_guard import Difference
from runtime.config.sections.cache import CacheSettings

probabilities = st.floats(0, 1)
odds = st.floats(-30, 30)


@pytest.fixture(scope="module")
def classifier() -> PairClassifier:
    return load_pair_classifier()


@given(probabilities, probabilities, odds, odds, st.sampled_from(["en", "de", None]))
def test_who_of_both_is_surer_never_lowers_the_score(
    a: float, b: float, first: float, second: float, language: str | None
) -> None:
    scale = load_pair_classifier().scale(language)
    low = scale.score(min(a, b), min(first, second))
    high = scale.score(max(a, b), max(first, second))
    assert 0 <= low <= high <= 1


@pytest.mark.parametrize("language", ["en", "de"])
def test_its_scores_are_on_the_verifiers_scale(
    classifier: PairClassifier, language: str | None
) -> None:
    verifier = load_verifier(CacheSettings(), classifier.verifier)
    scale = classifier.scale(language)
    for mark, point in zip(scale.odds[1:], scale.points[1:], strict=True):
        score = scale.score(1 / (1 + np.exp(-float(mark))), float(mark))
        assert score == pytest.approx(float(point), abs=1e-3)
        assert any(abs(point - there) < 1e-3 for there in verifier.points)


def test_only_what_the_verifier_leaves_in_doubt_is_read(classifier: PairClassifier) -> None:
    scale = classifier.english
    between = (scale.least + scale.sure) / 2
    open_guard = Difference("number", "3 against 4")
    closed_guard = replace(open_guard, is_decisive=True)
    assert classifier.leaves_doubt(between, "a", "b", (), "en")
    assert classifier.leaves_doubt(between, "a", "b", (open_guard,), "en")
    assert not classifier.leaves_doubt(between, "a", "b", (closed_guard,), "en")
    assert not classifier.leaves_doubt(scale.least - 0.001, "a", "b", (), "en")
    assert not classifier.leaves_doubt(scale.sure + 0.001, "a", "b", (), "en")
    assert not classifier.leaves_doubt(between, "a" * LONGEST_PAIR, "b", (), "en")


@pytest.mark.parametrize("language", ["de", "ja", None])
def test_in_other_languages_the_verifier_hardly_counts(
    classifier: PairClassifier, language: str | None
) -> None:
    """It has learned from English alone: what it finds unlikely is read all the same."""
    for verified in (0.0, 0.001, 0.9):
        assert classifier.leaves_doubt(verified, "a", "b", (), language)
    scale = classifier.scale(language)
    assert scale.averaged(0.01, 3.0) > scale.averaged(0.99, 0.0)


@pytest.mark.parametrize("language", ["en", "de", "ja", None])
def test_what_has_one_form_is_never_read(classifier: PairClassifier, language: str | None) -> None:
    """The cross-encoder isn't sure of a greeting or a second space; the form and the guard are."""
    assert not classifier.leaves_doubt(FORM_SCORE, "a", "b", (), language)


@pytest.mark.parametrize(
    ("a", "b", "both"), [("de", "de", "de"), ("de", "en", None), (None, None, None)]
)
def test_the_language_of_a_pair(a: str | None, b: str | None, both: str | None) -> None:
    assert language_of_both(a, b) == both


def test_a_certain_verifier_has_finite_odds(classifier: PairClassifier) -> None:
    averaged = classifier.english.averaged
    assert averaged(1.0, 0.0) == pytest.approx(-averaged(0.0, 0.0))
    assert averaged(1.0, 0.0) < 10


def test_another_files_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format 1, not 2"):
        read_pair_classifier({"format": np.array(1)})


def test_outside_of_english_a_reading_hears_what_is_decisive_and_numbers() -> None:
    number = Difference("number", "3 against 4")
    sign, name = Difference("sign", "", is_decisive=True), Difference("name", "wie against was")
    found = (sign, number, name)
    assert objections_to_reading(found, "en") == found
    assert objections_to_reading(found, "de") == (sign, number)
