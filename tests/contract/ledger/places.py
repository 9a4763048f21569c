"""Where can the contract's ledgers be?"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg

from dev import clickhouse
from dev.postgres_server import url_of
from dev.processes import Server
from observability.ledger.ledger import Ledger
from observability.ledger.stores.selection import ledger_at

_NUMBERS = count()


@dataclass(frozen=True)
class Place:
    """A store that has room for any number of ledgers."""

    another: Callable[[], str]
    """The path or URL of one more."""

    def empty(self) -> Ledger:
        ledger = ledger_at(self.another())
        ledger.create()
        return ledger


def in_a_folder(folder: Path) -> Place:
    return Place(lambda: str(folder / f"{next(_NUMBERS)}.duckdb"))


def in_postgres(server: Server) -> Place:
    def another() -> str:
        """A schema of its own."""
        name = f"ledger_{next(_NUMBERS)}"
        with psycopg.connect(url_of(server)) as db:
            db.execute(f"CREATE SCHEMA {name}".encode())
        return f"{url_of(server)}?options=-csearch_path%3D{name}"

    return Place(another)


def in_clickhouse(server: Server) -> Place:
    def another() -> str:
        """A database of its own."""
        name = f"ledger_{next(_NUMBERS)}"
        with closing(clickhouse.client(server)) as client:
            client.command(f"CREATE DATABASE {name}")
        return clickhouse.url_of(server, name)

    return Place(another)
