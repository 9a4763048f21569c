"""Which waste does the ledger show? Counted by `waste.sql`; judged and priced by `waste`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb

from observability.period import Period
from observability.waste import (
    Evidence,
    FailedAttempts,
    MissedDuplicate,
    OversizedLimit,
    RepeatedPrefix,
    Truncated,
    UnusedContext,
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


def collect(db: duckdb.DuckDBPyConnection, period: Period) -> Iterator[Evidence]:
    """Everything of the period that looks like waste, the largest cases of each kind."""
    queries = _queries(_SQL.read_text())
    span = {"start": period.start_ms, "end": period.end_ms}
    for kind in _KINDS:
        for values in db.execute(queries[kind.__name__], span).fetchall():
            yield kind(*values)


def _queries(text: str) -> dict[str, str]:
    _, *parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))
