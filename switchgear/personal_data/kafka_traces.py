"""Kafka traces: which requests of the person the log has, and when its retention removes them.

A log can't be changed: what is in it goes with its segment, when the segment's newest record is
older than the topic's retention. A segment is closed after `segment.ms` at the latest.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from producers.contract import topics
from producers.jobs.job_log import LogUnreadableError, ScanTopic
from producers.kafka.connection import connection_options
from producers.settings import KafkaSettings
from switchgear.personal_data.erasure import is_of

_CONTENT: Final = ("llm.tier.", "llm.retry.", "llm.batch.", "llm.replies.", f"{topics.REQUESTS}.")
_ALONE: Final = frozenset(
    {topics.REQUESTS, topics.REPLIES, topics.FILES, topics.DEAD_LETTERS, topics.USAGE,
     topics.batch_topic()}
)  # fmt: skip
_NAMES: Final = ("retention.ms", "segment.ms", "cleanup.policy")


@dataclass(frozen=True, slots=True)
class TopicRetention:
    """When what is in a topic now is gone. Times: Unix milliseconds; None: never by itself."""

    topic: str
    first_ms: int | None
    """If its segment is closed now."""
    last_ms: int | None
    """If its segment has just begun."""


async def requests_of(scan: ScanTopic, tenant: str, user: str) -> frozenset[str]:
    """The ids of the person's requests that the request topics still have."""
    found: set[str] = set()
    names = [topics.REQUESTS]
    with suppress(ValueError):
        names.append(topics.tenant_topic(topics.REQUESTS, tenant))
    for name in names:
        with suppress(LogUnreadableError):
            async for record in scan(name, 0):
                request = is_of(record.value, tenant, user)
                if request is not None:
                    found.add(request)
    return frozenset(found)


async def retentions(settings: KafkaSettings, now_ms: int) -> list[TopicRetention]:
    """Of every topic that may have content. Raises KafkaError."""
    admin = AIOKafkaAdminClient(**connection_options(settings))
    await admin.start()
    try:
        names = [name for name in sorted(await admin.list_topics()) if has_content(name)]
        asked = [
            ConfigResource(ConfigResourceType.TOPIC, name, configs=dict.fromkeys(_NAMES))
            for name in names
        ]
        answers = await admin.describe_configs(asked) if asked else []
    finally:
        await admin.close()
    return [_retention(name, values, now_ms) for name, values in _configs(answers)]


def has_content(topic: str) -> bool:
    """Whether a topic of the engine may have prompts, answers or tags."""
    return topic in _ALONE or topic.startswith(_CONTENT)


def _configs(answers: Sequence[Any]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for answer in answers:
        for _, _, _, name, entries in answer.resources:
            yield name, {entry[0]: entry[1] for entry in entries}


def _retention(topic: str, values: Mapping[str, str], now_ms: int) -> TopicRetention:
    keep_ms, segment_ms = int(values["retention.ms"]), int(values["segment.ms"])
    if keep_ms < 0 or "delete" not in values["cleanup.policy"]:
        return TopicRetention(topic, None, None)
    return TopicRetention(topic, now_ms + keep_ms, now_ms + keep_ms + segment_ms)
