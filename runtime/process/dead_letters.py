"""Dead letters: what is kept of a record that can't be processed, and how it is replayed.

Its bytes, its key, its headers, where it lay and why it failed: enough to mend and replay it. A log
can't be changed: that a letter was replayed is written as a later record, the mark.
"""

import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Self

from pydantic_core import to_json

from producers.contract import codec, topics
from producers.json_values import read_json
from producers.kafka.broker import Outgoing, Publisher, PublishFailedError, Record

REASON: Final = "x-dlq-reason"
DETAIL: Final = "x-dlq-detail"
TOPIC: Final = "x-dlq-topic"
ORIGIN_PARTITION: Final = "x-dlq-partition"
ORIGIN_OFFSET: Final = "x-dlq-offset"
REPLAYED: Final = "x-dlq-replayed"
"""On a mark: the place of the letter that was replayed."""
CUT: Final = "x-dlq-cut"
"""On a letter that was too large for the topic: how much of its value isn't there."""
WITHHELD: Final = "x-dlq-withheld"
"""On a letter without content: why it has none."""
_PREFIX: Final = "x-dlq-"
_CUT_VALUE: Final = 1_000
_CUT_HEADERS: Final = 50
"""So many headers stay, and so many bytes of each, as of the key and the value."""
_MOST_DETAIL: Final = 4000

_ENVELOPE: Final = frozenset(
    {codec.CORRELATION_ID, codec.TENANT_HEADER, codec.SUBMITTED, codec.DEADLINE, "traceparent"}
)
"""The headers of a letter without content: whose it is and when it came, in our own words."""
_OF_THE_FIRST_TRY: Final = frozenset(
    {codec.ATTEMPT, codec.VISITED, codec.DUE, codec.TARGET, codec.SUBMITTED, codec.DEADLINE}
)
"""What a replay begins anew: its tries, its way, and its time."""


class LetterOffset(NamedTuple):
    """Where a letter lies in the dead-letter topic, written `partition:offset`."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError."""
        partition, _, offset = text.partition(":")
        if not (partition.isdecimal() and offset.isdecimal()):
            raise ValueError(f"{text!r} is no place of a dead letter; one looks like 0:42")
        return cls(int(partition), int(offset))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter without its content. Times: Unix milliseconds."""

    place: LetterOffset
    at_ms: int
    """When it was buried."""

    reason: str
    detail: str
    topic: str | None
    """Where it is to go again."""

    origin: str
    """Where it lay, as `topic:partition:offset`."""

    tenant: str | None
    request_id: str | None
    size: int
    replayed_ms: int | None = None


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which letters; None = any. Times: Unix milliseconds, from since to before until."""

    reason: str | None = None
    tenant: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    places: frozenset[LetterOffset] | None = None
    replayed: bool = True

    def fits(self, letter: DeadLetter) -> bool:
        """Whether the letter is one of them."""
        return (
            self.reason in (None, letter.reason)
            and self.tenant in (None, letter.tenant)
            and (self.since_ms is None or self.since_ms <= letter.at_ms)
            and (self.until_ms is None or letter.at_ms < self.until_ms)
            and (self.places is None or letter.place in self.places)
            and (self.replayed or letter.replayed_ms is None)
        )


def dead_letter(record: Record, reason: str, detail: str) -> Outgoing:
    """The dead-letter record. reason: a FailureCode; detail: for people, without the content."""
    why = codec.to_headers(
        {
            REASON: reason,
            DETAIL: detail[:_MOST_DETAIL],
            TOPIC: record.partition.topic,
            ORIGIN_PARTITION: record.partition.number,
            ORIGIN_OFFSET: record.offset,
        }
    )
    own = [pair for pair in record.headers if not _left_behind(pair[0])]
    return Outgoing(topics.DEAD_LETTERS, record.value, record.key, [*own, *why])


def _left_behind(header: str) -> bool:
    """What proved the sender to the first reader proves nothing to another; ours follow."""
    return header.startswith(_PREFIX) or header in {codec.TENANT_TOKEN, codec.SIGNATURE}


async def bury(publisher: Publisher, record: Record, reason: str, detail: str) -> None:
    """Writes the dead letter; without most of its value if the topic takes none so large.

    A value that inflated on its way to us may be larger than any record that we may write. Raises
    PublishFailedError.
    """
    letter = dead_letter(record, reason, detail)
    try:
        await publisher.publish(letter)
    except PublishFailedError as error:
        if not error.permanent:
            raise
        await publisher.publish(shortened(letter))


def shortened(letter: Outgoing) -> Outgoing:
    """The letter with the beginnings of its key, value and headers, and a note of what is missing.

    The headers that say why it is here are its last ones, and stay.
    """
    own = [pair for pair in letter.headers if not pair[0].startswith(_PREFIX)][:_CUT_HEADERS]
    why = [pair for pair in letter.headers if pair[0].startswith(_PREFIX)]
    beginnings = [(name[:_CUT_VALUE], (value or b"")[:_CUT_VALUE]) for name, value in own]
    size = f"the first {_CUT_VALUE:,} of {len(letter.value):,} bytes".encode()
    return Outgoing(
        letter.topic,
        letter.value[:_CUT_VALUE],
        None if letter.key is None else letter.key[:_CUT_VALUE],
        [*beginnings, *why, (CUT, size)],
    )


