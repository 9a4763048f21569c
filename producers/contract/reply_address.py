"""Reply address: the topic and the partition that an answer goes to, and what it carries back.

`reply_to` and `x-reply-partition` are the contract's own headers. A `ReplyingKafkaTemplate` of
Spring Kafka works unchanged: its topic and its partition count where ours are absent, and its
correlation id, raw bytes, comes back as it was. Such a caller takes the first record for the whole
answer, so it gets no chunks unless it asks for them.
"""

from dataclasses import dataclass
from typing import Final

from . import topics
from .codec import (
    REPLY_CHUNKS,
    REPLY_NONCE,
    REPLY_PARTITION,
    REPLY_TO,
    SPRING_CORRELATION,
    SPRING_REPLY_PARTITION,
    SPRING_REPLY_TOPIC,
    Headers,
    header,
    integer,
)

_INT32_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class ReplyAddress:
    """Where an answer goes."""

    named_topic: str | None = None
    """The topic that the caller named; None: the shared one."""

    partition: int | None = None
    """The partition that the caller reads; None: the request's id chooses one."""

    echo: Headers = ()
    """Headers of the request that every record of its reply repeats, byte for byte."""

    chunks: bool = True
    """Whether an answer may come in pieces before it comes whole."""

    problem: str | None = None
    """Why the topic or the partition that the caller named can't be read, for the caller."""

    @property
    def topic(self) -> str:
        """The topic, whoever named it."""
        return self.named_topic or topics.REPLIES


def read_reply_address(headers: Headers) -> ReplyAddress:
    """Never fails: what can't be read counts as absent, and `problem` tells it."""
    topic = header(headers, REPLY_TO) or _spring_topic(headers)
    partition = integer(headers, REPLY_PARTITION)
    partition = _spring_partition(headers) if partition is None else partition
    spring = [pair for pair in headers if pair[0] == SPRING_CORRELATION and pair[1] is not None]
    nonces = [pair for pair in headers if pair[0] == REPLY_NONCE and pair[1] is not None]
    return ReplyAddress(
        topic,
        partition,
        (*spring[-1:], *nonces[-1:]),
        not spring or header(headers, REPLY_CHUNKS) == "true",
        _problem(headers, topic, partition),
    )


def _problem(headers: Headers, topic: str | None, partition: int | None) -> str | None:
    """The first header that says where to answer, but not in a way that can be read."""
    if topic is not None and partition is not None:
        return None
    for name, value in headers:
        if not value:
            continue
        if topic is None and name in (REPLY_TO, SPRING_REPLY_TOPIC):
            return f"{name}: the name of a topic must be UTF-8"
        if partition is None and name == REPLY_PARTITION:
            return f"{name}: the number of a partition must be digits, as text"
        if partition is None and name == SPRING_REPLY_PARTITION and len(value) != _INT32_BYTES:
            return f"{name}: the number of a partition must be four bytes, big-endian"
    return None


def _spring_topic(headers: Headers) -> str | None:
    """The last one, as Spring reads it; None when absent or not UTF-8."""
    last = [pair for pair in headers if pair[0] == SPRING_REPLY_TOPIC][-1:]
    return header(last, SPRING_REPLY_TOPIC)


def _spring_partition(headers: Headers) -> int | None:
    """A signed 32-bit integer, big-endian, not the digits."""
    values = [value for name, value in headers if name == SPRING_REPLY_PARTITION]
    if not values or values[-1] is None or len(values[-1]) != _INT32_BYTES:
        return None
    number = int.from_bytes(values[-1], "big", signed=True)
    return number if number >= 0 else None
