"""Terminal output of foreign text: control characters are shown, not obeyed, and markup stays text.

A tenant, a tag or a dead letter may hold an escape sequence that moves the cursor, recolours what
follows or sets the window's title, or `[red]`, which rich would take for markup.
"""

import json
import os
import re
import sys
from typing import Final

from rich.text import Text

_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL and C1, the escape sequences' beginnings among them
    "\u2028\u2029"  # line and paragraph separators
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the writing direction
    "\u200b\u2060\ufeff\U000e0000-\U000e007f"  # invisible: two names that look alike
    "\ud800-\udfff]"  # surrogates, which no terminal's encoding has
)

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
    return Text(plain(text))


def readable_json(value: object) -> str:
    """`value` as indented JSON whose letters of any language stay readable, and nothing is obeyed.

    A program reads the same value from it: what a terminal would obey is escaped as JSON escapes.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _UNSAFE.sub(lambda match: _json_escape(match[0]), text)


def _json_escape(character: str) -> str:
    if character == "\n":  # of the indentation: inside a string JSON has escaped it already
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
