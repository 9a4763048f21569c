"""Heartbeats: which tasks wait for an answer still, so that Step Functions must hear of them?

Requests are read as one more consumer group, by their headers alone. A batch of them is committed
once all its tasks have their end, so a process that takes a dead one's place knows what waits. A
task that another process has ended is known by what Step Functions says of its token.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from gateway.callbacks.task_tokens import OVER, task_token
from producers.contract import codec
from producers.kafka.broker import Broker, Record, RecordBatch

_log: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 32
_MOST_WAITING: Final = 100_000
"""Tasks; more are read when some of these have ended."""
_MOST_BATCHES: Final = 10_000
"""Uncommitted; what goes beyond is lost with the process alone."""
_LONGEST_S: Final = 172_800
"""Seconds after which a task is given up: no request waits longer."""


class Heartbeats:
    """The tasks that this process says are alive."""

    def __init__(self, client: Any, reply_topic: str, every_s: float) -> None:  # noqa: ANN401 botocore makes its methods
        """reply_topic: where the requests of tasks want their replies."""
        self._client = client
        self._topic = reply_topic.encode()
        self._every_s = every_s
        self._waiting: dict[str, float] = {}
        self._batches: deque[tuple[set[str], Callable[[], Awaitable[None]]]] = deque()
        self._limit = asyncio.Semaphore(_AT_ONCE)
        self._beaten = asyncio.Event()

    def end(self, token: str) -> None:
        """The task has its end."""
        self._waiting.pop(token, None)

    async def read(self, broker: Broker, topic: str, group: str) -> None:
        """Learns of the tasks whose requests are in a topic, until cancelled."""
        async for batch in broker.consume(topic, group):
            self._learn(batch)
            while len(self._waiting) > _MOST_WAITING:
                self._beaten.clear()
                await self._beaten.wait()

    async def run(self) -> None:
        """Tells Step Functions of all of them, again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            await asyncio.gather(*map(self._beat, tuple(self._waiting)))
            await self._commit()
            self._beaten.set()

    def _learn(self, batch: RecordBatch) -> None:
        now_s = time.time()
        tokens = dict(self._tasks(batch.records, now_s - _LONGEST_S))
        self._waiting |= {token: sent_s + _LONGEST_S for token, sent_s in tokens.items()}
        self._batches.append((set(tokens), batch.commit))

    def _tasks(self, records: Iterable[Record], since_s: float) -> Iterable[tuple[str, float]]:
        for record in records:
            sent_s = record.timestamp_ms / 1000
            if sent_s < since_s:
                continue
            headers = dict(record.headers)
            asked = (headers.get(codec.REPLY_TO), headers.get(codec.SPRING_REPLY_TOPIC))
            token = task_token(record.headers) if self._topic in asked else None
            if token is not None:
                yield token, sent_s

    async def _beat(self, token: str) -> None:
        if time.time() > self._waiting.get(token, 0):
            self.end(token)
            return
        try:
            async with self._limit:
                await self._client.send_task_heartbeat(taskToken=token)
        except ClientError as refused:
            code = refused.response.get("Error", {}).get("Code", "")
            if code in OVER:
                self.end(token)
            else:
                _log.warning("a heartbeat was not taken: %s", code)
        except BotoCoreError as problem:
            _log.warning("a heartbeat was not taken: %s", type(problem).__name__)

    async def _commit(self) -> None:
        """The batches whose tasks have all ended, in their order; the oldest of too many anyway."""
        while self._batches and (
            len(self._batches) > _MOST_BATCHES or self._batches[0][0].isdisjoint(self._waiting)
        ):
            _, commit = self._batches.popleft()
            await commit()
