"""Topic administration: creates what is missing, with its partitions and retention."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from producers.contract import topics
from producers.kafka.aiokafka_broker import MAX_RECORD_BYTES
from producers.kafka.connection import connection_options
from producers.settings import KafkaSettings
from runtime.config.catalog import STRANGERS, Catalog
from runtime.consuming.queue_groups import batch_queues, queues_of
from runtime.consuming.retry_topics import DELAYS_MS

_DAY_MS: Final = 86_400_000
_FOR_EVER_MS: Final = -1
_REPLICAS_THAT_MAY_MISS_ONE: Final = 3
_ALREADY_THERE: Final = 36
"""Kafka's error code TOPIC_ALREADY_EXISTS."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it should be."""

    name: str
    retention_ms: int
    partitions: int | None = None
    """None: as many as the installation's default."""
    compacted: bool = False
    """Whether the newest record of each key is kept, whatever its age."""
    logs_time: bool = False
    """Whether the broker stamps the records: a sender's own stamp is its word."""


def required_topics(catalog: Catalog) -> Iterator[Topic]:
    """Every topic of the engine: a queue for each tier, and for each of its zones.

    Raises ValueError for a tenant that can't have topics of its own and must.
    """
    # until when a token must have held is a question of time
    signed = catalog.identity.mode == "signed"
    yield Topic(topics.REQUESTS, 7 * _DAY_MS, logs_time=signed)
    for tier in catalog.tiers:
        yield from (Topic(queue, 7 * _DAY_MS) for queue in queues_of(catalog, tier))
    yield from (Topic(topics.retry_topic_name(delay), 7 * _DAY_MS) for delay in DELAYS_MS)
    yield from (Topic(name, _DAY_MS) for name in sorted(_reply_topics(catalog)))
    yield Topic(topics.STORED, max(2000 * catalog.gateway.answers_kept_s, 5 * _DAY_MS))
    if any(deployment.batch is not None for deployment in catalog.deployments.values()):
        # twice the longest window, and time for an operator: a batch's requests are read again
        yield from (Topic(queue, 14 * _DAY_MS) for queue in batch_queues(catalog))
        yield Topic(topics.BATCHES, _FOR_EVER_MS, compacted=True)
    yield Topic(topics.JOBS, _FOR_EVER_MS, compacted=True)
    yield Topic(topics.ROLLOUTS, _FOR_EVER_MS, partitions=1, compacted=True)
    # results can be fetched for as long as the providers keep theirs
    yield Topic(topics.FILES, 30 * _DAY_MS)
    yield Topic(topics.JOB_REPLIES, 30 * _DAY_MS)
    yield Topic(topics.EVALUATION_REPLIES, 7 * _DAY_MS)
    yield Topic(topics.USAGE, 90 * _DAY_MS)
    yield Topic(topics.DEAD_LETTERS, 30 * _DAY_MS, partitions=1)
    control = (
        Topic(topics.CANCELLATIONS, _DAY_MS // 24, partitions=1, logs_time=signed),
        Topic(topics.FEEDBACK, 30 * _DAY_MS, logs_time=signed),
        Topic(topics.CACHE_INVALIDATIONS, _DAY_MS, partitions=1, logs_time=signed),
    )
    yield from control
    if catalog.identity.mode == "topic":
        for tenant in catalog.tenants:
            if tenant != STRANGERS:
                for topic in (Topic(topics.REQUESTS, 7 * _DAY_MS), *control):
                    yield replace(topic, name=topics.tenant_topic(topic.name, tenant))


def _reply_topics(catalog: Catalog) -> set[str]:
    """The shared one, and those that tenants name outright; a pattern names none."""
    allowed = {name for tenant in catalog.tenants.values() for name in tenant.reply_topics}
    others = {name for name in allowed if not set(name) & set("*?[]")}
    return {topics.REPLIES, *others} - {
        topics.STORED,
        topics.JOB_REPLIES,
        topics.EVALUATION_REPLIES,
    }


async def create_missing_topics(
    settings: KafkaSettings, catalog: Catalog, *, partitions: int, replication: int
) -> list[str]:
    """Creates what is missing and leaves what exists as it is; returns the names created.

    Raises RuntimeError with the broker's words for a topic that can't be created.
    """
    admin = AIOKafkaAdminClient(**connection_options(settings))
    await admin.start()
    try:
        new = [
            NewTopic(
                topic.name,
                topic.partitions or partitions,
                replication,
                topic_configs=topic_configs(topic, replication),
            )
            for topic in required_topics(catalog)
        ]
        response = await admin.create_topics(new)
    finally:
        await admin.close()
    return list(_created(response.topic_errors))


def topic_configs(topic: Topic, replication: int) -> dict[str, str]:
    """What Kafka is to be told of the topic."""
    configs = {"retention.ms": str(topic.retention_ms)}
    if replication >= _REPLICAS_THAT_MAY_MISS_ONE:
        # else a record is acknowledged that lies on one broker alone, as soon as two are behind
        configs["min.insync.replicas"] = str(replication - 1)
    if topic.compacted:
        configs["cleanup.policy"] = "compact"
    if topic.logs_time:
        configs["message.timestamp.type"] = "LogAppendTime"
    if not topics.is_beside(topic.name, topics.REQUESTS):
        # what one topic took must fit the next, with its route and the reason of its failure
        configs["max.message.bytes"] = str(MAX_RECORD_BYTES)
    return configs


def _created(errors: list[tuple[str, int, str | None]]) -> Iterator[str]:
    for name, code, message in errors:
        if code == 0:
            yield name
        elif code != _ALREADY_THERE:
            raise RuntimeError(f"topic {name} can't be created: {message or f'error {code}'}")
