from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from cache.identity.cacheable import DoNotKeep, Retention, retention_of
from cache.lookup import CLOSED
from cache.semantic.recogniser_file import load_recogniser
from observability.ledger.ledger import UsageBatch
from observability.ledger.stores.selection import ledger_at
from observability.pricing.prices import TokenRates
from observability.reports.period import ReportPeriod
from observability.reports.waste import (
    FailedAttempts,
    MissedDuplicate,
    OversizedLimit,
    RepeatedPrefix,
    Truncated,
    UnusedContext,
    WasteEvidence,
    rank_waste,
    saving,
)
from observability.reports.waste_evidence import collect_waste
from producers.contract import Attempt, CacheOutcome, CacheSubject, Usage, UsageEvent
from runtime.config.sections.cache import CachePolicy
from tests.unit.observability.usage_events import DAY_MS, START_MS, usage_event

SPAN = ReportPeriod(START_MS, START_MS + DAY_MS)
RATES = TokenRates(
    input=Decimal(5), cache_read=Decimal("0.5"), cache_write_5m=Decimal("6.25"),
    cache_write_1h=Decimal(10), output=Decimal(25),
)  # fmt: skip


def priced(_provider: str, _model: str) -> TokenRates:
    return RATES


def unpriced(_provider: str, _model: str) -> None:
    return None


def plain(number: int, **changes: object) -> UsageEvent:
    """An answer without anything wrong with it."""
    sound: dict[str, object] = {
        "id": f"e{number}", "tenant": "acme", "at_ms": START_MS + number * 1000, "model": "m",
        "provider": "p", "deployment": "d", "prefix_hash": None, "prompt_hash": None,
        "tier": "economy",
        "prefix_tokens": None, "max_tokens": None, "usage": Usage(input_uncached=2000, output=100),
        "cost_micro_usd": Decimal(100),
    }  # fmt: skip
    return usage_event(number).model_copy(update=sound | changes)


def found(tmp_path: Path, events: Sequence[UsageEvent]) -> list[WasteEvidence]:
    ledger = ledger_at(tmp_path / "ledger.duckdb")
    ledger.create()
    ledger.book(UsageBatch(events, {}))
    with ledger.reading() as db:
        return list(collect_waste(db, SPAN))


def test_sound_traffic_has_no_findings(tmp_path: Path) -> None:
    assert found(tmp_path, [plain(n) for n in range(20)]) == []


def test_a_prefix_that_repeats_within_minutes_and_is_paid_in_full(tmp_path: Path) -> None:
    burst = [plain(n, prefix_hash="x", prefix_tokens=1500) for n in range(5)]
    later = [plain(n + 1000, prefix_hash="x", prefix_tokens=1500) for n in range(3)]
    assert found(tmp_path, burst + later) == [RepeatedPrefix("acme", "p", "m", 6, 2, 1500)]


def test_pictures_and_sound_are_tokens_of_the_prompt_and_the_answer(tmp_path: Path) -> None:
    seen = Usage(input_uncached=100, input_image=1000, input_audio=800, output=1, output_audio=99)
    burst = [plain(n, prefix_hash="x", prefix_tokens=1500, usage=seen) for n in range(5)]
    assert found(tmp_path, burst) == [RepeatedPrefix("acme", "p", "m", 4, 1, 1500)]
    limited = [plain(n, max_tokens=4096, usage=seen) for n in range(120)]
    (tmp_path / "two").mkdir()
    expected = [OversizedLimit("acme", "m", 120, 4096, 100)]
    assert found(tmp_path / "two", limited) == expected


def test_a_prefix_that_is_cached_already_is_no_waste(tmp_path: Path) -> None:
    cached = Usage(input_uncached=500, cache_read=1500, output=1)
    events = [plain(n, prefix_hash="x", prefix_tokens=1500, usage=cached) for n in range(5)]
    assert found(tmp_path, events) == []


def declared(about: CacheSubject) -> Retention:
    """What the cache says of a question that is declared to be about this."""
    return retention_of("Why?", CachePolicy(), load_recogniser(), about=about)


