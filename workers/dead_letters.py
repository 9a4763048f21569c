"""What is kept of a record that can't be processed?

Its bytes, its key, its headers, where it lay and why it failed: enough to mend and replay it.
"""

import traceback
from typing import Final

from producers import codec, topics
from producers.broker import Outgoing, Record

REASON: Final = "x-dlq-reason"
DETAIL: Final = "x-dlq-detail"
TOPIC: Final = "x-dlq-topic"
PARTITION: Final = "x-dlq-partition"
OFFSET: Final = "x-dlq-offset"
_MOST_DETAIL: Final = 4000


def dead_letter(record: Record, reason: str, detail: str) -> Outgoing:
    """The dead-letter record. reason: a FailureCode; detail: for people, without the content."""
    why = codec.to_headers(
        {
            REASON: reason,
            DETAIL: detail[:_MOST_DETAIL],
            TOPIC: record.partition.topic,
            PARTITION: record.partition.number,
            OFFSET: record.offset,
        }
    )
    own = [pair for pair in record.headers if not pair[0].startswith("x-dlq-")]
    return Outgoing(topics.DEAD_LETTERS, record.value, record.key, [*own, *why])


def crash_detail(error: BaseException) -> str:
    """Where a handler broke: the frames, and the error's type. Its text may quote a prompt."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [
        f"{frame.name} ({frame.filename.rpartition('/')[2]}:{frame.lineno})" for frame in frames
    ]
    return f"{type(error).__name__} in {' > '.join(places)}"
