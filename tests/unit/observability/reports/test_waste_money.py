"""Is what a finding saves what the same traffic would have cost less without that waste?

Each case prices a tenant's calls one by one, as they were and as they would have been without the
waste. The difference, scaled to a month, is what the finding must say, to the last digit.
"""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observability.ledger.ledger import UsageBatch
from observability.ledger.stores.selection import ledger_at
from observability.pricing.prices import TokenRates, charge, rates_of
from observability.reports.period import ReportPeriod
from observability.reports.waste import RepeatedPrefix, UnusedContext, WasteFinding, rank_waste
from observability.reports.waste_evidence import collect_waste, observed_days
from producers.contract import Attempt, CacheOutcome, Usage, UsageEvent
from tests.unit.observability.usage_events import DAY_MS, START_MS

SPAN = ReportPeriod(START_MS, START_MS + 10 * DAY_MS)
MONTH = 3
"""Periods of ten days in a month of thirty."""
RATES = TokenRates(
    input=Decimal(3), cache_read=Decimal("0.3"), cache_write_5m=Decimal("3.75"),
    cache_write_1h=Decimal(6), output=Decimal(15),
)  # fmt: skip
PREFIX, QUESTION, ANSWER = 2_000, 100, 50

some = settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def call(number: int, usage: Usage, **changes: object) -> UsageEvent:
    """An answer at its price."""
    event = UsageEvent(
        id=f"{changes.pop('name', 'e')}{number}", tenant="acme", at_ms=START_MS, outcome="done",
        tier="economy", deployment="d", provider="p", model="m", usage=usage,
        cost_micro_usd=charge(RATES, usage), cache=CacheOutcome(result="miss"),
        finish_reason="stop",
    )  # fmt: skip
    return event.model_copy(update=changes)


def sound(number: int) -> UsageEvent:
    """A call of another tenant with nothing wrong with it, at the beginning of the period."""
    usage = Usage(input_uncached=500, cache_read=PREFIX, output=200)
    return call(
        number, usage, name="sound", tenant="globex", at_ms=START_MS + number * 60_000,
        prefix_hash="sound", prefix_tokens=PREFIX, prompt_hash=f"p{number}", max_tokens=500,
        context_tokens=400, context_used_share=0.9,
    )  # fmt: skip


def findings(tmp_path: Path, events: Sequence[UsageEvent]) -> list[WasteFinding]:
    path = tmp_path / "ledger.duckdb"
    path.unlink(missing_ok=True)
    ledger = ledger_at(str(path))
    ledger.create()
    ledger.book(UsageBatch([*map(sound, range(150)), *events], {}))
    with ledger.reading() as db:
        return rank_waste(
            collect_waste(db, SPAN), lambda _provider, _model: RATES, observed_days(db, SPAN)
        )


def saved(before: Sequence[Usage], after: Sequence[Usage]) -> Decimal:
    """A month's difference."""
    paid, needed = (
        sum((charge(RATES, u) for u in usages), Decimal(0)) for usages in (before, after)
    )
    return (paid - needed) * MONTH


def test_sound_traffic_has_no_findings(tmp_path: Path) -> None:
    assert findings(tmp_path, []) == []


@some
@given(st.lists(st.integers(1, 6), min_size=1, max_size=6).filter(lambda b: sum(b) - len(b) >= 3))
def test_a_prefix_saves_what_reading_it_from_the_cache_would(
    tmp_path: Path, bursts: list[int]
) -> None:
    """Each burst writes the prefix once and reads it for the rest; an hour lies between bursts."""
    events = [
        call(
            hour * 100 + n, Usage(input_uncached=PREFIX + QUESTION, output=ANSWER),
            at_ms=START_MS + hour * 3_600_000 + n * 1_000, prefix_hash="x", prefix_tokens=PREFIX,
        )
        for hour, length in enumerate(bursts)
        for n in range(length)
    ]  # fmt: skip
    first = Usage(input_uncached=QUESTION, cache_write_5m=PREFIX, output=ANSWER)
    again = Usage(input_uncached=QUESTION, cache_read=PREFIX, output=ANSWER)
    cached = [usage for length in bursts for usage in [first, *[again] * (length - 1)]]
    expected = saved([event.usage for event in events], cached)
    found = findings(tmp_path, events)
    assert [(f.kind, f.saves) for f in found] == ([("prefix", expected)] if expected > 0 else [])


def test_a_prefix_estimated_longer_than_its_prompts_saves_no_more_than_they_cost(
    tmp_path: Path,
) -> None:
    usages = [Usage(input_uncached=1_500, output=ANSWER)] * 5
    events = [
        call(n, u, at_ms=START_MS + n, prefix_hash="x", prefix_tokens=9_000)
        for n, u in enumerate(usages)
    ]
    whole = [
        Usage(cache_write_5m=1_500, output=ANSWER),
        *[Usage(cache_read=1_500, output=ANSWER)] * 4,
    ]
    (finding,) = findings(tmp_path, events)
    assert finding.saves == saved(usages, whole)


def test_a_price_without_a_discount_makes_no_prefix_worth_caching() -> None:
    plain = rates_of(input=Decimal(2), output=Decimal(6))
    assert rank_waste([RepeatedPrefix("t", "p", "m", 90, 1, 2000)], lambda *_: plain, 30) == []


