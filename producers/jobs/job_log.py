"""Job log: the topics of jobs, files and their replies, scanned from a moment on.

Kafka is the store. What a job's replies are is read from the topic where they lie, from the job's
beginning to the end of the log.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Final, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import Field, TypeAdapter, ValidationError

from ..contract import codec, topics
from ..contract.job_record import FileRecord, JobRecord
from ..json_values import too_many_values
from ..kafka.aiokafka_broker import to_record
from ..kafka.broker import Outgoing, Publisher, Record
from ..kafka.connection import start_consumer
from ..kafka.loop_turns import LoopTurns
from ..settings import KafkaSettings

PIECE: Final = 524_288
"""Bytes of a file in one record."""
_CLIENT: Final = "switchgear-jobs"
_POLL_MS: Final = 500
_SKEW_MS: Final = 60_000
_STALLED_S: Final = 60.0
Entry: TypeAlias = JobRecord | FileRecord
_ENTRY: Final[TypeAdapter[JobRecord | FileRecord]] = TypeAdapter(
    Annotated[JobRecord | FileRecord, Field(discriminator="type")]
)


ScanTopic: TypeAlias = Callable[[str, int], AsyncIterator[Record]]
"""(topic, Unix milliseconds) → its records from then on to its present end."""


class LogUnreadableError(Exception):
    """The log can't be read to its end now."""


async def scan_topic(settings: KafkaSettings, topic: str, since_ms: int) -> AsyncIterator[Record]:
    """The records of a topic from a moment on to its present end. Raises LogUnreadableError."""
    try:
        consumer = await start_consumer(settings, begin="earliest", client_id=_CLIENT)
    except KafkaError as error:
        raise LogUnreadableError(str(error)) from error
    try:
        places = [TopicPartition(topic, number) for number in await _partitions(consumer, topic)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        begins = await consumer.offsets_for_times(
            dict.fromkeys(places, max(0, since_ms - _SKEW_MS))
        )
        open_ends = dict[TopicPartition, int]()
        for place in places:
            found = begins[place]
            begin = ends[place] if found is None or found.offset < 0 else found.offset
            consumer.seek(place, begin)
            if begin < ends[place]:
                open_ends[place] = ends[place]
        async for record in _to_the_ends(consumer, open_ends):
            yield record
    except KafkaError as error:
        raise LogUnreadableError(str(error)) from error
    finally:
        await consumer.stop()


async def _to_the_ends(
    consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]
) -> AsyncIterator[Record]:
    moved = time.monotonic()
    while ends:
        polled = await consumer.getmany(*ends, timeout_ms=_POLL_MS)
        turns = LoopTurns()
        for place, records in polled.items():
            for raw in (raw for raw in records if raw.offset < ends[place]):
                if turns.over():
                    await asyncio.sleep(0)
                yield to_record(raw)
        if polled:
            moved = time.monotonic()
        elif time.monotonic() - moved > _STALLED_S:
            raise LogUnreadableError("no records come")
        ends = {place: end for place, end in ends.items() if await consumer.position(place) < end}


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> Sequence[int]:
    cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001 no public way
    numbers = cluster.partitions_for_topic(topic)
    if not numbers:
        raise LogUnreadableError(f"the topic {topic} doesn't exist: `switchgear topics`")
    return sorted(numbers)


def read_entry(value: bytes) -> Entry | None:
    """The file or job in a record; None for what is neither."""
    if too_many_values(value, codec.MAX_MESSAGE_VALUES):
        return None
    try:
        return _ENTRY.validate_json(value)
    except ValidationError:
        return None


async def entries(scan: ScanTopic, tenant: str | None = None) -> dict[str, Entry]:
    """All files and jobs, by id. tenant: only its own."""
    found: dict[str, Entry] = {}
    async for record in scan(topics.JOBS, 0):
        key = (record.key or b"").decode(errors="replace")
        entry = read_entry(record.value) if record.value else None
        if entry is None:
            found.pop(key, None)
        elif tenant in (None, entry.tenant):
            found[key] = entry
    return found


async def write_entry(publisher: Publisher, entry: Entry) -> None:
    """Returns once Kafka has it. Raises PublishFailedError."""
    await publisher.publish(Outgoing(topics.JOBS, codec.encode(entry), entry.id.encode()))


async def write_piece(publisher: Publisher, file_id: str, number: int, piece: bytes) -> None:
    """A piece of a file: all lie in one partition, in order. Raises PublishFailedError."""
    headers = codec.to_headers({codec.SEQUENCE: number})
    await publisher.publish(Outgoing(topics.FILES, piece, file_id.encode(), headers))


async def file_pieces(scan: ScanTopic, file: FileRecord) -> AsyncIterator[bytes]:
    """The bytes of a file. Raises LogUnreadableError where some are gone."""
    expected = 0
    async for record in scan(topics.FILES, file.created_ms):
        number = codec.integer(record.headers, codec.SEQUENCE)
        if record.key == file.id.encode() and number == expected:
            yield record.value
            expected += 1
            if expected == file.pieces:
                return
    if expected < file.pieces:
        raise LogUnreadableError(f"the file {file.id} isn't kept any longer")
