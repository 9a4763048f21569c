"""How far behind is this process, and how much has it in hand?"""

import asyncio
import time
from typing import Final

from observability.metrics import Labels, Metrics

from .kafka_source import KafkaSource
from .stream import Stream

_EVERY_S: Final = 1.0


async def show(metrics: Metrics, stream: Stream, source: KafkaSource, tier: str) -> None:
    """Keeps the gauges of one consumer group's member up to date until cancelled."""
    while True:
        await asyncio.sleep(_EVERY_S)
        metrics.set("switchgear_in_flight", tier, to=stream.state().running)
        _show_queues(metrics, stream, source)


def _show_queues(metrics: Metrics, stream: Stream, source: KafkaSource) -> None:
    ends, done = source.ends(), stream.done()
    now_ms, oldest = time.time() * 1000, stream.oldest_ms()
    topics = {partition.topic for partition in ends}
    ages_s: dict[Labels, float] = {
        (topic,): (now_ms - oldest.get(topic, now_ms)) / 1000 for topic in topics
    }
    metrics.show("switchgear_queue_age_seconds", ages_s)
    behind: dict[Labels, float] = {
        (source.group, place.topic, str(place.number)): max(0, end - done.get(place, end))
        for place, end in ends.items()
    }
    metrics.show("switchgear_consumer_lag", behind)
