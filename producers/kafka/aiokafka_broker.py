"""Apache Kafka broker on aiokafka: one idempotent producer, a consumer for each reader."""

import asyncio
import logging
from asyncio import Future
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTopicError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownProducerId,
    UnknownTopicOrPartitionError,
)
from aiokafka.structs import RecordMetadata

from ..settings import KafkaSettings
from .broker import (
    Outgoing,
    Partition,
    PublishFailedError,
    Record,
    RecordBatch,
    WriteRefusal,
)
from .connection import METADATA_MAX_AGE_MS, connection_options, consuming
from .key_partitioner import partition_of
from .loop_turns import LoopTurns
from .topic_sizes import ClusterTopics, TopicSizes

_log = logging.getLogger(__name__)
_REFUSALS: Final[Mapping[type[KafkaError], WriteRefusal]] = {
    InvalidTopicError: WriteRefusal.NO_TOPIC,
    MessageSizeTooLargeError: WriteRefusal.TOO_LARGE,
    RecordListTooLargeError: WriteRefusal.TOO_LARGE,
    TopicAuthorizationFailedError: WriteRefusal.NOT_ALLOWED,
    UnknownTopicOrPartitionError: WriteRefusal.NO_TOPIC,
}
_SEQUENCE_ERRORS = (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)
"""The broker and the producer disagree on what was written; the producer never recovers by itself.

It happens when a record expires here during an outage: its sequence number is spent all the same.
"""


_RETRY_S = 0.5
"""Both loops poll again by hand: a retry library isn't worth a dependency of the client's wheel."""
_LONE_BATCH_S: Final = 10.0
"""How long a record in a batch of its own may take, before it counts as not written for now."""
MAX_RECORD_BYTES = 8_388_608
"""Of a record that we write; `llm.requests` takes less, so there is room for what we add."""


MOST_HEADERS: Final = 1_024
"""Of a record that are looked at: a megabyte may have a hundred thousand."""


def to_record(
    raw: "ConsumerRecord[bytes | None, bytes | None]", inherited_s: float | None = None
) -> Record:
    """Our record of aiokafka's. inherited_s: as in `Record`.

    Of its headers the first MOST_HEADERS: a request with fewer is refused for them already.
    """
    return Record(
        Partition(raw.topic, raw.partition),
        raw.offset,
        raw.key,
        raw.value or b"",
        raw.headers if len(raw.headers) <= MOST_HEADERS else raw.headers[:MOST_HEADERS],
        raw.timestamp,
        inherited_s,
    )


