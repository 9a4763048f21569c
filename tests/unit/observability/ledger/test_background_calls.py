"""A call that no caller asked for costs money, and is no request anywhere."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
import structlog
from structlog.testing import CapturingLogger

from observability.grounding.groundedness import FLAGGED_SHARE
from observability.ledger.ledger import Ledger, UsageBatch
from observability.ledger.stores.selection import ledger_at
from observability.live_page.window import LiveWindow
from observability.metrics.registry import MetricsRegistry
from observability.metrics.usage_metrics import UsageMetrics
from observability.reports import cost, quality
from observability.reports.period import ReportPeriod
from observability.reports.waste_evidence import collect_waste
from producers.contract import Attempt, Judgement, Purpose, Savings, Usage, UsageEvent
from tests.unit.observability.usage_events import DAY_MS, START_MS, usage_event

DAY = ReportPeriod(START_MS, START_MS + DAY_MS)
REQUESTS = [
    usage_event(n).model_copy(update={"at_ms": START_MS, "model": "small", "task": "qa"})
    for n in range(120)
]


def aside(request: UsageEvent, purpose: Purpose, judged: Judgement | None = None) -> UsageEvent:
    """As a worker accounts for it: 40 micro-dollars at another model."""
    return UsageEvent(
        id=f"{request.id}:{purpose}", tenant=request.tenant, at_ms=request.at_ms, outcome="done",
        tier="economy", deployment="judge-place", provider="p", model="judging-model",
        task=request.task, tags=request.tags, usage=Usage(input_uncached=30, output=10),
        cost_micro_usd=Decimal(40), baseline_micro_usd=Decimal(0),
        savings=Savings(**{purpose: Decimal(-40)}),
        attempts=(Attempt(deployment="judge-place", outcome="ok"),), aside=purpose, judged=judged,
    )  # fmt: skip


ASIDES = [
    *(
        aside(r, "judge", Judgement(model="small", supported=n % 4 > 0))
        for n, r in enumerate(REQUESTS)
    ),
    *(aside(r, "cache") for r in REQUESTS),
    aside(REQUESTS[0].model_copy(update={"id": "unread"}), "judge"),
]


@pytest.fixture
def booked(tmp_path: Path) -> Ledger:
    return _ledger(tmp_path / "with.duckdb", [*REQUESTS, *ASIDES])


def _ledger(path: Path, events: Sequence[UsageEvent]) -> Ledger:
    ledger = ledger_at(path)
    ledger.create()
    ledger.book(UsageBatch(events, {}))
    return ledger


def test_their_cost_is_in_the_report_and_their_rows_are_not(booked: Ledger, tmp_path: Path) -> None:
    with booked.reading() as db:
        total = cost.cost_report(db, [], DAY, DAY.end_ms - 1).total
        by_model = {r.group: r for r in cost.cost_report(db, ["model"], DAY, DAY.end_ms - 1).rows}
    with _ledger(tmp_path / "without.duckdb", REQUESTS).reading() as db:
        plain = cost.cost_report(db, [], DAY, DAY.end_ms - 1).total
    assert (total.requests, total.answered, total.hits) == (120, 120, 0)
    assert total.cost == plain.cost + 40 * len(ASIDES)
    assert total.input_tokens == plain.input_tokens + 30 * len(ASIDES)
    assert (total.baseline, total.cost_per_1k) == (plain.baseline, plain.cost_per_1k)
    assert (total.saved["judge"], total.saved["cache"]) == (Decimal(-40 * 121), Decimal(-40 * 120))
    assert total.saved_total == total.baseline - total.cost
    assert by_model["judging-model",].cost == 40 * len(ASIDES)
    assert by_model["judging-model",].requests == 0


def test_the_ledgers_totals_count_requests(booked: Ledger) -> None:
    assert booked.totals().requests == 120


def test_a_verdict_is_of_the_model_that_answered_not_of_the_one_that_judged(
    booked: Ledger,
) -> None:
    with booked.reading() as db:
        (measured,) = quality.measure_quality(db, DAY)
    assert (measured.model, measured.task) == ("small", "qa")
    assert (measured.judged.count, measured.judged.of) == (30, 120)
    assert measured.truncated.of == 120
    assert measured.ungrounded.of == 0


def test_they_are_no_waste(booked: Ledger, tmp_path: Path) -> None:
    with booked.reading() as db:
        found = list(collect_waste(db, DAY))
    with _ledger(tmp_path / "without.duckdb", REQUESTS).reading() as db:
        assert found == list(collect_waste(db, DAY))


def test_the_live_page_counts_their_money_only() -> None:
    state = LiveWindow()
    state.add(REQUESTS[0], START_MS)
    state.add(ASIDES[0], START_MS)
    minute = state.minutes[START_MS // 60_000]
    assert (minute.requests, len(state.traces), len(state.recent)) == (1, 1, 1)
    assert minute.cost == (REQUESTS[0].cost_micro_usd or 0) + 40


def test_metrics_count_their_tokens_money_and_attempts_only() -> None:
    metrics, lines = MetricsRegistry(), CapturingLogger()
    UsageMetrics(metrics, structlog.wrap_logger(lines), flagged_share=FLAGGED_SHARE).report_usage(
        ASIDES[0], exported=False
    )
    place = {"tenant": REQUESTS[0].tenant, "deployment": "judge-place"}
    assert metrics.value("switchgear_cost_micro_usd_total", **place) == 40
    assert metrics.value("switchgear_tokens_total", **place, kind="output") == 10
    requests = {"tenant": REQUESTS[0].tenant, "tier": "economy", "outcome": "done"}
    assert metrics.value("switchgear_requests_total", **requests) is None
    assert lines.calls == []
