"""The gateway on a port, in front of the flow in one process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import uvicorn

from dev.processes import free_port
from gateway.access.key_limits import KeyLimits
from gateway.connections.http_limits import HttpLimits
from gateway.connections.stop_signal import StopSignal
from gateway.endpoints.dependencies import GatewayDependencies
from gateway.exchanges.attempts import LocalAttempts
from gateway.exchanges.exchange import Exchanges
from gateway.queues.queue_watch import QueueWatch
from gateway.serve.app import gateway_application
from gateway.serve.http_protocol import http_protocol
from gateway.stored_requests.index import Place
from gateway.stored_requests.store import ReadRecord, StoredRequests
from producers.contract import topics
from producers.kafka.broker import Record
from tests.fakes import Script
from tests.flow.stage import Stage, playing
from tests.memory_broker import MemoryBroker

PATIENCE_S: Final = 10
KEEP_S: Final = 3600


@dataclass
class Door:
    """Where the gateway listens, and what a test may turn."""

    address: str
    stage: Stage
    stop: StopSignal
    queue: dict[str, bool] = field(default_factory=lambda: {"reachable": True})


def reader_of(broker: MemoryBroker) -> ReadRecord:
    """Reads the log again."""

    async def read(place: Place) -> Record | None:
        return next((r for r in broker.log(place.partition) if r.offset == place.offset), None)

    return read


@asynccontextmanager
async def door(
    scripts: Mapping[str, Script] | None = None,
    *,
    anonymous: str | None = "t",
    limits: HttpLimits | None = None,
    keep_s: float = KEEP_S,
    **parts: Any,  # noqa: ANN401 as Stage's
) -> AsyncIterator[Door]:
    """A gateway whose callers without a key are tenant `t`."""
    limits = limits or HttpLimits(cancel_grace_s=0.2)
    async with playing(scripts, **parts) as stage, AsyncExitStack() as stack:
        exchanges = Exchanges(stage.client, limits, LocalAttempts())
        stop, port = StopSignal(), free_port()
        stored = StoredRequests(stage.client, stage.broker, reader_of(stage.broker), keep_s)
        await stack.enter_async_context(stage.broker.tail(topics.STORED, stored.receive))
        opened = Door(f"http://127.0.0.1:{port}", stage, stop)
        gateway = GatewayDependencies(
            lambda: stage.catalog,
            exchanges,
            KeyLimits(),
            stage.tracer,
            stop,
            lambda: opened.queue["reachable"],
            stored,
            QueueWatch(lambda: stage.catalog),
            limits,
            anonymous,
        )
        app: Any = gateway_application(gateway, stage.metrics)
        protocol: Any = http_protocol(limits)
        config = uvicorn.Config(
            app, port=port, http=protocol, ws="none", lifespan="off", log_config=None,
            access_log=False, timeout_graceful_shutdown=5,
        )  # fmt: skip
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve())  # noqa: SLF001 `serve` would take the test's signals
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not server.started:  # noqa: ASYNC110 it has no event
                    await asyncio.sleep(0.01)
            yield opened
        finally:
            server.should_exit = True
            await serving
            await exchanges.close()
