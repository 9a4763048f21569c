from decimal import Decimal
from typing import Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.pricing.in_words import PaidAnswer, answer_in_words, failure_in_words
from producers.contract import Attempt, CacheOutcome
from workers.providers.base import call_outcome

MISS: Final = CacheOutcome(result="miss")


def attempts(*outcomes: str) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(deployment="d", outcome=outcome, started_ms=0, took_ms=1) for outcome in outcomes
    )


def test_a_fallback_and_what_it_saved() -> None:
    sentence = answer_in_words(
        PaidAnswer(
            "economy", Decimal(150), Decimal(3_000), 0.97, MISS, attempts("RateLimited", "ok")
        )
    )
    assert sentence == (
        "economy at 0.015 ct instead of 0.3 ct: 95% less, 97% expected to be good;"
        " cache asked first: miss; second call, after a rate limit"
    )


@pytest.mark.parametrize(
    ("cost", "baseline", "words"),
    [
        (None, Decimal(1), "economy at an unknown price"),
        (Decimal(100), None, "economy at 0.01 ct"),
        (Decimal(0), Decimal(0), "economy at 0 ct"),
        (Decimal(200), Decimal(100), "economy at 0.02 ct instead of 0.01 ct: 100% more"),
        (
            Decimal(20_000_000),
            Decimal(40_000_000),
            "economy at 2,000 ct instead of 4,000 ct: 50% less",
        ),
    ],
)
def test_prices(cost: Decimal | None, baseline: Decimal | None, words: str) -> None:
    bypass = CacheOutcome(result="bypass")
    sentence = answer_in_words(PaidAnswer("economy", cost, baseline, None, bypass, attempts("ok")))
    assert sentence == f"{words}; cache not asked"


def test_a_hit() -> None:
    hit = CacheOutcome(result="hit", step="semantic", score=0.934)
    sentence = answer_in_words(PaidAnswer("economy", Decimal(0), Decimal(3_000), 0.9, hit, ()))
    assert sentence == (
        "economy from the cache: nothing paid instead of 0.3 ct; semantic match, 93% sure"
    )


@pytest.mark.parametrize(
    ("cost", "outcomes", "words"),
    [
        (
            Decimal(200),
            ("ServerError", "TimedOut"),
            "overloaded after 2 calls; 0.02 ct paid in vain",
        ),
        (Decimal(0), ("RateLimited",), "overloaded after 1 call; nothing paid"),
        (Decimal(0), (), "overloaded, nothing was called; nothing paid"),
        (None, ("ServerError",), "overloaded after 1 call; price unknown"),
    ],
)
def test_failures(cost: Decimal | None, outcomes: tuple[str, ...], words: str) -> None:
    assert failure_in_words("overloaded", cost, attempts(*outcomes)) == words


def test_every_outcome_of_a_call_has_its_words() -> None:
    names = {kind.__name__ for kind in get_args(call_outcome.CallOutcome)} - {"Completion"}
    assert names
    for name in names:
        sentence = answer_in_words(PaidAnswer("t", None, None, None, MISS, attempts(name, "ok")))
        assert name not in sentence


@given(
    st.none() | st.decimals(0, 10**12, places=6),
    st.none() | st.decimals(0, 10**12, places=6),
    st.lists(st.sampled_from(["ok", "RateLimited", "odd"]), max_size=12),
)
def test_it_is_one_line_whatever_was_paid(
    cost: Decimal | None, baseline: Decimal | None, outcomes: list[str]
) -> None:
    sentence = answer_in_words(PaidAnswer("tier", cost, baseline, 0.5, MISS, attempts(*outcomes)))
    assert "\n" not in sentence
    assert len(sentence) < 300
