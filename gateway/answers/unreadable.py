"""Unreadable request: what in a request can't be told in the contract's terms."""

from collections.abc import Mapping
from typing import Any


class UnreadableRequest(Exception):  # noqa: N818 it is an answer to the caller
    """Stays inside a dialect, whose reader makes an API error of it."""

    def __init__(self, param: str, problem: str) -> None:
        super().__init__(f"{param}: {problem}")
        self.param = param


def object_at(value: object, param: str) -> Mapping[str, Any]:
    """The object. Raises UnreadableRequest."""
    if not isinstance(value, Mapping):
        raise UnreadableRequest(param, "must be an object")
    return value


def list_at(value: object, param: str) -> list[Any]:
    """The list; null is an empty one. Raises UnreadableRequest."""
    if value is not None and not isinstance(value, list):
        raise UnreadableRequest(param, "must be a list")
    return value or []


def text_at(value: object, param: str) -> str:
    """The text. Raises UnreadableRequest."""
    if not isinstance(value, str):
        raise UnreadableRequest(param, "must be a text")
    return value
