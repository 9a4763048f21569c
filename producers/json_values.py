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


def read_json(raw: bytes, most: int) -> Any:  # noqa: ANN401 JSON
    """The value of a JSON text. Raises ValueError: it is none, or has more than `most` values."""
    if too_many_values(raw, most):
        raise ValueError(f"more than {most:,} values")
    if len(raw) <= _SMALL:
        return from_json(raw)
    # texts that differ gain nothing by a cache of texts, which takes half of the time
    with _collector_paused():
        return from_json(raw, cache_strings="none")


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Nothing of a value that is being made is garbage: to look for it triples the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


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
