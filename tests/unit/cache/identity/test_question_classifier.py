"""When a second look is wanted, and what both say together."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.identity.cacheable import (
    DoNotKeep,
    KeepBriefly,
    KeepForAll,
    ToRecognise,
    recognised_retention,
)
from cache.identity.question_classifier import (
    LONGEST_QUESTION,
    combined,
    in_doubt,
    is_unsure,
    read_classifier,
)
from cache.identity.recogniser import ALWAYS_IN_DOUBT, BOUND_KINDS, Recognition, Shares

QUESTION = ToRecognise("Who leads the league?", BOUND_KINDS)


def said(timeless: float, language: str | None = "en") -> Recognition:
    return Recognition((timeless, 1 - timeless, 0.0, 0.0), language, 0.3, 0.5)


def unknown(timeless: float) -> Recognition:
    """Of a question whose language the recogniser doesn't know."""
    return replace(said(timeless, None), doubt=ALWAYS_IN_DOUBT[0], refuse=ALWAYS_IN_DOUBT[1])


def test_all_is_looked_at_again_but_what_is_surely_timeless() -> None:
    seen = [is_unsure("Who leads?", said(share)) for share in (0.9995, 0.97, 0.5, 0.03, 0.001)]
    assert seen == [False, True, True, True, True]


def test_long_texts_are_not() -> None:
    assert not is_unsure("a" * (LONGEST_QUESTION + 1), said(0.5))
    assert not is_unsure("a" * (LONGEST_QUESTION + 1), unknown(0.5))


@given(st.floats(0, 1), st.sampled_from(["moment", "person"]))
def test_in_an_unknown_language_a_look_refuses_or_leaves_the_doubt(
    timeless: float, kind: str
) -> None:
    first, rest = replace(unknown(0.5), shares=(0.25, 0.25, 0.25, 0.25)), 1 - timeless
    assert is_unsure("Le PSG a gagné ?", first)
    second: Shares = (timeless, rest, 0, 0) if kind == "moment" else (timeless, 0, rest, 0)
    kept = recognised_retention(QUESTION, combined(first, second))
    assert isinstance(kept, DoNotKeep) or kept == KeepBriefly("language not known", None)
    if not 0.1 < timeless < 0.9:
        assert isinstance(kept, DoNotKeep) == (timeless <= 0.1)


def test_what_looks_like_a_conversations_rest_in_an_unknown_script_stays_in_doubt() -> None:
    both = combined(unknown(0.3), (0.02, 0.02, 0.02, 0.94))
    assert recognised_retention(QUESTION, both) == KeepBriefly("language not known", None)


@given(st.floats(0, 1), st.floats(0, 1))
def test_both_together_lie_between_both(first: float, second: float) -> None:
    shares: Shares = (second, 1 - second, 0.0, 0.0)
    both = combined(said(first), shares)
    assert sum(both.shares) == pytest.approx(1)
    low, high = sorted([first, second])
    assert low - 1e-3 <= both.share("timeless") <= high + 1e-3


@pytest.mark.parametrize(
    ("timeless", "kind"), [(0.9, KeepForAll), (0.7, KeepBriefly), (0.53, DoNotKeep)]
)
def test_both_together_have_thresholds_of_their_own(timeless: float, kind: type) -> None:
    shares: Shares = (timeless, 1 - timeless, 0.0, 0.0)
    both = combined(said(timeless), shares)
    assert isinstance(recognised_retention(QUESTION, both), kind)


def test_a_look_that_was_not_had_leaves_a_doubt_and_no_refusal_undone() -> None:
    assert isinstance(recognised_retention(QUESTION, in_doubt(said(0.9))), KeepBriefly)
    assert isinstance(recognised_retention(QUESTION, in_doubt(said(0.1))), DoNotKeep)


def parts(kinds: int = 4) -> dict[str, np.ndarray]:
    return {
        "format": np.array(1),
        "embedder": np.array("e"),
        "mean": np.zeros(3, np.float32),
        "hidden": np.eye(3, dtype=np.float16),
        "hidden_bias": np.zeros(3, np.float32),
        "output": np.eye(3, kinds, dtype=np.float32) * 9,
        "output_bias": np.zeros(kinds, np.float32),
    }


def test_the_classifier_gives_probabilities() -> None:
    shares = read_classifier(parts()).shares(np.array([0, 2, 0], np.float32))
    assert sum(shares) == pytest.approx(1)
    assert shares.index(max(shares)) == 1


def test_another_files_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="kinds"):
        read_classifier(parts(kinds=3))
    with pytest.raises(ValueError, match="format 2"):
        read_classifier({**parts(), "format": np.array(2)})
