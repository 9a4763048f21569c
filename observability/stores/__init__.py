"""Which store holds the ledger? A path names a DuckDB file."""

from pathlib import Path

from observability.ledger import Ledger
from observability.stores.duckdb_file import DuckDbFile


def ledger_at(where: str | Path) -> Ledger:
    """The ledger that `SWITCHGEAR_LEDGER` names, not opened yet."""
    return Ledger(DuckDbFile(Path(where)))
