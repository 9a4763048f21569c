"""How far behind is this process, and how much has it in hand?"""

import asyncio
import time
from typing import Final

from observability.metrics import Metrics

from .kafka_source import KafkaSource
from .stream import Stream

_EVERY_S: Final = 1.0


async def show(metrics: Metrics, stream: Stream, source: KafkaSource, tier: str) -> None:
    """Keeps the gauges of one consumer group's member up to date until cancelled."""
    while True:
        await asyncio.sleep(_EVERY_S)
        metrics.set("switchgear_in_flight", tier, to=stream.state().running)
        now_ms, done, oldest = time.time() * 1000, stream.done(), stream.oldest_ms()
        for topic in {partition.topic for partition in source.ends()}:
            age_s = (now_ms - oldest.get(topic, now_ms)) / 1000
            metrics.set("switchgear_queue_age_seconds", topic, to=age_s)
        for partition, end in source.ends().items():
            behind = max(0, end - done.get(partition, end))
            labels = source.group, partition.topic, str(partition.number)
            metrics.set("switchgear_consumer_lag", *labels, to=behind)
