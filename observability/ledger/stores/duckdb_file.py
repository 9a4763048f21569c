"""DuckDB file store of the ledger: an event and its offset are one transaction.

The file is open only while a batch is booked or a report is read, because DuckDB lets one process
write or several read: they take turns.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from observability.ledger.ledger import (
    LedgerError,
    Parameter,
    SqlDialect,
    Unreadable,
    UsageBatch,
    UsagePartition,
    missing_columns,
)
from observability.ledger.schema import COLUMNS, KEY, TRACEABLE, columns_of, older_kind
from observability.ledger.stores.store_retry import StoreRetry
from producers.contract import UsageEvent

_TAKING_TURNS: Final = StoreRetry(retry_s=0.02)

_log: Final = logging.getLogger(__name__)
_USAGE: Final = (
    f"({', '.join(f'{c.name} {c.sql_type}' for c in COLUMNS)}, PRIMARY KEY ({', '.join(KEY)}))"
)
_TABLES: Final = f"""
CREATE TABLE IF NOT EXISTS usage {_USAGE};
CREATE TABLE IF NOT EXISTS positions (
    topic VARCHAR, part INTEGER, next_offset BIGINT, PRIMARY KEY (topic, part)
);
CREATE TABLE IF NOT EXISTS unreadable (
    topic VARCHAR, part INTEGER, record_offset BIGINT, problem VARCHAR, raw BLOB,
    PRIMARY KEY (topic, part, record_offset)
);
"""

_INSERT: Final = (
    f"INSERT INTO usage ({', '.join(c.name for c in COLUMNS)}) "
    f"SELECT {', '.join(f'unnest(?::{c.sql_type}[])' for c in COLUMNS)} ON CONFLICT DO NOTHING"
)
"""One column a parameter, as a list: 100 times faster than one row a statement."""


_FORGET: Final = f"UPDATE usage SET {', '.join(f'{name} = NULL' for name in TRACEABLE)}"  # noqa: S608


def _member(json: str, key: str) -> str:
    """By JSON pointer (RFC 6901), because any text may be a key in it."""
    return f"json_extract_string({json}, '/' || replace(replace({key}, '~', '~0'), '/', '~1'))"


DUCKDB_DIALECT: Final = SqlDialect(
    member=_member,
    schema="current_schema()",
    attempts="""usage, unnest(from_json(attempts, '["JSON"]')) AS made(attempt)""",
)


@dataclass(frozen=True, slots=True)
class DuckDbReading:
    """Everything as it was when the file was opened: nobody writes meanwhile."""

    db: duckdb.DuckDBPyConnection
    dialect: SqlDialect = DUCKDB_DIALECT

    def rows(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> list[Any]:
        """DuckDB refuses parameters that a query doesn't name: they are left out."""
        named = set(re.findall(r"\$(\w+)", sql))
        used = {name: value for name, value in (parameters or {}).items() if name in named}
        return self.db.execute(sql, used).fetchall()


