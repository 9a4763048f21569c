"""What does a worker know of a record from its tier's queue before it begins?"""

from dataclasses import dataclass

from producers.contract import Attempt, Request, Route, codec
from producers.contract.codec import Headers, integer
from producers.kafka.broker import Record


@dataclass(frozen=True, slots=True)
class WorkItem:
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


def read_work_item(record: Record) -> WorkItem:
    """Raises DecodeError."""
    tagged = codec.decode_tagged(record.value)
    headers = record.headers
    visited = codec.header(headers, codec.VISITED)
    return WorkItem(
        tagged.request,
        tagged.route,
        tagged.attempts,
        codec.header(headers, codec.REPLY_TO),
        integer(headers, codec.SUBMITTED) or record.timestamp_ms,
        integer(headers, codec.DEADLINE),
        tuple(visited.split(",")) if visited else (),
        integer(headers, codec.ATTEMPT) or 0,
        headers,
        record,
    )
