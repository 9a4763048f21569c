"""Terminal output of foreign text: control characters are shown, not obeyed, and markup stays text.

A tenant, a tag or a dead letter may hold an escape sequence that moves the cursor, recolours what
follows or sets the window's title, or `[red]`, which rich would take for markup.
"""

import re
from typing import Final

from rich.text import Text

_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL and C1, the escape sequences' beginnings among them
    "\u2028\u2029"  # line and paragraph separators
    "\u202a-\u202e\u2066-\u2069"  # embedding, override and isolation of writing direction
    "\ud800-\udfff]"  # surrogates, which no terminal's encoding has
)


def plain(text: str) -> str:
    r"""`text` on one line; what a terminal would obey is shown as its escape (`\x1b`)."""
    return _UNSAFE.sub(lambda found: ascii(found[0])[1:-1], text)


def cell(text: str) -> Text:
    """`plain` text as a cell of a rich table: neither markup nor emoji names are read in it."""
    return Text(plain(text))