@dataclass(frozen=True, slots=True)
class DuckDbFile:
    """The file at `path`. retry: for how long another process may have it open."""

    path: Path
    retry: StoreRetry = _TAKING_TURNS

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    def create(self) -> None:
        """Make the file, its folder and its tables; migrate those of an earlier version."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.open(read_only=False) as db:
            db.begin()
            db.execute(_TABLES)
            _migrate(db, {column.name for column in missing_columns(DuckDbReading(db))}, self.name)
            db.commit()

    def book(self, batch: UsageBatch) -> int:
        """All of the batch and its positions, or, if we are killed, nothing of it."""
        with self.open(read_only=False) as db:
            db.begin()
            new = _insert(db, batch.events)
            _insert_unreadable(db, batch.unreadable)
            _move(db, batch.positions)
            db.commit()
        return new

    def forget(self, tenant: str, tags: Mapping[str, str], ids: Sequence[str]) -> None:
        """In one transaction; then what the rows held before is overwritten in the file too."""
        with self.open(read_only=False) as db:
            db.begin()
            if ids:
                db.execute(
                    f"{_FORGET} WHERE tenant = ? AND id IN (SELECT unnest(?))", [tenant, ids]
                )
            for former, instead in tags.items():
                of_tags = "WHERE tenant = ? AND CAST(tags AS VARCHAR) = ?"
                db.execute(f"{_FORGET}, tags = ? {of_tags}", [instead, tenant, former])
            _copy_usage(db)
            db.commit()
            _overwrite_free_blocks(db)

    @contextmanager
    def reading(self) -> Iterator[DuckDbReading]:
        """Beside other readers; whoever wants to write waits."""
        if not self.path.exists():
            raise LedgerError(f"there is no {self.path}: has `switchgear ledger` run?")
        with self.open(read_only=True) as db:
            yield DuckDbReading(db)

    @contextmanager
    def open(self, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        """The file, to this process alone unless it only reads. LedgerError: not in time."""
        db = self._connect(read_only=read_only)
        try:
            yield db
        except duckdb.Error as error:
            raise LedgerError(f"{self.path}: {error}") from error
        finally:
            db.close()

    def _connect(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        def connect() -> duckdb.DuckDBPyConnection:
            return duckdb.connect(self.name, read_only=read_only)

        try:
            return self.retry.until_done(self.name, connect, _is_lock)
        except (duckdb.IOException, duckdb.ConnectionException) as error:
            raise LedgerError(f"cannot open {self.path}: {error}") from error


def _is_lock(error: Exception) -> bool:
    """Locked by another process, or open in this one with the other access mode."""
    text = str(error)
    return "lock on file" in text or "different configuration" in text


def _migrate(db: duckdb.DuckDBPyConnection, missing: set[str], name: str) -> None:
    """Columns are added in place; DuckDB can't change a key, so the rows move to a new table."""
    if "kind" in missing or _key_of(db) != set(KEY):
        _log.warning("the ledger in %s gets the key %s: its rows are copied", name, ", ".join(KEY))
        present = {column.name for column in COLUMNS} - missing
        older = dict.fromkeys(missing, "NULL")
        if "kind" in missing:
            older["kind"] = older_kind(present)
        values = ", ".join(f"{older.get(c.name, c.name)} AS {c.name}" for c in COLUMNS)
        db.execute(f"CREATE TABLE usage_by_key {_USAGE}")
        db.execute(f"INSERT INTO usage_by_key SELECT {values} FROM usage")  # noqa: S608
        db.execute("DROP TABLE usage; ALTER TABLE usage_by_key RENAME TO usage")
        return
    for column in COLUMNS:
        if column.name in missing:
            db.execute(f"ALTER TABLE usage ADD COLUMN {column.name} {column.sql_type}")


def _key_of(db: duckdb.DuckDBPyConnection) -> set[str]:
    row = db.execute(
        "SELECT constraint_column_names FROM duckdb_constraints()"
        " WHERE table_name = 'usage' AND constraint_type = 'PRIMARY KEY'"
    ).fetchone()
    return set() if row is None else set(row[0])


def _copy_usage(db: duckdb.DuckDBPyConnection) -> None:
    """Into blocks of its own: an updated row leaves its former values beside the new ones."""
    names = ", ".join(column.name for column in COLUMNS)
    db.execute(f"CREATE TABLE usage_anew {_USAGE}")
    db.execute(f"INSERT INTO usage_anew SELECT {names} FROM usage")  # noqa: S608
    db.execute("DROP TABLE usage; ALTER TABLE usage_anew RENAME TO usage")


def _overwrite_free_blocks(db: duckdb.DuckDBPyConnection) -> None:
    """DuckDB leaves in a free block what a row held before, until the block is used again.

    So a table of random bytes uses them all once. In the same file: a copy under its name would
    leave a process that waits for the lock with the old one.
    """
    db.execute("CHECKPOINT")
    blocks = db.execute("SELECT free_blocks, block_size FROM pragma_database_size()").fetchone()
    free, size = (0, 0) if blocks is None else blocks
    db.execute("CREATE TABLE filler (bytes BLOB)")
    for _ in range(free + 1):
        db.execute("INSERT INTO filler VALUES (?)", [os.urandom(size)])
    db.execute("CHECKPOINT")
    db.execute("DROP TABLE filler")
    db.execute("CHECKPOINT")


def _insert(db: duckdb.DuckDBPyConnection, events: Sequence[UsageEvent]) -> int:
    if not events:
        return 0
    row = db.execute(_INSERT, columns_of(events)).fetchone()
    return 0 if row is None else int(row[0])


def _insert_unreadable(db: duckdb.DuckDBPyConnection, records: Sequence[Unreadable]) -> None:
    for record in records:
        db.execute(
            "INSERT INTO unreadable VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", record.row
        )


def _move(db: duckdb.DuckDBPyConnection, positions: Mapping[UsagePartition, int]) -> None:
    for (topic, part), offset in positions.items():
        db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", [topic, part, offset])
