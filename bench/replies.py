"""How much does each of 20 clients of one reply topic read? `python -m bench.replies`, on Kafka.

all: every client reads every partition, as without `x-reply-partition`; own: each reads one, chosen
at random. The engine is stood in for by a responder that answers where it is asked to.
"""

import asyncio
import statistics
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, Literal, TypeAlias

import uvloop
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from dev.broker import apache_kafka
from producers import ClientSettings, Failed, RouterClient, chat
from producers.contract import codec, topics
from producers.contract.reply_address import read_reply_address
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing, Record

Mode: TypeAlias = Literal["own", "all"]
_MODES: Final[tuple[Mode, ...]] = ("all", "own")
_CLIENTS: Final = 20
_PARTITIONS: Final = 64
_REQUESTS: Final = 50
_ANSWER: Final = "x" * 2_000


class CountingBroker(KafkaBroker):
    """Counts the bytes of the values that its tail gets."""

    read = 0

    @asynccontextmanager
    async def tail(
        self, topic: str, receive: Callable[[Record], None], partition: int | None = None
    ) -> AsyncIterator[None]:
        """As a Kafka broker does."""

        def count(record: Record) -> None:
            self.read += len(record.value)
            receive(record)

        async with super().tail(topic, count, partition):
            yield


async def _answer(broker: KafkaBroker, record: Record) -> None:
    address = read_reply_address(record.headers)
    request = codec.decode_request(record.value)
    failed = Failed(id=request.id, code="overloaded", message=_ANSWER, retryable=True)
    key, value = request.id.encode(), codec.encode(failed)
    await broker.publish(Outgoing(address.topic, value, key, (), address.partition))


async def measure(kafka: str, mode: Mode) -> list[int]:
    """Bytes that each client read for its requests and everybody else's."""
    settings = ClientSettings(kafka=kafka, reply_partition=mode, timeout_s=120)
    async with AsyncExitStack() as parts:
        engine = await parts.enter_async_context(KafkaBroker(settings, "engine"))
        answers: set[asyncio.Task[None]] = set()

        def asked(record: Record) -> None:
            task = asyncio.create_task(_answer(engine, record))
            answers.add(task)
            task.add_done_callback(answers.discard)

        await parts.enter_async_context(engine.tail(topics.REQUESTS, asked))
        brokers = [
            await parts.enter_async_context(CountingBroker(settings, f"client-{number}"))
            for number in range(_CLIENTS)
        ]
        clients = [
            await parts.enter_async_context(RouterClient(broker, settings).listening())
            for broker in brokers
        ]
        for _ in range(_REQUESTS):
            requests = (client.submit(chat("Hi", tenant="t")) for client in clients)
            await asyncio.gather(*requests)
        return [broker.read for broker in brokers]


async def main() -> None:
    """Prints what each client read."""
    with tempfile.TemporaryDirectory() as folder:
        kafka = apache_kafka(Path(folder) / "kafka")
        kafka.start()
        try:
            admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
            await admin.start()
            new = [NewTopic(topics.REQUESTS, 4, 1), NewTopic(topics.REPLIES, _PARTITIONS, 1)]
            await admin.create_topics(new)
            await admin.close()
            for mode in _MODES:
                read = await measure(kafka.address, mode)
                share = statistics.mean(read) / 1000
                print(f"{mode}: {share:.0f} kB a client, at most {max(read) / 1000:.0f} kB")
        finally:
            kafka.stop()


if __name__ == "__main__":
    uvloop.run(main())
