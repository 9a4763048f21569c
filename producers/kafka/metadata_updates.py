"""Metadata updates with a pause while a topic or a leader is missing, in the place of aiokafka's.

A consumer of aiokafka's that has partitions without a leader, because the topic was deleted or its
only broker is down, asks for the metadata anew as soon as it has them: a thousand times a second,
and logs each time that the topic isn't there.

The seam is private to aiokafka, so its version is bounded in pyproject.toml, and tests hold it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, Final, Protocol

from aiokafka.client import AIOKafkaClient

_PAUSE_S: Final = 0.25
_TOLD_AGAIN_S: Final = 60.0
_TOLD: Final = 1_000
"""Lines whose time is remembered."""
_REPEATED: Final = frozenset(
    {
        *("Topic %s not found in cluster metadata", "Topic %s is not authorized for this client"),
        'Unable connect to "%s:%s": %s',
    }
)
_NEXT: Final = "_switchgear_next_update_s"
_update: Final = AIOKafkaClient._metadata_update  # noqa: SLF001 the seam


class Cluster(Protocol):
    """What aiokafka's `ClusterMetadata` says."""

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """The numbers of its partitions."""
        ...

    def available_partitions_for_topic(self, topic: str) -> set[int] | None:
        """Of those that have a leader."""
        ...


def install_pauses() -> None:
    """Makes every client of this process pause; harmless when repeated."""
    AIOKafkaClient._metadata_update = paced_update  # noqa: SLF001 the seam
    for name in ("aiokafka", "aiokafka.cluster"):
        log = logging.getLogger(name)
        if not any(isinstance(each, OnceAMinute) for each in log.filters):
            log.addFilter(OnceAMinute())


def incomplete(cluster: Cluster, topics: Collection[str]) -> bool:
    """Whether one of the topics isn't there, or has a partition without a leader."""
    return any(
        not (numbers := cluster.partitions_for_topic(topic))
        or cluster.available_partitions_for_topic(topic) != numbers
        for topic in topics
    )


class OnceAMinute(logging.Filter):
    """Lets through once a minute that a topic is missing or closed, or a broker doesn't answer.

    Every other line is let through always.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.msg not in _REPEATED:
            return True
        line, now_s = record.getMessage(), self._clock()
        if now_s - self._told.get(line, -_TOLD_AGAIN_S) < _TOLD_AGAIN_S:
            return False
        if len(self._told) >= _TOLD:
            self._told.clear()
        self._told[line] = now_s
        return True


@wraps(_update)
async def paced_update(self: Any, cluster: Any, topics: Collection[str] | None) -> bool:  # noqa: ANN401 aiokafka has no types
    """As aiokafka's, after a pause if something was missing when it last looked."""
    if cluster is not self.cluster:  # a look at all topics, which somebody waits for
        return bool(await _update(self, cluster, topics))
    await asyncio.sleep(max(0.0, getattr(self, _NEXT, 0.0) - time.monotonic()))
    updated: bool = await _update(self, cluster, topics)
    missing = incomplete(cluster, topics or ())
    setattr(self, _NEXT, time.monotonic() + _PAUSE_S if missing else 0.0)
    return updated
