"""Token estimate of a request: no provider is asked, so it is right to a fifth or so."""

import math
from collections.abc import Mapping
from typing import Any, Final

_BYTES_PER_TOKEN: Final = 3.6
"""Of English text for Claude."""
_PER_MESSAGE: Final = 4
_PER_FILE: Final = 1_000
"""About what a picture of ordinary size counts."""
_LONGEST_HEAD: Final = 100
"""Of a `data:` address: the kind of its file."""


def estimated_tokens(body: Mapping[str, Any]) -> int:
    """Of the system text, the messages and the tools of a Messages or a Chat Completions body."""
    parts = [body.get(name) for name in ("system", "messages", "tools")]
    size, files = 0, 0
    messages = body.get("messages")
    while parts:
        match parts.pop():
            case str(text) if text.startswith("data:") and ";base64," in text[:_LONGEST_HEAD]:
                files += 1
            case str(text):
                size += len(text.encode("utf-8", "surrogatepass"))
            case {"type": "base64"}:
                files += 1
            case dict() as told:
                parts += [value for name, value in told.items() if name != "type"]
                size += sum(len(name) for name in told if name not in {"type", "text", "role"})
            case list() as told:
                parts += told
    count = len(messages) if isinstance(messages, list) else 0
    return math.ceil(size / _BYTES_PER_TOKEN) + _PER_MESSAGE * count + _PER_FILE * files
