"""PostgreSQL store of the ledger: an event and its offset are one transaction.

Any number of processes book and read at once. A report sees one moment (repeatable read).
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import Connection, IsolationLevel, OperationalError
from psycopg.conninfo import make_conninfo

from observability.ledger.ledger import (
    LedgerError,
    Parameter,
    SqlDialect,
    UsageBatch,
    missing_columns,
)
from observability.ledger.schema import (
    COLUMNS,
    KEY,
    TRACEABLE,
    Column,
    columns_of,
    event_key,
    older_kind,
)
from observability.ledger.stores.store_retry import SERVER_RETRY, StoreRetry
from observability.ledger.stores.store_url import StoreUrl

_TYPES: Final = {"VARCHAR": "TEXT", "JSON": "TEXT", "DOUBLE": "DOUBLE PRECISION"}
_CONNECT_S: Final = 10
_log: Final = logging.getLogger(__name__)
_PASSING: Final = ("starting up", "shutting down", "recovery", "too many")
"""What a server says that refuses a login for the time being."""
_SCHEMA_LOCK: Final = 0x5377_6974_6368
"""Two processes that make the tables at once would make one of them fail."""


def _type(sql_type: str) -> str:
    return _TYPES.get(sql_type, sql_type)


def _definition(column: Column) -> str:
    """Text is ordered by its bytes, as elsewhere, not by the database's language."""
    return f"{column.name} {_type(column.sql_type)}".replace("TEXT", 'TEXT COLLATE "C"')


_TABLES: Final = f"""
CREATE TABLE IF NOT EXISTS usage (
    {", ".join(_definition(c) for c in COLUMNS)}, PRIMARY KEY ({", ".join(KEY)})
);
CREATE INDEX IF NOT EXISTS usage_at_ms ON usage USING brin (at_ms);
CREATE TABLE IF NOT EXISTS positions (
    topic TEXT, part INTEGER, next_offset BIGINT, PRIMARY KEY (topic, part)
);
CREATE TABLE IF NOT EXISTS unreadable (
    topic TEXT, part INTEGER, record_offset BIGINT, problem TEXT, raw BYTEA,
    PRIMARY KEY (topic, part, record_offset)
);
"""
_NEW_KEY: Final = f"""
UPDATE usage SET kind = {older_kind([c.name for c in COLUMNS])} WHERE kind IS NULL;
ALTER TABLE usage DROP CONSTRAINT usage_pkey;
ALTER TABLE usage ADD PRIMARY KEY ({", ".join(KEY)});
"""  # noqa: S608
"""Of a table whose key was the id alone, or had no time: a primary key has no NULL in it."""
_KEY_OF: Final = b"""
SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
WHERE indrelid = 'usage'::regclass AND indisprimary
"""

_INSERT: Final = (
    f"INSERT INTO usage ({', '.join(c.name for c in COLUMNS)}) SELECT * FROM"  # noqa: S608
    f" unnest({', '.join(f'%s::{_type(c.sql_type)}[]' for c in COLUMNS)}) ON CONFLICT DO NOTHING"
)
_INSERT_UNREADABLE: Final = (
    "INSERT INTO unreadable VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_MOVE: Final = (
    "INSERT INTO positions VALUES (%s, %s, %s)"
    " ON CONFLICT (topic, part) DO UPDATE SET next_offset = excluded.next_offset"
)

_FORGET: Final = f"UPDATE usage SET {', '.join(f'{name} = NULL' for name in TRACEABLE)}"  # noqa: S608

POSTGRES_DIALECT: Final = SqlDialect(
    member=lambda json, key: f"CAST({json} AS json) ->> CAST({key} AS text)",
    schema="current_schema()",
    attempts="usage, json_array_elements(CAST(attempts AS json)) AS made(attempt)",
)


