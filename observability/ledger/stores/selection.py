"""Selection of the ledger's store by its path or URL.

A path names a DuckDB file: one machine, nothing to run. `postgresql://…` is for a ledger that many
processes share, `clickhouse://…` for billions of rows. The servers' client libraries are imported
only when a URL asks for them.
"""

from pathlib import Path
from typing import Final

from observability.ledger.ledger import Ledger, LedgerError, LedgerStore
from observability.ledger.stores.duckdb_file import DuckDbFile
from observability.ledger.stores.store_url import parse_store_url, scheme_of

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


def _store_at(where: str) -> LedgerStore:
    match scheme_of(where):
        case None if "//" in where or "@" in where:
            # it isn't shown: it may hold a password
            raise ValueError(f"the ledger is neither a path nor a URL that we know: {_FORMS}")
        case None:
            return DuckDbFile(Path(where))
        case "postgresql" | "postgres":
            try:
                from observability.ledger.stores.postgres import Postgres  # noqa: PLC0415
            except ImportError as error:
                raise _not_installed("postgresql", "psycopg[binary]") from error
            return Postgres(parse_store_url(where))
        case "clickhouse":
            try:
                from observability.ledger.stores.clickhouse import clickhouse_at  # noqa: PLC0415
            except ImportError as error:
                raise _not_installed("clickhouse", "clickhouse-connect") from error
            return clickhouse_at(parse_store_url(where))
        case scheme:
            raise ValueError(f"there is no store for {scheme}: {_FORMS}")


def _not_installed(store: str, package: str) -> LedgerError:
    return LedgerError(f"a ledger in {store} needs a package: pip install '{package}'")
