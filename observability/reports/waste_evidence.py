"""Waste evidence in the ledger: counted by `waste.sql`; judged and priced by `waste`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from observability.ledger.ledger import LedgerReader, SqlDialect
from observability.ledger.schema import MONEY
from observability.reports.period import IN_PERIOD, ReportPeriod
from observability.reports.waste import (
    FailedAttempts,
    MissedDuplicate,
    OversizedLimit,
    RepeatedPrefix,
    Truncated,
    UnusedContext,
    WasteEvidence,
)

_SQL: Final = Path(__file__).with_name("waste.sql")
_KINDS: Final = (
    RepeatedPrefix,
    MissedDuplicate,
    FailedAttempts,
    Truncated,
    UnusedContext,
    OversizedLimit,
)


def collect_waste(db: LedgerReader, period: ReportPeriod) -> Iterator[WasteEvidence]:
    """Everything of the period that looks like waste, the largest cases of each kind."""
    queries = _queries(_SQL.read_text(), db.dialect)
    for kind in _KINDS:
        for values in db.rows(queries[kind.__name__], period.parameters):
            yield kind(*values)


def observed_days(db: LedgerReader, period: ReportPeriod) -> float:
    """How much of the period the ledger has seen, a day at least: a month is scaled from that."""
    ((first,),) = db.rows(f"SELECT min(at_ms) FROM usage WHERE {IN_PERIOD}", period.parameters)  # noqa: S608
    if first is None:
        return period.days
    return min(period.days, max(1.0, ReportPeriod(first, period.end_ms).days))


def _queries(text: str, dialect: SqlDialect) -> dict[str, str]:
    members = ("deployment", "outcome", "cost_micro_usd")
    deployment, outcome, cost = (dialect.member("attempt", f"'{name}'") for name in members)
    spoken = text.format(
        period=IN_PERIOD,
        attempts=dialect.attempts,
        deployment=deployment,
        outcome=outcome,
        cost=f"CAST({cost} AS {MONEY})",
    )
    _, *parts = re.split(r"^-- name: (\w+)\n", spoken, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))