@dataclass(frozen=True, slots=True)
class PostgresReading:
    """One transaction."""

    db: "Connection[tuple[Any, ...]]"
    dialect: SqlDialect = POSTGRES_DIALECT

    def rows(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> list[Any]:
        """As psycopg names parameters: `%(name)s`."""
        theirs = re.sub(r"\$(\w+)", r"%(\1)s", sql.replace("%", "%%"))
        return self.db.execute(theirs.encode(), parameters or {}).fetchall()


@dataclass(frozen=True, slots=True)
class Postgres:
    """The database at `address`; the URL's options are libpq's, such as `sslmode`."""

    address: StoreUrl
    retry: StoreRetry = SERVER_RETRY

    @property
    def name(self) -> str:
        """The URL without the password."""
        return self.address.shown

    def create(self) -> None:
        """Make what is missing; a role that may not is fine when nothing is."""
        with self._transaction() as db:
            db.execute("SELECT pg_advisory_xact_lock(%s)", [_SCHEMA_LOCK])
            missing = missing_columns(PostgresReading(db))
            if len(missing) == len(COLUMNS):
                db.execute(_TABLES.encode())
                return
            for column in missing:
                db.execute(f"ALTER TABLE usage ADD COLUMN {_definition(column)}".encode())
            if {name for (name,) in db.execute(_KEY_OF).fetchall()} != set(KEY):
                _log.warning("the ledger in %s gets the key %s", self.name, ", ".join(KEY))
                db.execute(_NEW_KEY.encode())

    def book(self, batch: UsageBatch) -> int:
        """All of the batch and its positions, or nothing of it."""
        with self._ledger_errors():
            return self.retry.until_done(self.name, lambda: self._book(batch), _passes)

    def _book(self, batch: UsageBatch) -> int:
        # in one order, so that two ledgers that book the same events never wait for each other
        events = sorted(batch.events, key=event_key)
        moves = sorted((*place, offset) for place, offset in batch.positions.items())
        with self._connect() as db, db.cursor() as cursor:
            cursor.execute(_INSERT.encode(), columns_of(events))
            new = cursor.rowcount
            cursor.executemany(_INSERT_UNREADABLE, sorted(r.row for r in batch.unreadable))
            cursor.executemany(_MOVE, moves)
        return new

    def forget(self, tenant: str, tags: Mapping[str, str], ids: Sequence[str]) -> None:
        """In one transaction."""
        with self._transaction() as db, db.cursor() as cursor:
            if ids:
                of_ids = f"{_FORGET} WHERE tenant = %s AND id = ANY(%s)"
                cursor.execute(of_ids.encode(), [tenant, list(ids)])
            of_tags = f"{_FORGET}, tags = %s WHERE tenant = %s AND CAST(tags AS text) = %s"
            cursor.executemany(
                of_tags.encode(), [(instead, tenant, former) for former, instead in tags.items()]
            )

    @contextmanager
    def reading(self) -> Iterator[PostgresReading]:
        """One moment of the tables, whoever writes meanwhile."""
        with self._transaction(read_only=True) as db:
            yield PostgresReading(db)

    @contextmanager
    def _transaction(self, *, read_only: bool = False) -> "Iterator[Connection[tuple[Any, ...]]]":
        with self._ledger_errors():
            connection = self.retry.until_done(self.name, self._connect, _passes)
            if read_only:
                connection.read_only = True
                connection.isolation_level = IsolationLevel.REPEATABLE_READ
            with connection:
                yield connection

    @contextmanager
    def _ledger_errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise LedgerError(f"{self.name}: {str(error).strip()}") from error

    def _connect(self) -> "Connection[tuple[Any, ...]]":
        at = self.address
        parts: dict[str, Any] = {
            "host": at.host, "port": at.port, "dbname": at.database,
            "user": at.user, "password": at.password,
            "connect_timeout": _CONNECT_S, "application_name": "switchgear-ledger", **at.options,
        }  # fmt: skip
        return psycopg.connect(make_conninfo(**parts))


def _passes(error: Exception) -> bool:
    """Whether it may be well again soon: not when the server looked at us and said no."""
    if not isinstance(error, OperationalError):
        return False
    text = str(error)
    return "FATAL" not in text or any(words in text for words in _PASSING)
