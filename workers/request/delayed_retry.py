"""Delayed retry: a record on a retry topic goes back to its queue when it is due.

Each retry topic holds records of one delay, so they come due nearly in the order they lie. A record
that isn't due yet waits in its task; its offset is committed only when it is back on its queue.
"""

import asyncio
import time

from observability.tracing.semconv import queue_attributes
from observability.tracing.tracer import QueueWait, Tracer
from producers.contract import codec, topics
from producers.contract.codec import integer
from producers.kafka.broker import Outgoing, Publisher, Record
from runtime.process.dead_letters import bury


async def return_when_due(publisher: Publisher, tracer: Tracer, record: Record) -> None:
    """Publishes the record to the topic it belongs to, not before it is due."""
    target = codec.header(record.headers, codec.TARGET)
    if target is None or not topics.is_queue(target):
        detail = f"a record on {record.partition.topic} needs a queue in its header {codec.TARGET}"
        await bury(publisher, record, "invalid_request", detail)
        return
    await asyncio.sleep(wait_s(record, time.time()))
    trace = tracer.begin_trace(f"return to {target}", record.headers, waited=_waited(record))
    headers = [pair for pair in record.headers if pair[0] not in (codec.DUE, codec.TARGET)]
    await publisher.publish(Outgoing(target, record.value, record.key, headers))
    # a wait is slow by its nature: who serves the request decides whether its trace is kept
    if trace.context.sampled:
        trace.end()


def _waited(record: Record) -> QueueWait:
    place = (*record.partition, record.offset)
    return QueueWait(
        queue=record.partition.topic,
        since_ms=record.timestamp_ms,
        attributes=lambda: queue_attributes(*place),
    )


def wait_s(record: Record, now: float) -> float:
    """Seconds until it is due; at most its topic's delay, whatever a stepped clock makes of it."""
    due_s = (integer(record.headers, codec.DUE) or 0) / 1000
    return min(max(0.0, due_s - now), topics.retry_delay_ms(record.partition.topic) / 1000)
