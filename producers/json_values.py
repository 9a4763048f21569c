"""JSON values: are there more in a text than its reader may spend its time on?

Asked before the text is parsed: a megabyte of brackets is half a million objects, which hold a
process for hundreds of milliseconds.
"""

from typing import Final

_BLANKS: Final = b" \t\r\n"


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
