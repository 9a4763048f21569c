"""The flow with a batch pool: real parts, a broker in memory, simulated providers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, web

from dev.simulator.server import Simulator
from producers.contract import topics
from producers.contract.batch_record import BatchRecord
from producers.kafka.broker import Partition, Record
from runtime.budgets.reservations import BudgetLedger
from runtime.config.catalog import Catalog
from runtime.consuming.queue_groups import batch_queues, group_of_batch_queue
from tests.flow.stage import Stage, catalog
from tests.memory_broker import MemoryBroker
from workers.batching.pool.batch_log import batch_outgoing, tombstone
from workers.batching.pool.batch_pool import BatchPool
from workers.batching.pool.former import Former
from workers.batching.pool.intake import Intake
from workers.batching.pool.mover import Mover
from workers.batching.pool.process import (
    BATCHES_GROUP,
    receive_batch,
)
from workers.batching.providers.batch_adapters import BatchAdapters
from workers.batching.state.batch_table import BatchTable

DIALECTS = {
    "openai": "openai",
    "azure": "openai",
    "mistral": "openai",
    "anthropic": "anthropic",
    "aws": "bedrock",
}
PATHS = {
    "openai": "/openai/v1",
    "azure": "/azure/v1",
    "mistral": "/mistral/v1",
    "anthropic": "/anthropic",
    "aws": "/bedrock",
}
ENVIRONMENT = {
    "KEY": "sk-batches",
    "AWS_ACCESS_KEY_ID": "AKIABATCHES",
    "AWS_SECRET_ACCESS_KEY": "secret",
}
TICK_S = 0.02


def batch_catalog(
    address: str,
    provider: str,
    *,
    full: int | None = None,
    offer: Mapping[str, Any] | None = None,
    pace: Mapping[str, Any] | None = None,
    **changes: object,
) -> Catalog:
    """One tier with a deployment that offers batches. full: requests of one; None: any number."""
    forming = {"oldest_min": 0} if full is None else {"oldest_min": 60, "max_requests": full}
    deployment = {
        "model": "small",
        "provider": provider,
        "dialect": DIALECTS[provider],
        "base_url": address + PATHS[provider],
        "api_key_env": "KEY",
        "zone": "us",
        "batch": {**forming, **(_jobs(address) if provider == "aws" else {}), **(offer or {})},
    }
    plain = catalog().model_dump()
    plain["models"]["small"]["max_output"] = 4_096
    quick = {"poll_s": 0.05, "submit_s": 5, "look_after_s": 0.2, "retry_s": 0.1, "margin_s": 1}
    return Catalog.model_validate(
        {
            **plain,
            "default_baseline": "waiting",
            "deployments": {"waiting": deployment},
            "tiers": {"economy": {"deployments": ["waiting"]}},
            "policy": {"min_quality": 0.0, "waiting": {"margin_h": 0}},
            "batches": {**quick, "cancel_s": 0.5, **(pace or {})},
            **changes,
        }
    )


def _jobs(address: str) -> dict[str, str]:
    """What Bedrock's jobs need beside."""
    return {
        "api_base_url": address + "/bedrock",
        "bucket": "s3://batches/switchgear",
        "bucket_url": address + "/s3",
        "role_arn": "arn:aws:iam::123456789012:role/batches",
    }


class MemoryBatchLog:
    """`BatchLog` over the broker in memory.

    hangs: (state, whether its record is written before) of the write that never returns: the
    `nth` of that state.
    """

    def __init__(
        self, broker: MemoryBroker, hangs: tuple[str, bool] | None = None, nth: int = 1
    ) -> None:
        self._broker = broker
        self._hangs = hangs
        self._left = nth
        self.hung = asyncio.Event()

    @asynccontextmanager
    async def following(self, receive: Callable[[Record], None]) -> AsyncIterator[None]:
        for record in self._broker.written(topics.BATCHES):
            receive(record)
        async with self._broker.tail(topics.BATCHES, receive):
            yield

    async def caught_up(self) -> None:
        await asyncio.sleep(0)

    async def write(self, record: BatchRecord) -> None:
        state, written = self._hangs or ("", True)
        self._left -= record.state == state
        hangs = record.state == state and self._left <= 0
        if written or not hangs:
            await self._broker.publish(batch_outgoing(record))
        if hangs:
            self.hung.set()
            await asyncio.Event().wait()

    async def forget(self, key: str) -> None:
        await self._broker.publish(tombstone(key))

    async def read(
        self, queue: str, places: Sequence[tuple[int, int]]
    ) -> AsyncIterator[tuple[int, Record]]:
        for number, (partition, offset) in enumerate(places):
            await asyncio.sleep(0)
            for record in self._broker.log(Partition(queue, partition)):
                if record.offset == offset:
                    yield number, record

    async def committed(self, queue: str, group: str) -> Mapping[int, int]:
        committed = self._broker.committed(group)
        return {place.number: at for place, at in committed.items() if place.topic == queue}


