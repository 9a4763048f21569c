"""Consumer gauges: lag, queue age and records in flight of this process."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from observability.metrics.registry import MetricsRegistry
from observability.metrics.series import Labels
from runtime.consuming.kafka_source import KafkaSource
from runtime.consuming.stream import ConsumerStream

_EVERY_S: Final = 1.0
_LONGEST_KEPT_MS: Final = 14 * 86_400_000
"""No queue keeps a record for longer: an older stamp isn't when it was written."""


class Member(NamedTuple):
    """A consumer group's member: its stream, and where that gets its records."""

    stream: ConsumerStream
    source: KafkaSource


def unread_queue(members: Sequence[Member]) -> str | None:
    """What is still missing before all queues are read; None if nothing is."""
    waiting = [member.source.group for member in members if not member.stream.begun]
    return f"not yet a member of {', '.join(waiting)}" if waiting else None


async def update_consumer_gauges(
    metrics: MetricsRegistry, members: Sequence[Member], tier: str
) -> None:
    """Keeps the gauges of a process's members up to date until cancelled."""
    while True:
        await asyncio.sleep(_EVERY_S)
        running = sum(member.stream.state().running for member in members)
        metrics.set("switchgear_in_flight", tier, to=running)
        _show_queues(metrics, members)


def _show_queues(metrics: MetricsRegistry, members: Sequence[Member]) -> None:
    ages_s: dict[Labels, float] = {}
    behind: dict[Labels, float] = {}
    now_ms = time.time() * 1000
    for stream, source in members:
        oldest = stream.oldest_ms(since_ms=now_ms - _LONGEST_KEPT_MS)
        ends, done = source.ends(), stream.done()
        for place, end in ends.items():
            ages_s[(place.topic,)] = max(0, now_ms - oldest.get(place.topic, now_ms)) / 1000
            behind[source.group, place.topic, str(place.number)] = max(
                0, end - done.get(place, end)
            )
    metrics.replace_series("switchgear_queue_age_seconds", ages_s)
    metrics.replace_series("switchgear_consumer_lag", behind)
