"""When does a delayed record go back to its queue?

Each retry topic holds records of one delay, so they come due nearly in the order they lie. A record
that isn't due yet waits in its task; its offset is committed only when it is back on its queue.
"""

import asyncio
import time

from producers import codec
from producers.broker import Outgoing, Publisher, Record

from .dead_letters import dead_letter
from .job import number


async def return_when_due(publisher: Publisher, record: Record) -> None:
    """Publishes the record to the topic it belongs to, not before it is due."""
    target = codec.header(record.headers, codec.TARGET)
    if target is None:
        detail = f"a record on {record.partition.topic} needs the header {codec.TARGET}"
        await publisher.publish(dead_letter(record, "invalid_request", detail))
        return
    due_ms = number(record.headers, codec.DUE) or 0
    await asyncio.sleep(max(0.0, due_ms / 1000 - time.time()))
    headers = [pair for pair in record.headers if pair[0] not in (codec.DUE, codec.TARGET)]
    await publisher.publish(Outgoing(target, record.value, record.key, headers))
