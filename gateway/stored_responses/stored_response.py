"""Stored response: a response with the request behind it, as one JSON text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import to_json

from producers.contract.codec import MAX_REPLY_MARKS
from producers.json_values import read_json_text

MAX_STORED_BYTES: Final = 4_000_000
"""Of one response: its conversation, input and answer are each smaller than a record."""


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """What is kept of one response. Its tenant is a part of its key."""

    response: Mapping[str, Any]
    """The `response` object."""

    items: Sequence[Mapping[str, Any]]
    """The input, each item with an id."""

    messages: Sequence[Mapping[str, Any]]
    """The conversation with the answer, in the chat's terms; without the instructions."""

    call: Mapping[str, Any]
    """What the answer has to know of the request."""

    request: str = ""
    """The contract's request, for who has to ask for the answer once more."""

    reply: str = ""
    """The contract's reply, once there is one."""

    @property
    def pending(self) -> bool:
        """Whether there is no answer yet."""
        return self.response["status"] in ("queued", "in_progress")

    @property
    def background(self) -> bool:
        """Whether it goes on by itself."""
        return bool(self.response["background"])


def to_text(stored: StoredResponse) -> str | None:
    """The text that is kept; None for a response that is too large."""
    fields = {name: getattr(stored, name) for name in _FIELDS}
    raw = to_json(fields)
    return raw.decode() if len(raw) <= MAX_STORED_BYTES else None


def from_text(text: str) -> StoredResponse | None:
    """The response; None for a text that isn't one of this version."""
    try:
        fields = read_json_text(text, MAX_REPLY_MARKS)
    except ValueError:
        return None
    if not isinstance(fields, dict) or fields.keys() != set(_FIELDS):
        return None
    return StoredResponse(**fields)


_FIELDS: Final = ("response", "items", "messages", "call", "request", "reply")
