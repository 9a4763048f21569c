"""Request shapes: JSON that a caller put into a field, read as what the field must hold.

A request's own shape never breaks an adapter: what can't be translated is refused, with the name of
its field. `field` is its path, such as `messages[2].tool_calls[0].function`.
"""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from pydantic_core import to_json

from workers.providers.base.call_outcome import RequestRejected


class UnsupportedContent(Exception):  # noqa: N818 - the reason is for the caller
    """Something that the dialect has no words for; the message says what and where."""


def rejected(problem: UnsupportedContent) -> RequestRejected:
    """The outcome of a call whose request was not sent for `problem`."""
    return RequestRejected(message=str(problem), code="unsupported_content")


def object_in(value: object, field: str) -> Mapping[str, Any]:
    """`value`, which must be an object."""
    if isinstance(value, dict):
        return value
    raise UnsupportedContent(f"{field} must be an object")


def list_in(value: object, field: str) -> list[Any]:
    """`value`, which must be a list; None is an empty one."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return list(value)
    raise UnsupportedContent(f"{field} must be a list")


def text_in(value: object, field: str) -> str:
    """`value`, which must be a text."""
    if isinstance(value, str):
        return value
    raise UnsupportedContent(f"{field} must be a text")


def name_in(value: object, field: str) -> str:
    """`value`, which must be a text with something in it."""
    if isinstance(value, str) and value.strip():
        return value
    raise UnsupportedContent(f"{field} must be a text that isn't empty")


def number_in(value: object, field: str) -> float | int | None:
    """`value`, which must be a finite number; None when it isn't set."""
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return value
    raise UnsupportedContent(f"{field} must be a number")


def json_bytes(body: Mapping[str, Any]) -> bytes:
    """`body` as JSON. Raises UnsupportedContent where JSON has no word for a value of it.

    Python's JSON readers take NaN and Infinity, which RFC 8259 doesn't know and no provider reads.
    """
    try:
        wire = to_json(body)
    except (ValueError, TypeError) as error:
        raise UnsupportedContent(f"the request can't be written as JSON: {error}"[:300]) from None
    # the words may stand in a text as well, so only their presence makes the walk worth its time
    if b"NaN" in wire or b"Infinity" in wire:
        for field in _not_finite(body, ""):
            raise UnsupportedContent(f"{field} must be a finite number")
    return wire


def _not_finite(value: object, field: str) -> Iterator[str]:
    match value:
        case float() if not isfinite(value):
            yield field
        case Mapping():
            for name, inner in value.items():
                yield from _not_finite(inner, f"{field}.{name}" if field else str(name))
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from _not_finite(inner, f"{field}[{index}]")
