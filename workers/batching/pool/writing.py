"""Writing: a batch's next record, on its topic and in this process's table."""

from typing import Any

from producers.contract.batch_record import BatchRecord
from workers.batching.pool.batch_pool import BatchPool


async def write_batch(pool: BatchPool, record: BatchRecord, **changes: Any) -> BatchRecord:  # noqa: ANN401 its fields
    """The record with `changes`, once Kafka has it. Raises PublishFailedError."""
    changed = record.model_copy(update={**changes, "revision": record.revision + 1})
    await pool.log.write(changed)
    entry = pool.table.get(record.key)
    if entry is not None:
        pool.table.write(changed, entry.home)
    if changed.state != record.state:
        pool.metrics.count("switchgear_batches_total", changed.deployment, changed.state)
    return changed


def places_of(record: BatchRecord) -> list[tuple[int, int]]:
    """(partition, offset) of each request, in the order of the batch."""
    return list(zip(record.partitions, record.offsets, strict=True))
