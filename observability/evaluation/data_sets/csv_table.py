"""CSV table: rows by the names of their columns, whatever program has saved the file.

UTF-8 with or without a byte order mark; parted by comma, semicolon, tab or bar. What is wrong is
said with the number of its line.
"""

import csv
from collections.abc import Iterable, Iterator
from typing import Final

from observability.csv_rows import rows_within

_DELIMITERS: Final = ",;\t|"
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SHOWN: Final = 60
"""Characters of a foreign name in an error."""


class UnusableLineError(ValueError):
    """A line can't be read; the message says which and what is wrong."""


def table_rows(
    lines: Iterable[bytes], known: frozenset[str], needed: frozenset[str], longest: int
) -> Iterator[tuple[int, dict[str, str]]]:
    """The number of each row's first line, and its fields that aren't empty.

    known: columns by which the delimiter is recognised; one of `needed` must be there.
    longest: of a field, in characters. Raises UnusableLineError.
    """
    texts = _texts(lines)
    header = next(texts, "")
    delimiter = max(_DELIMITERS, key=lambda each: len(known & set(_columns(header, each))))
    columns = _columns(header, delimiter)
    _check_columns(columns, needed)
    reader = csv.reader(texts, delimiter=delimiter, strict=True)
    begins = 2
    try:
        for row in rows_within(reader, longest):
            number, begins = begins, reader.line_num + 2
            if len(row) > len(columns):
                more = f"{len(row)} fields, and the header has {len(columns)}"
                raise UnusableLineError(f"line {number}: {more}; is a quote missing?")
            if any(row):
                pairs = zip(columns, row, strict=False)
                yield number, {name: value for name, value in pairs if value}
    except csv.Error as error:
        raise UnusableLineError(f"line {begins}: {error}") from None


def _check_columns(columns: list[str], needed: frozenset[str]) -> None:
    if not needed & set(columns):
        wanted = " or ".join(f"`{name}`" for name in sorted(needed))
        names = ", ".join(repr(name[:_SHOWN]) for name in columns[:20]) or "none"
        raise UnusableLineError(f"line 1: no column {wanted}; there are: {names}")
    twice = next((name for name in columns if name and columns.count(name) > 1), None)
    if twice is not None:
        raise UnusableLineError(f"line 1: the column {twice[:_SHOWN]!r} is there twice")


def _texts(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        try:
            yield (line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line).decode()
        except UnicodeDecodeError as error:
            where = f"line {number}: byte {error.start + 1}"
            raise UnusableLineError(f"{where}: no UTF-8, as which the file must be saved") from None


def _columns(header: str, delimiter: str) -> list[str]:
    row = next(csv.reader([header], delimiter=delimiter), [])
    return [name.strip().lower() for name in row]