@some
@given(copies=st.integers(4, 30), hits=st.integers(0, 3), other_tier=st.booleans())
def test_duplicates_save_what_all_but_the_first_had_cost(
    tmp_path: Path, copies: int, hits: int, *, other_tier: bool
) -> None:
    usage = Usage(input_uncached=QUESTION, output=ANSWER)
    events = [call(n, usage, at_ms=START_MS + n * 1_000, prompt_hash="same") for n in range(copies)]
    events += [
        call(
            n, Usage(), name="hit", at_ms=START_MS + 10_000_000 + n, prompt_hash="same",
            model=None, cache=CacheOutcome(result="hit"),
        )
        for n in range(hits)
    ]  # fmt: skip
    if other_tier:  # an answer of a cheaper tier is none for a dearer one
        events.append(call(0, usage, name="other", prompt_hash="same", tier="premium"))
    (finding,) = findings(tmp_path, events)
    assert (finding.kind, finding.saves) == ("duplicate", saved([usage] * (copies - 1), []))


def test_the_same_prompt_on_another_day_is_no_duplicate(tmp_path: Path) -> None:
    usage = Usage(input_uncached=QUESTION, output=ANSWER)
    days = [
        call(n, usage, at_ms=START_MS + n * DAY_MS + n, prompt_hash="same") for n in range(1, 8)
    ]
    assert findings(tmp_path, days) == []


@some
@given(
    st.lists(st.sampled_from(["ServerError", "overtaken", "RateLimited"]), min_size=1, max_size=8)
)
def test_failed_attempts_save_what_they_were_billed(tmp_path: Path, outcomes: list[str]) -> None:
    usage = Usage(input_uncached=QUESTION, output=ANSWER)
    bad = Usage(input_uncached=QUESTION)
    tries = [
        Attempt(
            deployment="slow", outcome=outcome, usage=bad,
            # a refused call is not billed
            cost_micro_usd=None if outcome == "RateLimited" else charge(RATES, bad),
        )
        for outcome in outcomes
    ]  # fmt: skip
    good = Attempt(deployment="d", outcome="ok", usage=usage, cost_micro_usd=charge(RATES, usage))
    found = findings(tmp_path, [call(0, usage, attempts=(*tries, good))])
    billed = [outcome for outcome in outcomes if outcome != "RateLimited"]
    assert {f.kind for f in found} <= {"failed"}
    assert len(found) == len(set(billed))
    assert sum(f.saves or 0 for f in found) == saved([bad] * len(billed), [])


@some
@given(cut=st.integers(3, 20), whole=st.integers(0, 20))
def test_truncated_answers_save_up_to_what_they_cost(tmp_path: Path, cut: int, whole: int) -> None:
    usage = Usage(input_uncached=QUESTION, output=ANSWER)
    events = [call(n, usage, finish_reason="length", max_tokens=ANSWER) for n in range(cut)]
    events += [call(n, usage, name="whole", max_tokens=ANSWER) for n in range(whole)]
    (finding,) = findings(tmp_path, events)
    assert (finding.kind, finding.saves) == ("truncated", saved([usage] * cut, []))
    assert f"max_tokens {ANSWER}" in finding.do
    assert finding.why.startswith(f"{cut} answers ")


@some
@given(requests=st.integers(3, 12), cached=st.sampled_from([0, 1_000, 4_000]))
def test_unused_context_saves_what_its_tokens_cost_as_they_were_read(
    tmp_path: Path, requests: int, cached: int
) -> None:
    prompt, context, unused = 4_000, 3_000, 2_400
    usage = Usage(input_uncached=prompt - cached, cache_read=cached, output=ANSWER)
    events = [
        call(n, usage, context_tokens=context, context_used_share=1 - unused / context)
        for n in range(requests)
    ]
    read = unused * cached // prompt
    less = Usage(
        input_uncached=prompt - cached - (unused - read), cache_read=cached - read, output=ANSWER
    )
    (finding,) = findings(tmp_path, events)
    assert (finding.kind, finding.saves) == (
        "context",
        saved([usage] * requests, [less] * requests),
    )


def test_context_that_is_mostly_used_is_no_waste(tmp_path: Path) -> None:
    usage = Usage(input_uncached=4_000, output=ANSWER)
    events = [call(n, usage, context_tokens=3_000, context_used_share=0.5) for n in range(9)]
    assert findings(tmp_path, events) == []


def test_an_oversized_limit_costs_rate_and_no_money(tmp_path: Path) -> None:
    usage = Usage(input_uncached=QUESTION, output=ANSWER)
    events = [call(n, usage, max_tokens=4_096) for n in range(100)]
    (finding,) = findings(tmp_path, events)
    assert (finding.kind, finding.saves) == ("max_tokens", Decimal(0))
    assert "from 4,096 to 128" in finding.do
    assert findings(tmp_path, [call(n, usage, max_tokens=200) for n in range(100)]) == []
    assert findings(tmp_path, [call(n, usage, max_tokens=4_096) for n in range(99)]) == []


@pytest.mark.parametrize(("first_day", "days"), [(0, 10.0), (6, 4.0), (9.9, 1.0)])
def test_a_month_is_scaled_from_what_the_ledger_has_seen(
    tmp_path: Path, first_day: float, days: float
) -> None:
    ledger = ledger_at(str(tmp_path / "ledger.duckdb"))
    ledger.create()
    at_ms = START_MS + int(first_day * DAY_MS)
    ledger.book(UsageBatch([call(0, Usage(), at_ms=at_ms)], {}))
    with ledger.reading() as db:
        assert observed_days(db, SPAN) == pytest.approx(days)
        empty = ReportPeriod(START_MS - DAY_MS, START_MS - DAY_MS // 2)
        assert observed_days(db, empty) == 0.5


def test_without_a_price_unused_context_is_told_and_not_priced() -> None:
    (finding,) = rank_waste([UnusedContext("t", "p", "m", 9, 500, 100)], lambda *_: None, 30)
    assert finding.saves is None
