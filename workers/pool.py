"""How is one record of a tier's queue served?

cache → claim → providers → record → publish → keep. The reply and the usage event are with Kafka
before the record counts as finished, so a crash at any point redelivers and loses nothing.
"""

from observability.semconv import queue_attributes
from observability.tracing import Waited
from producers import codec, topics
from producers.broker import Outgoing, Publisher, Record
from producers.codec import DecodeError
from producers.messages import Failed

from .dead_letters import crash_detail, dead_letter
from .job import read_job
from .parts import Pool
from .service import Service


async def serve_one(pool: Pool, record: Record) -> None:
    """Returns when the record needs no redelivery."""
    try:
        job = read_job(record)
    except DecodeError as error:
        await pool.publisher.publish(dead_letter(record, "invalid_request", str(error)))
        return
    waited = Waited(
        queue=record.partition.topic,
        since_ms=record.timestamp_ms,
        submitted_ms=job.submitted_ms,
        attributes=lambda: queue_attributes(*record.partition, record.offset),
    )
    hop = pool.tracer.hop(
        f"serve {pool.tier}", record.headers, tenant=job.request.tenant, waited=waited
    )
    await Service(pool, job, hop, pool.world()).run()


async def bury(publisher: Publisher, record: Record, error: Exception) -> None:
    """What becomes of a record whose handler broke: its bytes are kept, its sender is told."""
    await publisher.publish(dead_letter(record, "internal_error", crash_detail(error)))
    request_id = codec.header(record.headers, codec.CORRELATION_ID)
    if request_id is None:
        return
    message = "the request broke its worker; it lies in the dead-letter topic for the operator"
    failed = Failed(id=request_id, code="internal_error", message=message, retryable=False)
    topic = codec.header(record.headers, codec.REPLY_TO) or topics.REPLIES
    headers = codec.to_headers({codec.CORRELATION_ID: request_id})
    await publisher.publish(Outgoing(topic, codec.encode(failed), request_id.encode(), headers))
