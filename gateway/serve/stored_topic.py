"""Stored topic: the stored requests of the fleet, read by this process from its start on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.errors import KafkaError

from gateway.stored_requests.index import Place
from gateway.stored_requests.store import StoredRequests, StoreUnavailableError
from producers import RouterClient
from producers.contract import topics
from producers.kafka.broker import Record
from runtime.consuming.topic_log import TopicLog
from runtime.process.process import ServiceProcess


@asynccontextmanager
async def stored_requests(
    process: ServiceProcess, client: RouterClient, client_id: str, keep_s: float
) -> AsyncIterator[StoredRequests]:
    """Entered once all that the topic has is known. Raises KafkaError."""

    def receive(record: Record) -> None:
        stored.receive(record)

    async def read(place: Place) -> Record | None:
        try:
            return await log.read(place.partition.number, place.offset)
        except (KafkaError, OSError) as error:
            raise StoreUnavailableError(str(error)) from error

    log = TopicLog(process.settings, topics.STORED, client_id, receive, 2 * keep_s)
    stored = StoredRequests(client, process.broker, read, keep_s)
    async with log.following():
        yield stored
