"""Terminal output of foreign text: control characters are shown, not obeyed, and markup stays text.

A tenant, a tag or a dead letter may hold an escape sequence that moves the cursor, recolours what
follows or sets the window's title, or `[red]`, which rich would take for markup.
"""

import json
import math
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from rich.text import Text

_MARKS: Final = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
"""Marks that are stacked on the letter before: a hundred of them cover the lines around."""
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL and C1, the escape sequences' beginnings among them
    "\u2028\u2029"  # line and paragraph separators
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the writing direction
    # what isn't seen: two names that look alike, or one that looks like none
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\ud800-\udfff]"  # surrogates, which no terminal's encoding has
    f"|(?<=[{_MARKS}]{{4}})[{_MARKS}]"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_UNFOLDED: Final = 500
"""Characters of a line that no terminal shows."""


def output_width() -> int | None:
    """Columns of a table on the standard output; None: the terminal's, or what `COLUMNS` says.

    A pipe or a file gets whole lines: a name that is folded after 80 characters can't be searched.
    """
    return None if sys.stdout.isatty() or "COLUMNS" in os.environ else _UNFOLDED


def plain(text: str) -> str:
    r"""`text` on one line; what a terminal would obey is shown as its escape (`\x1b`)."""
    return _UNSAFE.sub(lambda found: ascii(found[0])[1:-1], text)


def cell(text: str) -> Text:
    """`plain` text as a cell of a rich table: neither markup nor emoji names are read in it."""
    return Text(plain(text if len(text) <= _UNFOLDED else f"{text[:_UNFOLDED]}…"))


def lines(text: str) -> str:
    """`plain` text that keeps its lines: of several mistakes, each on its own."""
    return "\n".join(map(plain, text.split("\n")))


def utc(at_ms: int) -> str:
    """Unix milliseconds as a time; those that no calendar has, which whoever may write, as such."""
    try:
        at = _EPOCH + timedelta(milliseconds=at_ms)
    except OverflowError:
        return f"{at_ms} ms"
    return at.strftime("%Y-%m-%d %H:%M:%S")


def readable_json(value: object) -> str:
    """`value` as indented JSON whose letters of any language stay readable, and nothing is obeyed.

    A program reads the same value from it: what a terminal would obey is escaped as JSON escapes.
    What is no number (NaN, infinity) is null.
    """
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False)
    return _UNSAFE.sub(lambda match: _json_escape(match[0]), text)


def _finite(value: object) -> object:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
        case _:
            return value


def _json_escape(character: str) -> str:
    if character == "\n":  # of the indentation: inside a string JSON has escaped it already
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
