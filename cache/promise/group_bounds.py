"""Group bounds: the error bounds of one group of requests, by step and language.

One value in Redis a group, read with the entry, so that every step knows whether it is closed at
the price of one more key in the same round trip.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from functools import lru_cache
from typing import Final, NamedTuple

from pydantic_core import to_json

from cache.promise.error_bound import (
    MAX_LEVEL,
    WINDOW,
    BoundRules,
    BoundStatus,
    ComparisonError,
    ErrorBound,
)
from producers.contract.codec import MAX_MESSAGE_VALUES
from producers.json_values import read_json
from runtime.config.sections.cache import CacheStep

NO_LANGUAGE: Final = "-"
"""Stands for a language that isn't known."""
MAX_CELLS: Final = 60
"""Three steps in twenty languages: what a damaged or foreign value may hold at most."""
_MOST_CHECKED: Final = 10 * WINDOW
_MOST_REPORTED: Final = 100_000
"""Of one cell: what a damaged or foreign value may say at most."""


class PromiseCell(NamedTuple):
    """What a promise is kept for: the step, and the question's language, ISO 639-1 or `-`."""

    step: CacheStep
    language: str

    @property
    def label(self) -> str:
        """`step.language`."""
        return f"{self.step}.{self.language}"


def cell_of(step: CacheStep, language: str | None) -> PromiseCell:
    """The cell of a hit."""
    return PromiseCell(step, language or NO_LANGUAGE)


@dataclass(frozen=True, slots=True)
class GroupBounds:
    """By the labels of the cells; a cell that isn't there has no observations."""

    cells: Mapping[str, ErrorBound]

    def of(self, cell: PromiseCell) -> ErrorBound:
        """The cell's bound."""
        return self.cells.get(cell.label, _NEW)

    def changed(self, cell: PromiseCell, bound: ErrorBound) -> "GroupBounds":
        """With another bound for one cell."""
        return replace(self, cells={**self.cells, cell.label: bound})


_NEW: Final = ErrorBound()
NO_BOUNDS: Final = GroupBounds({})


def rules_of(cell: PromiseCell, limit: float, error: ComparisonError) -> BoundRules:
    """What a cell is held to: the semantic step alone can be made stricter before it closes."""
    return BoundRules(limit, error, MAX_LEVEL if cell.step == "semantic" else 0)


def encode_bounds(bounds: GroupBounds) -> str:
    """As text for Redis."""
    cells = dict(list(bounds.cells.items())[-MAX_CELLS:])
    return to_json({label: astuple(bound) for label, bound in cells.items()}).decode()


def decode_bounds(value: bytes | None) -> GroupBounds:
    """None when there are none, or they are damaged: then nothing was observed."""
    return NO_BOUNDS if not value else _decoded(value)


def status_of(
    value: bytes | None, cell: PromiseCell, limit: float, error: ComparisonError
) -> BoundStatus:
    """What a group's value in Redis says of one cell."""
    if value is None:
        return "unproven"
    return decode_bounds(value).of(cell).status(rules_of(cell, limit, error))


@lru_cache(maxsize=1024)
def _decoded(value: bytes) -> GroupBounds:
    # the same few values come with every look-up
    try:
        cells = read_json(value, MAX_MESSAGE_VALUES)
        return GroupBounds({str(label): _bound(parts) for label, parts in cells.items()})
    except (ValueError, TypeError, AttributeError, OverflowError):
        return NO_BOUNDS


def _bound(parts: object) -> ErrorBound:
    if not isinstance(parts, list) or len(parts) != 6:  # noqa: PLR2004 - the fields
        raise ValueError("no bound")
    level, checked, wrong, reported, before, closed = (max(0, int(part)) for part in parts)
    # numbers that nobody has counted would take seconds to judge
    checked, reported = min(checked, _MOST_CHECKED), min(reported, _MOST_REPORTED)
    wrong = min(wrong, checked)
    return ErrorBound(min(level, MAX_LEVEL), checked, wrong, reported, before, bool(closed))
