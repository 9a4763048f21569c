"""ClickHouse store of the ledger: without transactions, positions are written after the data.

A crash between the two makes the records come again, and rows with one key are one row: the tables
(`usage_rows` …) are ReplacingMergeTrees, read through views (`usage` …) that say FINAL. Of two
events with one key the first one booked counts, because the version falls as time goes on; of two
positions the one written last.
"""

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from clickhouse_connect import get_client
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

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
    EventKey,
    columns_of,
    event_key,
    older_kind,
)
from observability.ledger.stores.store_retry import SERVER_RETRY, StoreRetry
from observability.ledger.stores.store_url import StoreUrl

_TYPES: Final[Mapping[type, str]] = {int: "Int64", float: "Float64", str: "String"}
_OPTIONS: Final = frozenset({"secure", "verify"})
_LAST_VERSION: Final = 2**64 - 1
_CONNECT_S: Final = 10
_log: Final = logging.getLogger(__name__)
_LARGE_QUERY: Final = 16 << 20
"""Bytes: the keys of a batch are in one query."""

CLICKHOUSE_DIALECT: Final = SqlDialect(
    member=lambda json, key: f"JSONExtract({json}, {key}, 'Nullable(String)')",
    schema="currentDatabase()",
    attempts="usage ARRAY JOIN JSONExtractArrayRaw(assumeNotNull(attempts)) AS attempt",
)


@dataclass(frozen=True, slots=True)
class _Table:
    """`name`_rows, and the view `name` of them without `version`: of one key, its highest."""

    name: str
    columns: Mapping[str, str]
    key: Sequence[str]
    version: str

    def create(self, rows: str = "") -> str:
        """rows: the name of the table that holds them, if it isn't the usual one."""
        columns = [f"{name} {kind}" for name, kind in self.columns.items()]
        columns.append(f"{self.version} UInt64")
        return (
            f"CREATE TABLE IF NOT EXISTS {rows or f'{self.name}_rows'} ({', '.join(columns)})"
            f" ENGINE = ReplacingMergeTree({self.version}) ORDER BY ({', '.join(self.key)})"
        )

    def view(self) -> str:
        rows = f"SELECT {', '.join(self.columns)} FROM {self.name}_rows FINAL"  # noqa: S608
        return f"CREATE OR REPLACE VIEW {self.name} AS {rows}"

    def insert(self, client: Client, columns: Sequence[Sequence[object]], version: int) -> None:
        if columns and columns[0]:
            client.insert(
                f"{self.name}_rows",
                [*columns, [version] * len(columns[0])],
                column_names=[*self.columns, self.version],
                column_oriented=True,
                settings={"async_insert": 0},
            )


def _type(column: Column) -> str:
    if column.name in KEY:
        return column.sql_type
    return f"Nullable({'VARCHAR' if column.sql_type == 'JSON' else column.sql_type})"


_USAGE: Final = _Table("usage", {c.name: _type(c) for c in COLUMNS}, KEY, "earliness")
_POSITIONS: Final = _Table(
    "positions",
    {"topic": "VARCHAR", "part": "INTEGER", "next_offset": "BIGINT"},
    ("topic", "part"),
    "written_ns",
)
_UNREADABLE: Final = _Table(
    "unreadable",
    {
        "topic": "VARCHAR",
        "part": "INTEGER",
        "record_offset": "BIGINT",
        "problem": "VARCHAR",
        "raw": "VARCHAR",
    },
    ("topic", "part", "record_offset"),
    "written_ns",
)
_TABLES: Final = (_UNREADABLE, _POSITIONS, _USAGE)
"""`usage` last: when it is there, all is."""


_FORGET: Final = (
    f"ALTER TABLE usage_rows UPDATE {', '.join(f'{name} = NULL' for name in TRACEABLE)}"
)