def envelope(letter: Outgoing, zone: str) -> Outgoing:
    """The letter without value and key, without the sender's headers and words about the value."""
    told = {REASON, TOPIC, ORIGIN_PARTITION, ORIGIN_OFFSET}
    kept = [pair for pair in letter.headers if pair[0] in told | _ENVELOPE]
    number = f"{len(letter.value):,}"
    why = f"its residency excludes zone {zone}, or can't be read: nothing of its {number} bytes"
    request_id = codec.request_id(letter.headers)
    key = None if request_id is None else request_id.encode()
    return Outgoing(
        letter.topic, b"", key, [*kept, (DETAIL, b"content not kept"), (WITHHELD, why.encode())]
    )


def crash_detail(error: BaseException) -> str:
    """Where a handler broke: the frames, and the error's type. Its text may quote a prompt."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [
        f"{frame.name} ({frame.filename.rpartition('/')[2]}:{frame.lineno})" for frame in frames
    ]
    return f"{type(error).__name__} in {' > '.join(places)}"


class DeadLetterIndex:
    """The letters among the records of the dead-letter topic; their contents aren't kept."""

    def __init__(self) -> None:
        self._letters: dict[LetterOffset, DeadLetter] = {}
        self._marks: dict[LetterOffset, int] = {}

    def add(self, record: Record) -> None:
        """One more record: a letter, or the mark of a replay."""
        mark = codec.header(record.headers, REPLAYED)
        if mark is None:
            letter = read_dead_letter(record)
            self._letters[letter.place] = letter
            return
        # whoever may write to the topic can write a mark that names no place: it marks nothing
        with suppress(ValueError):
            self._marks[LetterOffset.parse(mark)] = record.timestamp_ms

    def all(self) -> list[DeadLetter]:
        """Oldest first."""
        letters = (
            replace(letter, replayed_ms=self._marks.get(place))
            for place, letter in self._letters.items()
        )
        return sorted(letters, key=lambda letter: (letter.at_ms, letter.place))


def read_dead_letter(record: Record) -> DeadLetter:
    """What the record says of itself."""

    def text(name: str) -> str | None:
        return codec.header(record.headers, name)

    return DeadLetter(
        LetterOffset(record.partition.number, record.offset),
        record.timestamp_ms,
        text(REASON) or "unknown",
        text(DETAIL) or "",
        _queue_of(text(TOPIC), text(codec.TARGET)),
        f"{text(TOPIC)}:{text(ORIGIN_PARTITION)}:{text(ORIGIN_OFFSET)}",
        text(codec.TENANT_HEADER),
        text(codec.CORRELATION_ID),
        len(record.value),
    )


def _queue_of(topic: str | None, target: str | None) -> str | None:
    """Where a letter belongs: where it lay, but from a retry topic to the queue before that.

    Only workers write to the retry topics. On any other topic the header is the sender's own word.
    """
    if topic is not None and topics.is_retry_topic(topic):
        return target
    return topic


def replay_records(record: Record, *, past_router: bool = False) -> Sequence[Outgoing]:
    """The request on its way again, with its id, its key and its trace; then the mark.

    It goes to the router, which decides and checks anew; past_router: where it lay. In this order:
    a crash in between costs a second replay, which finds the first one's answer. Raises ValueError
    when the letter doesn't belong to a queue of the engine, or can't be sent again.
    """
    letter = read_dead_letter(record)
    if letter.topic is None or not topics.is_queue(letter.topic):
        raise ValueError(f"{letter.place}: {letter.topic!r} is no queue that can be replayed to")
    if codec.header(record.headers, CUT) is not None:
        raise ValueError(f"{letter.place}: its value was too large to be kept")
    if codec.header(record.headers, WITHHELD) is not None:
        raise ValueError(f"{letter.place}: its content may not be here, so it wasn't kept")
    if letter.reason == "forbidden":
        raise ValueError(f"{letter.place}: nobody knows whose it is")
    topic, value = letter.topic, _without_attempts(record.value)
    if not past_router:
        topic, value = topics.REQUESTS, _request_of(letter, record)
    headers = [pair for pair in record.headers if _travels(pair[0])]
    again = Outgoing(topic, value, record.key, headers)
    mark = codec.to_headers({REPLAYED: str(letter.place)})
    return again, Outgoing(topics.DEAD_LETTERS, b"", record.key, mark)


def _request_of(letter: DeadLetter, record: Record) -> bytes:
    """What the router once got: the request within a tagged one."""
    if topics.is_beside(letter.topic or "", topics.REQUESTS):
        return record.value
    try:
        return codec.encode_request(codec.decode_tagged(record.value).request)
    except codec.DecodeError as error:
        raise ValueError(f"{letter.place}: it holds no request for the router: {error}") from None


def _without_attempts(value: bytes) -> bytes:
    """A tagged request without the calls made for it: they were booked when it was buried."""
    if b'"attempts"' not in value:
        return value
    try:
        tagged = read_json(value, codec.MAX_REPLY_MARKS)
    except ValueError:
        return value
    if not isinstance(tagged, dict) or not tagged.get("attempts"):
        return value
    return to_json({**tagged, "attempts": []})


def _travels(header: str) -> bool:
    return header not in _OF_THE_FIRST_TRY and not _left_behind(header)
