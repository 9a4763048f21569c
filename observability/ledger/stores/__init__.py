"""Which store holds the ledger?

A path names a DuckDB file: one machine, nothing to run. `postgresql://…` is for a ledger that many
processes share, `clickhouse://…` for billions of rows. The servers' client libraries are imported
only when a URL asks for them.
"""

from pathlib import Path
from typing import Final

from observability.ledger import Ledger, LedgerError, Store
from observability.stores.address import parse, scheme_of
from observability.stores.duckdb_file import DuckDbFile

_FORMS: Final = (
    "it is the path of a DuckDB file, postgresql://user:password@host/database or"
    " clickhouse://user:password@host:8123/database"
)


def ledger_at(where: str | Path) -> Ledger:
    """The ledger that `SWITCHGEAR_LEDGER` names, not opened yet.

    ValueError for a URL that names no store; LedgerError: its client library isn't installed.
    """
    # some tools keep the quotes of an environment file
    return Ledger(_store_at(str(where).strip().strip("'\"")))


def _store_at(where: str) -> Store:
    match scheme_of(where):
        case None if "//" in where or "@" in where:
            # it isn't shown: it may hold a password
            raise ValueError(f"the ledger is neither a path nor a URL that we know: {_FORMS}")
        case None:
            return DuckDbFile(Path(where))
        case "postgresql" | "postgres":
            try:
                from observability.stores.postgres import Postgres  # noqa: PLC0415
            except ImportError as error:
                raise _not_installed("postgresql", "psycopg[binary]") from error
            return Postgres(parse(where))
        case "clickhouse":
            try:
                from observability.stores.clickhouse import clickhouse_at  # noqa: PLC0415
            except ImportError as error:
                raise _not_installed("clickhouse", "clickhouse-connect") from error
            return clickhouse_at(parse(where))
        case scheme:
            raise ValueError(f"there is no store for {scheme}: {_FORMS}")


def _not_installed(store: str, package: str) -> LedgerError:
    return LedgerError(f"a ledger in {store} needs a package: pip install '{package}'")
