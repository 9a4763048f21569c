"""What did every request cost? One row a request in DuckDB, booked once in effect.

An event and the offset after it are stored in one transaction, and the request's id is the primary
key: a ledger that is killed anywhere, replayed or fed twice holds the same sums. The file is open
only while a batch is booked or a report is read, because DuckDB lets one process write or several
read: they take turns.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeAlias

import duckdb

from observability.ledger_schema import INSERT, TABLES, columns_of
from producers.messages import UsageEvent

Partition: TypeAlias = tuple[str, int]

_RETRY_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that isn't a usage event: kept with the reason, so that nothing is lost."""

    topic: str
    partition: int
    offset: int
    problem: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """Records read together. positions: the offset after the last one of each partition."""

    events: Sequence[UsageEvent]
    positions: Mapping[Partition, int]
    unreadable: Sequence[Unreadable] = ()


@dataclass(frozen=True, slots=True)
class Booked:
    """How many of a batch's events were new, and how many were there already."""

    new: int
    duplicate: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The ledger's sums; cost in micro-dollars, exact."""

    requests: int
    cost: Decimal
    unpriced: int
    unreadable: int


class LedgerBusyError(Exception):
    """Another process held the ledger's file for longer than we wait."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The file at `path`; its methods block: call them in a thread. wait_s: for other processes."""

    path: Path
    wait_s: float = 60
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def create(self) -> None:
        """Make the file and its tables, if they aren't there."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open(read_only=False) as db:
            db.execute(TABLES)

    def positions(self) -> dict[Partition, int]:
        """The next offset to read of each partition."""
        with self.reading() as db:
            rows = db.execute("SELECT topic, part, next_offset FROM positions").fetchall()
        return {(topic, part): offset for topic, part, offset in rows}

    def book(self, batch: Batch) -> Booked:
        """All of the batch and its positions, or, if we are killed, nothing of it."""
        first = {event.id: event for event in reversed(batch.events)}
        with self._open(read_only=False) as db:
            db.begin()
            new = _insert(db, list(first.values()))
            _insert_unreadable(db, batch.unreadable)
            _move(db, batch.positions)
            db.commit()
        return Booked(new, len(batch.events) - new)

    def totals(self) -> Totals:
        """Everything booked so far."""
        with self.reading() as db:
            row = db.execute(
                "SELECT count(*) FILTER (WHERE aside IS NULL),"
                " coalesce(sum(cost), 0)::DECIMAL(38,6),"
                " count(*) FILTER (WHERE cost IS NULL AND outcome = 'done'),"
                " (SELECT count(*) FROM unreadable) FROM usage"
            ).fetchone()
        assert row is not None  # noqa: S101 (an aggregate has one row)
        return Totals(*row)

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that only reads; keep it no longer than a report takes."""
        with self._open(read_only=True) as db:
            yield db

    @contextmanager
    def _open(self, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        db = self._connect(read_only=read_only)
        try:
            yield db
        finally:
            db.close()

    def _connect(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + self.wait_s
        while True:
            try:
                return duckdb.connect(str(self.path), read_only=read_only)
            except (duckdb.IOException, duckdb.ConnectionException) as error:
                if not _is_lock(error):
                    raise
                if time.monotonic() > deadline:
                    raise LedgerBusyError(f"{self.path}: {error}") from error
                self.sleep(_RETRY_S)


def _is_lock(error: duckdb.Error) -> bool:
    """Locked by another process, or open in this one with the other access mode."""
    text = str(error)
    return "lock on file" in text or "different configuration" in text


def _insert(db: duckdb.DuckDBPyConnection, events: Sequence[UsageEvent]) -> int:
    if not events:
        return 0
    row = db.execute(INSERT, columns_of(events)).fetchone()
    return 0 if row is None else int(row[0])


def _insert_unreadable(db: duckdb.DuckDBPyConnection, records: Sequence[Unreadable]) -> None:
    for r in records:
        db.execute(
            "INSERT INTO unreadable VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [r.topic, r.partition, r.offset, r.problem, r.raw],
        )


def _move(db: duckdb.DuckDBPyConnection, positions: Mapping[Partition, int]) -> None:
    for (topic, part), offset in positions.items():
        db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", [topic, part, offset])
