"""Residency: which zones may see a request, and is a cell in one of them?

A cell is one Kafka, one Redis and one ledger in one zone.
"""

from collections.abc import Sequence
from typing import TypeAlias

AllowedZones: TypeAlias = Sequence[str] | None
"""None: all; empty: none is left, so nobody may see it."""


def narrower(requested: tuple[str, ...], imposed: tuple[str, ...]) -> tuple[str, ...] | None:
    """The zones that both lists allow, where an empty list allows all of them."""
    if not requested or not imposed:
        return (requested or imposed) or None
    return tuple(zone for zone in requested if zone in imposed)


def excludes(allowed: AllowedZones, cell: str | None) -> bool:
    """Whether the data may not be in the cell. cell: its zone; None: nobody has said it."""
    return cell is not None and allowed is not None and cell not in allowed
