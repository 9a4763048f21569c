"""Ledgers as they were when a request's id alone was the key, and when no time was in it."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg
from clickhouse_connect import get_client
from clickhouse_connect.driver.client import Client
from psycopg.conninfo import make_conninfo

from observability.ledger.ledger import UsageBatch
from observability.ledger.schema import COLUMNS, columns_of
from observability.ledger.stores.selection import ledger_at
from observability.ledger.stores.store_url import StoreUrl, parse_store_url, scheme_of
from producers.contract import UsageEvent

_NAMES = (
    "id tenant at_ms outcome tier zone deployment provider model task tags latency stream"
    " input_uncached cache_read cache_write_5m cache_write_1h output reasoning cost baseline"
    " failed_cost saved_routing saved_cloud saved_prompt_cache saved_batch saved_cache"
    " saved_retries saved_judge saved_unsplit price_version cache_result cache_step cache_reason"
    " attempts attempt_count queued_ms first_token_ms total_ms finish_reason max_tokens prompt_hash"
    " prefix_hash prefix_tokens unsupported_share context_tokens context_used_share aside"
    " judged_model judged_supported redelivered trace_id"
)
OLDER = _NAMES.split()
_TYPES = {column.name: column.sql_type for column in COLUMNS}
_POSTGRES = {"VARCHAR": 'TEXT COLLATE "C"', "JSON": "TEXT", "DOUBLE": "DOUBLE PRECISION"}
_MARKS = ", ".join(["%s"] * len(OLDER))


def write_older_ledger(where: str, events: Sequence[UsageEvent]) -> None:
    """The events, into a new ledger at the path or URL; ids must differ, as they had to then."""
    columns = dict(zip((c.name for c in COLUMNS), columns_of(events), strict=True))
    rows = list(zip(*(columns[name] for name in OLDER), strict=True))
    match scheme_of(where):
        case None:
            _in_duckdb(Path(where), rows)
        case "clickhouse":
            _in_clickhouse(parse_store_url(where), rows)
        case _:
            _in_postgres(parse_store_url(where), rows)


def write_ledger_without_time(where: str, events: Sequence[UsageEvent]) -> None:
    """The events, into a new ledger of today's columns, with the key (tenant, id, kind)."""
    ledger = ledger_at(where)
    ledger.create()
    ledger.book(UsageBatch(events, {}))
    key = "PRIMARY KEY (tenant, id, kind)"
    match scheme_of(where):
        case None:
            with duckdb.connect(where) as db:
                db.execute("CREATE TABLE older AS FROM usage")
                db.execute("DROP TABLE usage; ALTER TABLE older RENAME TO usage")
                db.execute(f"ALTER TABLE usage ADD {key}")
        case "clickhouse":
            with closing(_client(parse_store_url(where))) as client:
                client.command(
                    "CREATE TABLE older ENGINE = ReplacingMergeTree(earliness)"
                    " ORDER BY (tenant, id, kind) AS SELECT * FROM usage_rows"
                )
                client.command("DROP TABLE usage_rows")
                client.command("RENAME TABLE older TO usage_rows")
        case _:
            with psycopg.connect(_conninfo(parse_store_url(where))) as db:
                db.execute(f"ALTER TABLE usage DROP CONSTRAINT usage_pkey, ADD {key}".encode())


def _in_duckdb(path: Path, rows: Sequence[Sequence[object]]) -> None:
    with duckdb.connect(str(path)) as db:
        columns = ", ".join(f"{name} {_TYPES[name]}" for name in OLDER)
        db.execute(f"CREATE TABLE usage ({columns}, PRIMARY KEY (id))")
        db.execute(
            "CREATE TABLE positions (topic VARCHAR, part INTEGER, next_offset BIGINT,"
            " PRIMARY KEY (topic, part))"
        )
        db.executemany(f"INSERT INTO usage VALUES ({_MARKS.replace('%s', '?')})", rows)  # noqa: S608
        db.execute("INSERT INTO positions VALUES ('llm.usage', 0, 40)")


def _in_postgres(at: StoreUrl, rows: Sequence[Sequence[object]]) -> None:
    columns = ", ".join(f"{name} {_POSTGRES.get(_TYPES[name], _TYPES[name])}" for name in OLDER)
    with psycopg.connect(_conninfo(at)) as db, db.cursor() as cursor:
        cursor.execute(f"CREATE TABLE usage ({columns}, PRIMARY KEY (id))".encode())
        cursor.execute(b"CREATE INDEX usage_at_ms ON usage USING brin (at_ms)")
        cursor.execute(
            b"CREATE TABLE positions (topic TEXT, part INTEGER, next_offset BIGINT,"
            b" PRIMARY KEY (topic, part))"
        )
        cursor.execute(
            b"CREATE TABLE unreadable (topic TEXT, part INTEGER, record_offset BIGINT,"
            b" problem TEXT, raw BYTEA, PRIMARY KEY (topic, part, record_offset))"
        )
        cursor.executemany(f"INSERT INTO usage VALUES ({_MARKS})".encode(), rows)  # noqa: S608
        cursor.execute(b"INSERT INTO positions VALUES ('llm.usage', 0, 40)")


def _in_clickhouse(at: StoreUrl, rows: Sequence[Sequence[object]]) -> None:
    def sql_type(name: str) -> str:
        kind = "VARCHAR" if _TYPES[name] == "JSON" else _TYPES[name]
        return kind if name == "id" else f"Nullable({kind})"

    columns = ", ".join(f"{name} {sql_type(name)}" for name in OLDER)
    tables = {
        "usage": (columns, "earliness", "id"),
        "positions": (
            "topic VARCHAR, part INTEGER, next_offset BIGINT",
            "written_ns",
            "topic, part",
        ),
        "unreadable": (
            "topic VARCHAR, part INTEGER, record_offset BIGINT, problem VARCHAR, raw VARCHAR",
            "written_ns",
            "topic, part, record_offset",
        ),
    }
    with closing(_client(at)) as client:
        for name, (fields, version, key) in tables.items():
            client.command(
                f"CREATE TABLE {name}_rows ({fields}, {version} UInt64)"
                f" ENGINE = ReplacingMergeTree({version}) ORDER BY ({key})"
            )
            names = ", ".join(field.split()[0] for field in fields.split(", "))
            client.command(f"CREATE VIEW {name} AS SELECT {names} FROM {name}_rows FINAL")  # noqa: S608
        versioned = [[*row, 2**63] for row in rows]
        client.insert("usage_rows", versioned, column_names=[*OLDER, "earliness"])
        client.insert(
            "positions_rows",
            [["llm.usage", 0, 40, 1]],
            column_names=["topic", "part", "next_offset", "written_ns"],
        )


def _conninfo(at: StoreUrl) -> str:
    return make_conninfo(
        host=at.host,
        port=at.port,
        dbname=at.database,
        user=at.user,
        password=at.password,
        **at.options,
    )


def _client(at: StoreUrl) -> Client:
    return get_client(
        host=at.host,
        port=at.port or 0,
        username=at.user,
        password=at.password or "",
        database=at.database,
        compress=False,
        autogenerate_session_id=False,
    )
