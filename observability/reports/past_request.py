"""Account of one past request from the ledger: what did it cost, and why?"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console

from observability.ledger.ledger import LedgerReader
from observability.terminal import plain

_COLUMNS: Final = (
    *("at_ms", "tenant", "id", "aside", "outcome", "tier", "zone", "deployment", "model", "task"),
    *("cost", "baseline", "cache_result", "cache_step", "cache_reason", "attempt_count"),
    *("queued_ms", "total_ms", "price_version", "trace_id", "summary"),
)
_MOST_ROWS: Final = 20
"""An id may be used again after the idempotency window, and by every tenant."""


@dataclass(frozen=True, slots=True)
class PastRequest:
    """One row of the ledger, by column."""

    values: dict[str, Any]

    @property
    def at(self) -> str:
        """When it ended, ISO 8601."""
        moment = datetime.fromtimestamp(self.values["at_ms"] / 1000, UTC)
        return moment.isoformat(timespec="milliseconds")


def past_requests(db: LedgerReader, request_id: str, tenant: str | None) -> list[PastRequest]:
    """The rows of a request, the youngest first, with the calls that nobody asked for."""
    names = {"id": request_id, "judge": f"{request_id}:judge", "cache": f"{request_id}:cache"}
    whose = "" if tenant is None else " AND tenant = $tenant"
    sql = (
        f"SELECT {', '.join(_COLUMNS)} FROM usage WHERE id IN ($id, $judge, $cache){whose}"  # noqa: S608 - fixed words
        f" ORDER BY at_ms DESC LIMIT {_MOST_ROWS}"
    )
    rows = db.rows(sql, names if tenant is None else {**names, "tenant": tenant})
    return [PastRequest(dict(zip(_COLUMNS, row, strict=True))) for row in rows]


def print_past_requests(requests: Sequence[PastRequest], console: Console) -> None:
    """A sentence and the facts behind it, for each."""
    for request in requests:
        told = request.values["summary"] or "booked before summaries were: the facts are below"
        console.print(plain(f"{request.at}  {told}"), markup=False, highlight=False)
        for name, value in _facts(request):
            console.print(plain(f"  {name}: {value}"), markup=False, highlight=False)


def past_requests_json(requests: Sequence[PastRequest]) -> str:
    """The rows as a JSON array; money in micro-dollars, exact, as text."""
    rows = [{"at": request.at, **request.values} for request in requests]
    return json.dumps(rows, indent=2, default=str, ensure_ascii=False)


def _facts(request: PastRequest) -> Iterator[tuple[str, object]]:
    for name, value in request.values.items():
        if value is not None and name not in ("at_ms", "summary"):
            yield name.replace("_", " "), value
