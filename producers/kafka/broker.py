"""Broker seam: what the client and the services need of a message broker.

`aiokafka_broker.py` implements it; the tests have one in memory, under the same contract tests.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from ..contract.codec import Headers


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it lies in the log."""

    partition: Partition
    offset: int
    key: bytes | None
    value: bytes
    """A null value reads as empty."""

    headers: Headers
    timestamp_ms: int
    """Unix milliseconds, of the writer or of the log, as the topic is configured."""

    inherited_s: float | None = None
    """When its partition was assigned to this member (monotonic seconds), if it lay there by then:
    another member may have begun with it, or have answered it. None: nobody else has had it."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record on its way to the log."""

    topic: str
    value: bytes
    key: bytes | None = None
    """Records with one key share a partition; None: any."""

    headers: Headers = ()
    partition: int | None = None
    """Goes before the key. A partition that the topic doesn't have counts as none."""


class WriteRefusal(Enum):
    """Why a broker never takes a record as it is."""

    TOO_LARGE = "the record is larger than the topic takes"
    NO_TOPIC = "there is no such topic"
    NOT_ALLOWED = "we may not write to it"


class PublishFailedError(Exception):
    """The broker didn't take a record in time, or never will (`permanent`), as `refusal` tells.

    Not permanent: it is unknown whether the record was written.
    """

    def __init__(self, topic: str, reason: str, *, refusal: WriteRefusal | None = None) -> None:
        told = reason if refusal is None else f"{refusal.value} ({reason})"
        super().__init__(f"could not publish to {topic}: {told}")
        self.topic = topic
        self.refusal = refusal

    @property
    def permanent(self) -> bool:
        """Whether the same record will be refused again."""
        return self.refusal is not None


class Publisher(Protocol):
    """A writer of records."""

    async def publish(self, *outgoing: Outgoing) -> None:
        """Returns once the broker has the records safely. Raises PublishFailedError.

        They leave in the order given, without waiting for each other; after a failure any of them
        may have been written. Where one is never taken, and another wasn't in time, it isn't
        permanent: tried again, all that can be written is.
        """
        ...


class RecordBatch(NamedTuple):
    """Records for one member of a consumer group."""

    records: Sequence[Record]
    commit: Callable[[], Awaitable[None]]
    """Says that all of them are done; call it once they are. Never raises."""


class Broker(Publisher, Protocol):
    """What a client needs: write, follow a topic from now on, take part in a consumer group."""

    def tail(
        self, topic: str, receive: Callable[[Record], None], partition: int | None = None
    ) -> AbstractAsyncContextManager[None]:
        """Calls `receive` for every record written to `topic` after the context is entered.

        partition: the only one to be read; None: all of them.
        """
        ...

    async def partitions_of(self, topic: str, at_least: int = 0) -> int | None:
        """How many partitions `topic` has; None: there is no such topic, or we may not see it.

        at_least: fewer are believed only if they were counted just now. Raises PublishFailedError,
        not permanent, when the broker is away.
        """
        ...

    def consume(self, topic: str, group: str) -> AsyncIterator[RecordBatch]:
        """Batches for this member of `group`; at least once: a batch not committed comes again."""
        ...
