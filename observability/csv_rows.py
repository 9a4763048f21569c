"""CSV rows within a limit: no field of a foreign table is longer than its reader allows.

The library keeps that limit for the whole process, so that one reader's would hold for all others.
"""

import csv
from collections.abc import Iterator
from typing import TypeVar

_Row = TypeVar("_Row")


def rows_within(rows: Iterator[_Row], longest: int) -> Iterator[_Row]:
    """The rows of a reader of `csv`. longest: of a field, in characters. Raises csv.Error."""
    while True:
        others = csv.field_size_limit(longest)
        try:
            row = next(rows, None)
        finally:
            csv.field_size_limit(others)
        if row is None:
            return
        yield row
