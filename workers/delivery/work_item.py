"""What does a worker know of a record from its tier's queue before it begins?"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from producers import codec
from producers.broker import Record
from producers.codec import Headers
from producers.messages import Attempt, Request, Route

from .admission import Lane

_NUMBER: Final = re.compile(r"[0-9]{1,15}")
"""Longer ones overflow a float, or refuse to be parsed at all: a poison record, not a time."""

Weights: TypeAlias = Callable[[str], int]
"""A tenant's share of a pool against the others."""


@dataclass(frozen=True, slots=True)
class Job:
    """A tagged request with what its headers say. Times: Unix milliseconds.

    visited: the tiers that handed it over; attempts: all provider calls made for it before, of
    which attempts_here were made in this tier.
    """

    request: Request
    route: Route
    attempts: tuple[Attempt, ...]
    reply_to: str | None
    submitted_ms: int
    deadline_ms: int | None
    visited: tuple[str, ...]
    attempts_here: int
    headers: Headers
    record: Record

    @property
    def tried_before(self) -> bool:
        """Whether a worker has put it aside, or handed it over, before."""
        return any(name in (codec.ATTEMPT, codec.VISITED) for name, _ in self.headers)

    def left_s(self, now_ms: float) -> float | None:
        """Until its deadline; None = it has none."""
        return None if self.deadline_ms is None else max(0.0, (self.deadline_ms - now_ms) / 1000)

    @property
    def ordered(self) -> bool:
        """Whether it must be answered in its turn, so that it can't leave its partition."""
        return codec.header(self.headers, codec.SEQUENCE) is not None


def read_job(record: Record) -> Job:
    """Raises DecodeError."""
    tagged = codec.decode_tagged(record.value)
    headers = record.headers
    visited = codec.header(headers, codec.VISITED)
    return Job(
        tagged.request,
        tagged.route,
        tagged.attempts,
        codec.header(headers, codec.REPLY_TO),
        number(headers, codec.SUBMITTED) or record.timestamp_ms,
        number(headers, codec.DEADLINE),
        tuple(visited.split(",")) if visited else (),
        number(headers, codec.ATTEMPT) or 0,
        headers,
        record,
    )


def number(headers: Headers, name: str) -> int | None:
    """The header's whole number; None when absent, not one, or beyond any time and count."""
    text = codec.header(headers, name)
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None


def lane_of(record: Record, weight_of: Weights) -> Lane:
    """The record's lane, from its headers alone: the body isn't decoded before its turn."""
    tenant = codec.header(record.headers, codec.TENANT) or ""
    return Lane(
        tenant,
        weight_of(tenant),
        codec.header(record.headers, codec.LATENCY) != "batch",
        codec.header(record.headers, codec.SEQUENCE),
    )
