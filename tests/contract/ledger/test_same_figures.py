"""Reports, waste and quality over the same events say the same, whichever store holds them."""

import io
import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from observability.ledger.ledger import Ledger, UsageBatch
from observability.ledger.schema import exact
from observability.reports import commands, quality
from observability.reports import cost as report
from observability.reports.period import ReportPeriod
from observability.reports.waste_evidence import collect_waste
from producers.contract import Attempt, CacheOutcome, Judgement, Usage, UsageEvent
from tests.contract.ledger.places import Place, in_a_folder
from tests.unit.observability.usage_events import DAY_MS, START_MS, usage_event

MONTH = ReportPeriod(START_MS, START_MS + 30 * DAY_MS)
NOW_MS = MONTH.end_ms - 5 * DAY_MS
GROUPINGS: Sequence[Sequence[str]] = (
    [],
    ["tenant"],
    ["model", "provider", "deployment"],
    ["tier", "zone", "task", "outcome", "latency"],
    ["day"],
    ["hour", "tenant"],
    ["tag"],
    ["tag:team", "tag:feature", "tag:absent"],
)
KINDS = {
    "RepeatedPrefix", "MissedDuplicate", "FailedAttempts", "Truncated", "UnusedContext",
    "OversizedLimit",
}  # fmt: skip


def changes(chance: random.Random, number: int) -> dict[str, object]:
    """One of all the ways in which an event differs from an answer without anything wrong."""
    cost = Decimal(chance.randrange(10**9)) / 10**6
    paid = Attempt(deployment=chance.choice("ab"), outcome="timeout", cost_micro_usd=cost / 3)
    refused = Attempt(deployment="c", outcome="rate_limited")
    hit = {"cache": CacheOutcome(result="hit", step="exact"), "cost_micro_usd": Decimal(0),
           "usage": Usage(), "model": None, "provider": None, "deployment": None,
           "savings": None}  # fmt: skip
    ways: list[dict[str, object]] = [
        {},
        hit,
        {"cost_micro_usd": None, "savings": None},
        {"outcome": "providers_exhausted", "cost_micro_usd": None, "model": None},
        {"cost_micro_usd": cost, "attempts": (paid, refused, paid)},
        {"finish_reason": "length", "max_tokens": chance.choice((None, 64, 64, 128, 256))},
        {"unsupported_share": chance.random(), "context_tokens": 1000 + number % 7},
        {"context_tokens": 900, "context_used_share": chance.random() / 2},
        {"prompt_hash": f"same{number % 5}", "cache": CacheOutcome(result="miss", reason="g")},
        {"max_tokens": 8192, "model": "long", "tenant": "acme", "task": "résumé"},
        {"tags": {}},
        {"tags": {"team": "Ä", "feature": "'"}},
        {"zone": "eu", "latency": "batch", "redelivered": True},
        {"aside": "judge", "judged": Judgement(model="gpt-4o", supported=bool(number % 3))},
        {"aside": "cache", "cost_micro_usd": cost},
        {"prefix_hash": "same", "prefix_tokens": 1501, "tenant": "acme", "deployment": "d"},
    ]
    return chance.choice(ways)


def events() -> Iterator[UsageEvent]:
    chance = random.Random(7)
    for number in range(3000):
        yield usage_event(number * (4 if number % 2 else 300)).model_copy(
            update=changes(chance, number)
        )


EVENTS = list(events())


def booked(ledger: Ledger) -> Ledger:
    for start in range(0, len(EVENTS), 700):
        ledger.book(UsageBatch(EVENTS[start : start + 700], {("llm.usage", 0): start + 700}))
    return ledger


@pytest.fixture
def here(place: Place) -> Ledger:
    return booked(place.empty())


@pytest.fixture(scope="module")
def duckdb(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    return booked(in_a_folder(tmp_path_factory.mktemp("reference")).empty())


def reports(ledger: Ledger) -> list[report.CostReport]:
    with ledger.reading() as db:
        return [report.cost_report(db, by, MONTH, NOW_MS) for by in GROUPINGS]


def test_reports(here: Ledger, duckdb: Ledger) -> None:
    made = reports(here)
    assert made == reports(duckdb)
    costs = (exact(e.cost_micro_usd) for e in EVENTS if e.cost_micro_usd is not None)
    assert made[0].total.cost == sum(costs, Decimal(0))
    assert all(sum((r.cost for r in m.rows), Decimal(0)) == made[0].total.cost for m in made)
    assert made[4].rows[0].group[0].startswith("2026-03-")


def test_waste(here: Ledger, duckdb: Ledger) -> None:
    with here.reading() as db, duckdb.reading() as reference:
        found = list(collect_waste(db, MONTH))
        assert found == list(collect_waste(reference, MONTH))
    assert {type(evidence).__name__ for evidence in found} == KINDS


def test_quality(here: Ledger, duckdb: Ledger) -> None:
    with here.reading() as db, duckdb.reading() as reference:
        measured = quality.measure_quality(db, MONTH)
        assert measured == quality.measure_quality(reference, MONTH)
    assert any(q.judged.of and q.ungrounded.of and q.truncated.value for q in measured)


def test_what_the_commands_print(here: Ledger, duckdb: Ledger) -> None:
    for command in (commands.show_cost, commands.show_waste, commands.show_quality):
        wanted = commands.ReportQuery(since="2026-03-01", form="json", by=("tenant", "tag:team"))
        printed = []
        for ledger in (here, duckdb):
            console = Console(file=io.StringIO())
            command(ledger, wanted, NOW_MS, console)
            printed.append(console.file.getvalue())  # type: ignore[attr-defined]
        assert printed[0] == printed[1] != ""


def test_a_ledger_without_events_has_reports_too(place: Place, tmp_path: Path) -> None:
    assert reports(place.empty()) == reports(in_a_folder(tmp_path).empty())
