"""A hostile sender, all the while a run lasts."""

import asyncio
import threading
from random import Random
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from dev.fuzz_readers.corpus import headers_in, seeds_of
from dev.fuzz_readers.mutation import mutated
from producers.contract import topics
from tests.chaos.installation import Installation

_EVERY_S: Final = 0.2
_TARGETS: Final = ((topics.REQUESTS, "request"), (topics.tier_topic("economy"), "tagged"))


class HostileSender:
    """Writes what it likes, in its own thread; what it sends follows from the seed."""

    def __init__(self, at: Installation, seed: int) -> None:
        self._address = at.kafka.address
        self._random = Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hostile sender", daemon=True)
        self.sent = 0

    def start(self) -> None:
        """From now on."""
        self._thread.start()

    def stop(self) -> None:
        """No more."""
        self._stop.set()
        self._thread.join(20)

    def _run(self) -> None:
        asyncio.run(self._send_until_stopped())

    async def _send_until_stopped(self) -> None:
        while not self._stop.is_set():
            try:
                await self._send()
            except (KafkaError, OSError):
                await asyncio.sleep(1)  # Kafka is away, which is another fault

    async def _send(self) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self._address) as producer:
            while not self._stop.is_set():
                topic, reader = self._random.choice(_TARGETS)
                headers: Any = headers_in(mutated(self._random, seeds_of("headers")))
                value = mutated(self._random, seeds_of(reader))
                key = f"hostile-{self.sent}".encode()
                writing = producer.send_and_wait(topic, value, key, headers=headers)
                await asyncio.wait_for(writing, 10)
                self.sent += 1
                await asyncio.sleep(_EVERY_S)
