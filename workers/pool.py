"""How is one record of a tier's queue served?

cache → claim → providers → record → publish → keep. The reply and the usage event are with Kafka
before the record counts as finished, so a crash at any point redelivers and loses nothing.
"""

from observability.semconv import queue_attributes
from observability.tracing import Waited
from producers.broker import Publisher, Record
from producers.codec import DecodeError

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
    """What becomes of a record whose handler broke: its bytes and the place are kept."""
    await publisher.publish(dead_letter(record, "internal_error", crash_detail(error)))