class KafkaBroker:
    """One producer, and a consumer for each `tail` and `consume`. Use as a context manager."""

    def __init__(self, settings: KafkaSettings, client_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._replacing = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()
        self._sizes = TopicSizes(self._all_topics)

    async def __aenter__(self) -> Self:
        self._producer = await self._started()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._retiring:
            task.cancel()
        await self._producer.stop()

    async def publish(self, *outgoing: Outgoing) -> None:
        """Returns once all in-sync replicas have them. Raises PublishFailedError.

        It is permanent only if nothing failed in passing: else another record would be given up
        with the one that is never taken, and nobody would know whether it was written.
        """
        producer = self._producer
        try:
            failures = await self._write(producer, outgoing)
            if any(_ends_its_producer(error) for _, error in failures):
                # some may have been written: a reader takes a record twice better than never
                await self._replace(producer)
                failures = await self._write(self._producer, outgoing)
        except KafkaError as error:
            topics = ", ".join(dict.fromkeys(record.topic for record in outgoing))
            raise _failed(topics, error) from error
        failed = [(_failed(topic, error), error) for topic, error in failures]
        for failure, cause in sorted(failed, key=lambda failed: failed[0].permanent):
            raise failure from cause

    async def reachable(self, within_s: float = 2.0) -> bool:
        """Whether any broker answers in that time."""
        try:
            async with asyncio.timeout(within_s):
                await self._producer.client.fetch_all_metadata()
        except (KafkaError, OSError):  # a time-out is an OSError
            return False
        return True

    async def partitions_of(self, topic: str, at_least: int = 0) -> int | None:
        """How many partitions `topic` has; None: no such topic. Raises PublishFailedError."""
        try:
            return await self._sizes.partitions_of(topic, at_least)
        except (KafkaError, OSError) as error:
            raise PublishFailedError(topic, str(error)) from error

    @asynccontextmanager
    async def tail(
        self, topic: str, receive: Callable[[Record], None], partition: int | None = None
    ) -> AsyncIterator[None]:
        """Follows one or all partitions of `topic` from now on; survives a lost broker."""
        followed = (topic,) if partition is None else ()
        async with consuming(
            self._settings, *followed, begin="latest", client_id=self._client_id
        ) as consumer:
            if partition is not None:
                consumer.assign([TopicPartition(topic, partition)])
            await _seek_to_end(consumer)
            reading = asyncio.create_task(_read_forever(consumer, receive))
            try:
                yield
            finally:
                reading.cancel()
                with suppress(asyncio.CancelledError):
                    await reading

    async def consume(self, topic: str, group: str) -> AsyncGenerator[RecordBatch, None]:
        """Batches for this member of `group`, from the group's offsets, else the beginning."""
        async with consuming(
            self._settings, topic, begin="earliest", client_id=self._client_id, group=group
        ) as consumer:
            while True:
                try:
                    polled = await consumer.getmany(timeout_ms=1000, max_records=500)
                except Exception as error:  # noqa: BLE001 whatever it is, the member must go on reading
                    _log.warning("reading %s failed, trying again: %s", topic, error)
                    await asyncio.sleep(_RETRY_S)
                    continue
                if polled:
                    yield _batch(consumer, polled)

    async def _write(
        self, producer: AIOKafkaProducer, outgoing: Sequence[Outgoing]
    ) -> Sequence[tuple[str, KafkaError]]:
        """Of each record that isn't taken, its topic and why; none is sent after such a one."""
        if len(outgoing) == 1:  # as most are: there is nothing to gather
            error = await self._write_alone(producer, outgoing[0])
            return () if error is None else ((outgoing[0].topic, error),)
        sent = list[tuple[Outgoing, Future[RecordMetadata]]]()
        failures = list[tuple[str, KafkaError]]()
        for record in outgoing:
            future = await self._send(producer, record)
            if isinstance(future, KafkaError):
                failures.append((record.topic, future))
                break
            sent.append((record, future))
        results = await asyncio.gather(*(future for _, future in sent), return_exceptions=True)
        for (record, _), result in zip(sent, results, strict=True):
            if isinstance(result, BaseException):
                error = await self._recovered(producer, record, result)
                if error is not None:
                    failures.append((record.topic, error))
        return failures

    async def _write_alone(self, producer: AIOKafkaProducer, record: Outgoing) -> KafkaError | None:
        sent = await self._send(producer, record)
        if isinstance(sent, KafkaError):
            return sent
        try:
            await sent
        except KafkaError as error:
            return await self._recovered(producer, record, error)
        return None

    async def _recovered(
        self, producer: AIOKafkaProducer, record: Outgoing, error: BaseException
    ) -> KafkaError | None:
        """Tries in a batch of its own what a topic found too large; None: it was taken.

        A topic's limit is one of a batch, and this one held what others have sent.
        """
        if not isinstance(error, KafkaError):
            raise error
        self._learn(record.topic, error)
        if not isinstance(error, MessageSizeTooLargeError):
            return error
        try:
            await _write_lone_batch(producer, record)
        except KafkaError as again:
            return again
        return None

    async def _send(
        self, producer: AIOKafkaProducer, record: Outgoing
    ) -> "Future[RecordMetadata] | KafkaError":
        try:
            sent: Future[RecordMetadata] = await producer.send(
                record.topic,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                partition=None if record.partition is None else await _partition(producer, record),
            )
        except KafkaError as error:
            self._learn(record.topic, error)
            return error
        return sent

    def _learn(self, topic: str, error: BaseException) -> None:
        """What a refused record says of its topic, for whoever asks for its partitions next."""
        if isinstance(error, TopicAuthorizationFailedError):
            self._sizes.close(topic)
        elif isinstance(error, UnknownTopicOrPartitionError | NotLeaderForPartitionError):
            self._sizes.doubt()

    async def _all_topics(self) -> ClusterTopics:
        topics: ClusterTopics = await self._producer.client.fetch_all_metadata()
        return topics

    async def _started(self) -> AIOKafkaProducer:
        # linger 0: a lone record leaves at once, and under load records gather by themselves
        # while the previous batch of their partition is under way
        producer = AIOKafkaProducer(
            **connection_options(self._settings),
            client_id=self._client_id,
            acks="all",
            enable_idempotence=self._settings.kafka_idempotence,
            linger_ms=0,
            partitioner=partition_of,
            max_batch_size=262_144,
            max_request_size=MAX_RECORD_BYTES,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def _replace(self, producer: AIOKafkaProducer) -> None:
        """A new producer has a new id, and counts from the beginning."""
        async with self._replacing:
            if self._producer is producer:
                _log.warning("the producer is out of step with the broker; a new one takes over")
                self._producer = await self._started()
                retiring = asyncio.create_task(producer.stop())
                self._retiring.add(retiring)
                retiring.add_done_callback(self._retiring.discard)


def _ends_its_producer(error: KafkaError) -> bool:
    """Whether its producer will never write again: also when its sender has ended."""
    # what ends the sender reaches whoever publishes as an error of no kind
    return isinstance(error, _SEQUENCE_ERRORS) or type(error) is KafkaError


def _failed(topic: str, error: KafkaError) -> PublishFailedError:
    return PublishFailedError(topic, str(error), refusal=_REFUSALS.get(type(error)))


async def _write_lone_batch(producer: AIOKafkaProducer, record: Outgoing) -> None:
    batch = producer.create_batch()
    batch.append(key=record.key, value=record.value, timestamp=None, headers=list(record.headers))
    batch.close()  # nothing else joins it
    partition = await _partition(producer, record)
    if partition is None:
        numbers = sorted(await producer.partitions_for(record.topic))
        partition = partition_of(record.key, numbers)
    try:
        async with asyncio.timeout(_LONE_BATCH_S):
            written = await producer.send_batch(batch, record.topic, partition=partition)
            # the batch's own future: were it cancelled with us, the sender would end without a word
            await asyncio.shield(written)
    except TimeoutError as error:
        # a batch that comes when the sender ends is never answered
        raise KafkaTimeoutError from error


async def _partition(producer: AIOKafkaProducer, record: Outgoing) -> int | None:
    """The record's, if the topic has it: aiokafka asserts it, on what it knew a while ago."""
    if record.partition is None:
        return None
    if record.partition not in await producer.partitions_for(record.topic):
        await producer.client.force_metadata_update()
        if record.partition not in await producer.partitions_for(record.topic):
            _log.warning("%s has no partition %d", record.topic, record.partition)
            return None
    return record.partition


async def _seek_to_end(consumer: AIOKafkaConsumer) -> None:
    # positions are resolved now: a reply written right after this is not missed
    await consumer.seek_to_end()
    for partition in consumer.assignment():
        await consumer.position(partition)


async def _read_forever(consumer: AIOKafkaConsumer, receive: Callable[[Record], None]) -> None:
    turns = LoopTurns()
    while True:
        try:
            polled = await consumer.getmany(timeout_ms=60_000)
        except Exception as error:  # noqa: BLE001 whatever it is, the client must go on reading
            _log.warning("reading replies failed, trying again: %s", error)
            await asyncio.sleep(_RETRY_S)
            continue
        turns.begin()
        for records in polled.values():
            for raw in records:
                if turns.over():
                    await asyncio.sleep(0)
                try:
                    receive(to_record(raw))
                except Exception as error:  # noqa: BLE001 one bad record must not end the rest
                    reason = type(error).__name__  # the message may quote the record
                    _log.warning("a record of %s was passed over: %s", raw.topic, reason)


def _batch(
    consumer: AIOKafkaConsumer,
    polled: "Mapping[TopicPartition, list[ConsumerRecord[bytes | None, bytes | None]]]",
) -> RecordBatch:
    offsets = {partition: records[-1].offset + 1 for partition, records in polled.items()}

    async def commit() -> None:
        try:
            await consumer.commit(offsets)
        except KafkaError as error:
            # the group has moved on, or the broker is away: the batch comes again, to somebody
            _log.info("offsets not committed: %s", error)

    return RecordBatch([to_record(raw) for records in polled.values() for raw in records], commit)