@dataclass(frozen=True, slots=True)
class ClickHouseReading:
    """Each query sees its own moment."""

    client: Client
    dialect: SqlDialect = CLICKHOUSE_DIALECT

    def rows(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> list[Any]:
        """As ClickHouse names parameters: `{name:Type}`."""
        given = dict(parameters or {})

        def placeholder(name: re.Match[str]) -> str:
            return f"{{{name[1]}:{_TYPES[type(given[name[1]])]}}}"

        query = re.sub(r"\$(\w+)", placeholder, sql)
        return list(self.client.query(query, given).result_rows)


@dataclass(frozen=True, slots=True)
class ClickHouse:
    """The database at `address`. now_ns: tells which of two events or positions came first."""

    address: StoreUrl
    retry: StoreRetry = SERVER_RETRY
    now_ns: Callable[[], int] = time.time_ns

    @property
    def name(self) -> str:
        """The URL without the password."""
        return self.address.shown

    def create(self) -> None:
        """Make what is missing; a user who may not is fine when nothing is."""
        with self._client() as client:
            missing = missing_columns(ClickHouseReading(client))
            older_key = len(missing) < len(COLUMNS) and _has_older_key(client)
            if not missing and not older_key:
                return
            if len(missing) == len(COLUMNS):
                statements = [table.create() for table in _TABLES]
            elif older_key:
                _log.warning("the ledger in %s gets the key %s", self.name, ", ".join(KEY))
                statements = list(_new_key(client))
            else:
                added = (f"ADD COLUMN IF NOT EXISTS {c.name} {_type(c)}" for c in missing)
                statements = [f"ALTER TABLE usage_rows {', '.join(added)}"]
            for statement in [*statements, *(table.view() for table in _TABLES)]:
                client.command(statement)

    def book(self, batch: UsageBatch) -> int:
        """Data first, positions last: a crash anywhere books the batch again, to no effect."""
        with self._ledger_errors():
            return self.retry.until_done(self.name, lambda: self._book(batch), _passes)

    def _book(self, batch: UsageBatch) -> int:
        now = self.now_ns()
        with closing(self._connect()) as client:
            booked = _booked_keys(client, [event_key(event) for event in batch.events])
            new = [event for event in batch.events if event_key(event) not in booked]
            _USAGE.insert(client, columns_of(new), _LAST_VERSION - now)
            _UNREADABLE.insert(client, _turned(r.row for r in batch.unreadable), now)
            moves = ((*place, offset) for place, offset in batch.positions.items())
            _POSITIONS.insert(client, _turned(moves), now)
        return len(new)

    def forget(self, tenant: str, tags: Mapping[str, str], ids: Sequence[str]) -> None:
        """A mutation each, waited for: until then the table's parts have the old values."""
        with self._client() as client:
            client.set_client_setting("mutations_sync", 2)
            if ids:
                words = (
                    f"{_FORGET} WHERE tenant = {{tenant:String}} AND id IN {{ids:Array(String)}}"
                )
                client.command(words, {"tenant": tenant, "ids": list(ids)})
            for former, instead in tags.items():
                words = f"{_FORGET}, tags = {{instead:String}} WHERE tenant = {{tenant:String}}"
                told = {"tenant": tenant, "former": former, "instead": instead}
                client.command(f"{words} AND tags = {{former:String}}", told)

    @contextmanager
    def reading(self) -> Iterator[ClickHouseReading]:
        """As elsewhere NULL stays NULL in a CAST, and a name is a column before it's an alias."""
        with self._client() as client:
            client.set_client_setting("cast_keep_nullable", 1)
            client.set_client_setting("prefer_column_name_to_alias", 1)
            yield ClickHouseReading(client)

    @contextmanager
    def _client(self) -> Iterator[Client]:
        connect = partial(self.retry.until_done, self.name, self._connect, _passes)
        with self._ledger_errors(), closing(connect()) as client:
            yield client

    @contextmanager
    def _ledger_errors(self) -> Iterator[None]:
        try:
            yield
        except ClickHouseError as error:
            raise LedgerError(f"{self.name}: {error}") from error

    def _connect(self) -> Client:
        at = self.address
        return get_client(
            host=at.host,
            port=at.port or 0,
            username=at.user,
            password=at.password or "",
            database=at.database,
            secure=at.options.get("secure", False),
            verify=at.options.get("verify", True),
            connect_timeout=_CONNECT_S,
            compress=False,
            autogenerate_session_id=False,
        )


def clickhouse_at(address: StoreUrl) -> ClickHouse:
    """ValueError for an option that we don't know."""
    unknown = address.options.keys() - _OPTIONS
    if unknown:
        options = ", ".join(sorted(_OPTIONS))
        raise ValueError(f"{address.shown} has no option {min(unknown)}: there are {options}")
    return ClickHouse(address)


def _passes(error: Exception) -> bool:
    """Whether it may be well again soon: nobody answered."""
    return isinstance(error, OperationalError)


def _booked_keys(client: Client, keys: Sequence[EventKey]) -> set[EventKey]:
    """Those of the keys that are booked already."""
    if not keys:
        return set()
    names = ", ".join(KEY)
    query = f"SELECT DISTINCT {names} FROM usage_rows WHERE ({names}) IN %(keys)s"  # noqa: S608
    answer = client.query(query, {"keys": tuple(keys)}, settings={"max_query_size": _LARGE_QUERY})
    return {(tenant, id_, kind, at_ms) for tenant, id_, kind, at_ms in answer.result_rows}


_BEFORE: Final = "usage_rows_before"
_BY_KEY: Final = "usage_rows_by_key"


def _new_key(client: Client) -> Iterator[str]:
    """The statements that move the rows of a table with an earlier version's key into a new one.

    There is no transaction, so each statement may be the last one before a crash, and the next
    start begins again: the table of before is there until all is done. Copying twice does no harm,
    because rows with one key are one row. What another process books between the copy and the
    exchange is copied by the second one.
    """
    older = _columns_in(client, _BEFORE)
    if _key_of(client) != set(KEY):
        older = _columns_in(client, "usage_rows")
        yield _USAGE.create(_BY_KEY)
        yield _copy("usage_rows", older, _BY_KEY)
        yield f"RENAME TABLE usage_rows TO {_BEFORE}, {_BY_KEY} TO usage_rows"
    if older:
        yield _copy(_BEFORE, older, "usage_rows")
        yield f"DROP TABLE {_BEFORE}"


def _has_older_key(client: Client) -> bool:
    """Whether the rows, or some of them, are still in a table with an earlier version's key."""
    return _key_of(client) != set(KEY) or bool(_columns_in(client, _BEFORE))


def _key_of(client: Client) -> set[str]:
    query = (
        "SELECT sorting_key FROM system.tables"
        " WHERE database = currentDatabase() AND name = 'usage_rows'"
    )
    ((key,),) = client.query(query).result_rows
    return set(key.split(", "))


def _copy(source: str, present: set[str], target: str) -> str:
    names = [name for name in _USAGE.columns if name in present] + [_USAGE.version]
    values = {name: name for name in names}
    values |= {name: f"assumeNotNull({name})" for name in KEY if name in present}
    values.setdefault("kind", f"assumeNotNull({older_kind(present)})")
    columns, selected = ", ".join(values), ", ".join(values.values())
    return f"INSERT INTO {target} ({columns}) SELECT {selected} FROM {source}"  # noqa: S608


def _columns_in(client: Client, table: str) -> set[str]:
    """The names of its columns; none, if it isn't there."""
    query = (
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = %(table)s"
    )
    return {name for (name,) in client.query(query, {"table": table}).result_rows}


def _turned(rows: Iterable[Sequence[object]]) -> list[Sequence[object]]:
    """Rows as columns."""
    return list(zip(*rows, strict=True))
