"""`python -m bench.pipeline.echo`: the least that two hops over Kafka can do.

Raw aiokafka with nothing else: take a batch, write it on, wait for the acknowledgements, commit.
"""

import asyncio
import sys

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

PARTITIONS = 4
TOPICS = ("echo.a", "echo.b", "echo.c")


async def hop(kafka: str, source: str, target: str) -> None:
    """Copies `source` to `target` until cancelled."""
    consumer = AIOKafkaConsumer(
        source, bootstrap_servers=kafka, group_id=f"{source}-{target}", enable_auto_commit=False,
        auto_offset_reset="earliest",
    )  # fmt: skip
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, acks="all", enable_idempotence=True, max_batch_size=262_144
    )
    await consumer.start()
    await producer.start()
    try:
        while True:
            polled = await consumer.getmany(timeout_ms=500, max_records=500)
            records = [record for batch in polled.values() for record in batch]
            sent = [await producer.send(target, r.value, r.key) for r in records]
            await asyncio.gather(*sent)
            if records:
                await consumer.commit()
    finally:
        await producer.stop()
        await consumer.stop()


async def main(kafka: str) -> None:
    """Two hops in one process."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in TOPICS])
    await admin.close()
    first, second, third = TOPICS
    await asyncio.gather(hop(kafka, first, second), hop(kafka, second, third))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
