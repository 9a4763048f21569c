"""Server-sent events: one event of a stream as bytes.

Never an `id:` or `retry:` line: after one, OpenAI's Python SDK takes the next comment for an event.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

COMMENT: Final = b": keep-alive\n\n"


def sse(data: Mapping[str, Any], event: str | None = None) -> bytes:
    """The event; `data` becomes one line of JSON."""
    name = b"" if event is None else b"event: %b\n" % event.encode()
    return b"%bdata: %b\n\n" % (name, to_json(data))