@dataclass
class MemoryGuard:
    """`ItemGuard` within one process."""

    held: dict[str, str] = field(default_factory=dict)

    async def take(self, identities: Sequence[str], batch: str) -> list[str]:
        return [self.held.setdefault(identity, batch) for identity in identities]

    async def move(self, identities: Sequence[str], batch: str) -> None:
        self.held |= dict.fromkeys(identities, batch)

    async def release(self, identities: Sequence[str], batch: str) -> None:
        for identity in identities:
            if self.held.get(identity) == batch:
                del self.held[identity]


@dataclass
class BatchStage:
    """The stage, its simulated providers, and the batch processes that run."""

    stage: Stage
    simulator: Simulator
    address: str
    session: ClientSession
    guard: MemoryGuard = field(default_factory=MemoryGuard)
    unserved: dict[str, str] = field(default_factory=dict)
    """As the batch processes see the pools."""

    def pool(self, log: MemoryBatchLog) -> BatchPool:
        """One more batch process's."""
        adapters = BatchAdapters(self.session, ENVIRONMENT, lambda: self.stage.catalog)
        return BatchPool(
            requests=self.stage.pool("economy"),
            table=BatchTable(),
            log=log,
            guard=self.guard,
            adapters=adapters.of,
            budgets=self.stage.budgets,
            metrics=self.stage.metrics,
            unserved=lambda: self.unserved,
        )

    @asynccontextmanager
    async def batching(
        self, hangs: tuple[str, bool] | None = None, nth: int = 1
    ) -> AsyncIterator[MemoryBatchLog]:
        """A batch process; leaving it is its death: nothing is finished. hangs: as of its log."""
        log, stop = MemoryBatchLog(self.stage.broker, hangs, nth), asyncio.Event()
        pool = self.pool(log)
        broker = self.stage.broker
        intakes = [
            Intake(pool, queue, broker.member([queue], group_of_batch_queue(queue)))
            for queue in batch_queues(self.stage.catalog)
        ]
        member = broker.member([topics.BATCHES], BATCHES_GROUP)
        mover = Mover(pool, member, group_of_batch_queue, TICK_S)

        def heard(record: Record) -> None:
            assert receive_batch(pool.table, record)

        async with pool.log.following(heard):
            parts = [intake.run(stop) for intake in intakes]
            running = [*parts, Former(pool, intakes, TICK_S).run(stop), mover.run(stop)]
            tasks = [asyncio.create_task(each) for each in running]
            try:
                yield log
            finally:
                stop.set()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def batches(self) -> list[dict[str, Any]]:
        """What the simulated providers have."""
        return self.simulator.batches.told()

    def records(self) -> list[BatchRecord]:
        """All that was written of batches, in order."""
        written = self.stage.broker.written(topics.BATCHES)
        return [BatchRecord.model_validate_json(record.value) for record in written if record.value]

    def paid(self) -> list[str]:
        """A name of each question that a provider was paid to answer, as often as it was."""
        return [call.question for call in self.simulator.ledger._calls]  # noqa: SLF001 the ledger's own list


@asynccontextmanager
async def waiting_stage(
    provider: str,
    budgets: BudgetLedger | None = None,
    **parts: Any,  # noqa: ANN401 as batch_catalog's
) -> AsyncIterator[BatchStage]:
    """A stage whose only deployment is a simulated provider's; no batch process runs yet."""
    async with AsyncExitStack() as stack:
        simulator = Simulator()
        runner = web.ServerRunner(web.Server(simulator.handle, access_log=None), access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = "http://{}:{}".format(*runner.addresses[0][:2])
        session = await stack.enter_async_context(ClientSession())
        stage = Stage({}, batch_catalog(address, provider, **parts))
        stage.budgets = budgets or stage.budgets
        stop = asyncio.Event()
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        await stack.enter_async_context(stage.client.listening())
        for stream in stage.streams():
            tasks.create_task(stream.run(stop))
        try:
            yield BatchStage(stage, simulator, address, session)
        finally:
            stop.set()
            stage.broker.close()
