"""Erasure: what a person's data is found by, and the seam of the stores that can forget it.

A person is a tenant's `user`, as OpenAI's field of that name and Anthropic's `metadata.user_id` say
it. A store that keeps content adds its eraser to `erasers` in `erase`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from producers.contract.codec import MAX_REPLY_MARKS
from producers.json_values import read_json


@dataclass(frozen=True, slots=True)
class Person:
    """Whose data. requests: the ids of the person's requests, as far as Kafka still has them."""

    tenant: str
    user: str
    requests: frozenset[str]


@dataclass(frozen=True, slots=True)
class Erased:
    """What became of the person's data in one store."""

    store: str
    number: int
    """Of things that were forgotten, or would be."""
    what: str
    """What they are, and what stays, in words."""


class PersonEraser(Protocol):
    """One store of content, or of what can be traced to a person."""

    async def erase(self, person: Person, *, really: bool) -> Erased:
        """really: else it only counts. Raises what the store raises when it is away."""
        ...


def is_of(value: bytes, tenant: str, user: str) -> str | None:
    """The id of a request in a record, tagged or not, if it is the person's; None: it isn't."""
    try:
        told = read_json(value, MAX_REPLY_MARKS)
    except ValueError:
        return None
    request = told.get("request", told) if isinstance(told, Mapping) else None
    if not isinstance(request, Mapping) or request.get("tenant") != tenant:
        return None
    body, request_id = request.get("body"), request.get("id")
    of_user = isinstance(body, Mapping) and body.get("user") == user
    return request_id if of_user and isinstance(request_id, str) else None


def lines_of(content: bytes, user: str) -> int:
    """How many lines of a job's file are the person's."""
    return sum(_line_is_of(line, user) for line in content.split(b"\n"))


def _line_is_of(line: bytes, user: str) -> bool:
    try:
        told = read_json(line, MAX_REPLY_MARKS)
    except ValueError:
        return False
    body = told.get("body") if isinstance(told, Mapping) else None
    return isinstance(body, Mapping) and body.get("user") == user
