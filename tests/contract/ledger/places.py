"""Where can the contract's ledgers be?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from observability.ledger import Ledger
from observability.stores import ledger_at


class Place(Protocol):
    """A store whose ledger can be emptied."""

    def empty(self) -> Ledger:
        """A ledger without anything in it."""
        ...


@dataclass
class Folder:
    """Each ledger is a new file."""

    path: Path
    made: int = 0

    def empty(self) -> Ledger:
        self.made += 1
        ledger = ledger_at(self.path / f"{self.made}.duckdb")
        ledger.create()
        return ledger