@pytest.mark.parametrize(
    "reason",
    [
        "about the moment",
        "about the person who asks",
        "about this conversation",
        "about the person who asks, as declared",
        "perhaps about the moment",
        "language not known",
        "a long number may be somebody's",
        "kept only when the caller declares what it is about",
        "the kept answer fails the request's checks: regex",
        CLOSED,
        *(
            refusal.reason
            for about in get_args(CacheSubject)
            if isinstance(refusal := declared(about), DoNotKeep)
        ),
    ],
)
def test_what_the_cache_refused_for_safety_is_no_waste(tmp_path: Path, reason: str) -> None:
    refused = CacheOutcome(result="bypass", reason=reason)
    events = [plain(n, prompt_hash="same", cache=refused) for n in range(5)]
    assert found(tmp_path, events) == []


def test_a_duplicate_that_the_cache_missed_with_its_reason(tmp_path: Path) -> None:
    miss = CacheOutcome(result="miss", reason="guard:number")
    hit = CacheOutcome(result="hit", step="exact")
    events = [plain(n, prompt_hash="same", cache=miss) for n in range(4)]
    events.append(plain(9, prompt_hash="same", cache=hit, cost_micro_usd=Decimal(0)))
    assert found(tmp_path, events) == [MissedDuplicate("acme", "guard:number", 3, Decimal(300))]


def test_attempts_that_were_billed_and_failed(tmp_path: Path) -> None:
    paid = Attempt(deployment="slow", outcome="cut_stream", cost_micro_usd=Decimal("40.5"))
    free = Attempt(deployment="slow", outcome="rate_limited")
    good = Attempt(deployment="d", outcome="ok", cost_micro_usd=Decimal(60))
    events = [plain(n, attempts=(paid, free, good)) for n in range(2)]
    assert found(tmp_path, events) == [FailedAttempts("slow", "cut_stream", 2, Decimal(81))]


def test_answers_that_were_cut_off(tmp_path: Path) -> None:
    events = [plain(n, finish_reason="length", max_tokens=100) for n in range(3)]
    events += [plain(n + 10) for n in range(7)]
    assert found(tmp_path, events) == [Truncated("acme", "m", 3, 10, Decimal(300), 100)]


def test_context_that_left_no_trace(tmp_path: Path) -> None:
    events = [plain(n, context_tokens=1000, context_used_share=0.2) for n in range(5)]
    assert found(tmp_path, events) == [UnusedContext("acme", "p", "m", 5, 4000)]


def test_a_token_limit_far_above_every_answer(tmp_path: Path) -> None:
    events = [plain(n, max_tokens=4096) for n in range(120)]
    assert found(tmp_path, events) == [OversizedLimit("acme", "m", 120, 4096, 100)]


def test_findings_are_ranked_by_what_they_save_a_month() -> None:
    evidence: list[WasteEvidence] = [
        OversizedLimit("acme", "m", 120, 4096, 100),
        Truncated("acme", "m", 3, 10, Decimal(300), 100),
        RepeatedPrefix("acme", "p", "m", repeats=600, bursts=10, tokens=1500),
        MissedDuplicate("acme", "guard", 3, Decimal(9_000)),
    ]
    ranked = rank_waste(evidence, priced, days=3)
    assert [f.kind for f in ranked] == ["prefix", "duplicate", "truncated", "max_tokens"]
    # (4.5 * 600 - 1.25 * 10) * 1500 tokens in 3 days, times 10
    assert ranked[0].saves == Decimal(40_312_500)
    assert ranked[0].do == "Cache the prompt prefix that acme sends to m"
    assert saving(ranked[0]) == "$40.31"


def test_a_cache_that_would_cost_more_than_it_saves_is_not_advised() -> None:
    once_each = RepeatedPrefix("acme", "p", "m", repeats=3, bursts=100, tokens=1500)
    assert rank_waste([once_each], priced, days=1) == []


def test_without_a_price_the_finding_stands_and_says_so() -> None:
    (finding,) = rank_waste([UnusedContext("acme", "p", "m", 5, 4000)], unpriced, days=1)
    assert finding.saves is None
    assert saving(finding) == "no price known"
