"""Task tokens: how a request carries one, and which answers say that its task is over."""

from typing import Final

from producers.contract import codec
from producers.contract.codec import Headers

OVER: Final = frozenset(
    {"InvalidToken", "InvalidOutput", "TaskTimedOut", "TaskDoesNotExist", "ValidationException"}
)
"""Errors of Step Functions that nothing that comes later changes."""
_LONGEST: Final = 2_048


def task_token(headers: Headers) -> str | None:
    """The token of a request or of its reply: Spring's correlation id. None: it carries none."""
    token = codec.header(headers, codec.SPRING_CORRELATION)
    return token if token and len(token) <= _LONGEST else None
