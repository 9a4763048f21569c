"""Stored topic: the stored requests of the fleet, read by this process from its start on."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from aiokafka.errors import KafkaError

from gateway.stored_requests.index import Place
from gateway.stored_requests.store import StoredRequests, StoreUnavailableError
from gateway.webhook_rules.retry_schedule import LONGEST_S
from gateway.webhooks.delivery import WebhookDelivery, WebhookParts
from gateway.webhooks.http_sender import webhook_sender
from producers import RouterClient
from producers.contract import topics
from producers.kafka.broker import Record
from runtime.config.sections.gateway import GatewaySettings
from runtime.consuming.topic_log import TopicLog
from runtime.process.process import ServiceProcess
from runtime.redis.connection import RedisLink


@asynccontextmanager
async def stored_requests(
    process: ServiceProcess,
    client: RouterClient,
    client_id: str,
    settings: Callable[[], GatewaySettings],
    redis: RedisLink,
) -> AsyncIterator[StoredRequests]:
    """Entered once all that the topic has is known; webhooks are sent. Raises KafkaError."""
    keep_s = settings().answers_kept_s

    def receive(record: Record) -> None:
        stored.receive(record)

    async def read(place: Place) -> Record | None:
        try:
            return await log.read(place.partition.number, place.offset)
        except (KafkaError, OSError) as error:
            raise StoreUnavailableError(str(error)) from error

    since_s = max(2 * keep_s, LONGEST_S)
    skipped = partial(process.metrics.count, "switchgear_control_skipped_total")
    log = TopicLog(process.settings, topics.STORED, client_id, receive, since_s, skipped)
    stored = StoredRequests(client, process.broker, read, keep_s)
    async with webhook_sender() as sender:
        report = partial(process.metrics.count, "switchgear_gateway_webhooks_total")
        parts = WebhookParts(
            stored, process.broker, sender, redis, lambda: settings().webhooks, os.environ, report
        )
        # before the topic is read: it hears of what the topic has
        delivery = WebhookDelivery(parts)
        async with log.following():
            with process.background.running("webhooks", delivery.run):
                yield stored
