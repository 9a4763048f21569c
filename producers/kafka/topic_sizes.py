"""Topic sizes: how many partitions each topic of the cluster has, as last seen.

Senders name reply topics, so a name that isn't there is asked for at most ten times a second, with
all others at once: nobody makes us remember names or ask for each of them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

_FRESH_S: Final = 30.0
"""Partitions are added rarely, and a topic is hardly ever removed."""

_LOOK_AGAIN_S: Final = 0.1
"""A topic that wasn't there may have been created since: its first request may follow at once."""


class ClusterTopics(Protocol):
    """What aiokafka's `ClusterMetadata` says."""

    def topics(self) -> set[str]:
        """All names."""
        ...

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """The numbers of its partitions."""
        ...


class TopicSizes:
    """A snapshot of the cluster's topics, renewed when it is asked for and old."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[ClusterTopics]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """clock: seconds, monotonic."""
        self._fetch = fetch
        self._clock = clock
        self._sizes: Mapping[str, int] = {}
        self._closed: dict[str, float] = {}
        self._seen_s: float | None = None
        self._fetching = asyncio.Lock()

    async def partitions_of(self, topic: str, at_least: int = 0) -> int | None:
        """How many `topic` has; None: no such topic, or a closed one. Raises KafkaError, OSError.

        at_least: a smaller number than this isn't believed if it is older than a tenth of a second.
        """
        if self._closed and self._is_closed(topic):
            return None
        size = self._sizes.get(topic)
        enough = size is not None and size >= at_least
        if self._old(_FRESH_S if enough else _LOOK_AGAIN_S):
            async with self._fetching:
                # whoever waited for the lock finds it renewed
                if self._old(_LOOK_AGAIN_S):
                    await self._renew()
            size = self._sizes.get(topic)
        return size

    def close(self, topic: str) -> None:
        """We may not write to it: it counts as missing for a while, then it is tried again."""
        self._closed[topic] = self._clock()

    def doubt(self) -> None:
        """A topic that was there has gone: what was seen is looked at again."""
        self._seen_s = None

    def _is_closed(self, topic: str) -> bool:
        since_s = self._closed.get(topic)
        if since_s is None:
            return False
        if self._clock() - since_s <= _FRESH_S:
            return True
        del self._closed[topic]
        return False

    def _old(self, limit_s: float) -> bool:
        return self._seen_s is None or self._clock() - self._seen_s > limit_s

    async def _renew(self) -> None:
        cluster = await self._fetch()
        sizes = {
            topic: len(cluster.partitions_for_topic(topic) or ()) for topic in cluster.topics()
        }
        # a topic that is being created has no partitions yet: it is looked for again soon
        self._sizes = {topic: size for topic, size in sizes.items() if size}
        self._seen_s = self._clock()
