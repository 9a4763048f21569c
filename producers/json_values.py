"""JSON values: are there more in a text than its reader may spend its time on?

Asked before the text is parsed: a megabyte of brackets is half a million objects, which hold a
process for hundreds of milliseconds.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from pydantic_core import from_json

_BLANKS: Final = b" \t\r\n"
_SMALL: Final = 65_536
"""Bytes of a text that is parsed in a few milliseconds, whatever it has."""


class TooManyMarksError(ValueError):
    """The text is larger than its reader may take; it may be JSON all the same."""


def read_json(raw: bytes, most: int) -> Any:  # noqa: ANN401 JSON
    """The value of a JSON text. Raises ValueError, TooManyMarksError for more than `most` marks."""
    if too_many_marks(raw, most):
        raise TooManyMarksError(f"more than {most:,} marks")
    if len(raw) <= _SMALL:
        return from_json(raw)
    # texts that differ gain nothing by a cache of texts, which takes half of the time
    with collector_paused(raw):
        return from_json(raw, cache_strings="none")


def read_json_text(text: str, most: int) -> Any:  # noqa: ANN401 JSON
    """As `read_json`, of a text within a message, such as a tool call's arguments."""
    return read_json(text.encode(), most)


@contextmanager
def collector_paused(raw: bytes) -> Iterator[None]:
    """Nothing of a value that is being made is garbage: to look for it triples the time.

    raw: what it is made of; a small text is read with the collector on.
    """
    was_on = gc.isenabled() and len(raw) > _SMALL
    if not was_on:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def too_many_marks(raw: bytes, most: int) -> bool:
    """Whether `raw` has more than `most` marks.

    About what parsing takes: numbers in a list take less of it than names and objects. Those in
    texts count too, since to leave them out takes as long as to parse; no text that a model writes
    has so many.
    """
    return len(raw) > most and marks_in(raw) > most


def marks_in(raw: bytes) -> int:
    """Commas, opening brackets, fourths of a quotation mark and of a backslash.

    A letter that is written as an escape takes fifteen times as long as itself.
    """
    fourths = raw.count(b'"') + raw.count(b"\\")
    return len(raw) - len(raw.translate(None, b",[{")) + fourths // 4


def too_many_values(raw: bytes, most: int, *, numbers_aside: bool = False) -> bool:
    """Whether the JSON text `raw` has more than `most` values: objects, lists, texts, numbers.

    numbers_aside: lists of numbers may be longer, so objects and lists alone are counted.
    """
    # a value takes two bytes at least, with what separates it: ordinary ones aren't counted
    if len(raw) <= 2 * most or len(raw) - len(raw.translate(None, b",[{")) < most:
        return False
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    if raw.count(b'"') > 4 * most and not numbers_aside:
        return True  # a value has two texts at most, its name and itself
    outside = b'"'.join(raw.split(b'"')[::2])  # every text is a mark now
    if numbers_aside:
        return _brackets(outside) > most
    outside = outside.translate(None, _BLANKS)
    empty = outside.count(b"[]") + outside.count(b"{}")
    return 1 + outside.count(b",") + _brackets(outside) - empty > most


def _brackets(raw: bytes) -> int:
    return raw.count(b"[") + raw.count(b"{")
