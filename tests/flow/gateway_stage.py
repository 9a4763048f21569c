"""The gateway on a port, in front of the flow in one process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import uvicorn

from dev.processes import free_port
from gateway.connections.http_limits import HttpLimits
from gateway.connections.open_connections import OpenConnections
from gateway.connections.stop_signal import StopSignal
from gateway.endpoints.dependencies import GatewayDependencies
from gateway.exchanges.attempts import LocalAttempts
from gateway.exchanges.exchange import Exchanges
from gateway.jobs.job_index import JobIndex
from gateway.jobs.job_runner import JobRunner
from gateway.queues.queue_watch import QueueWatch
from gateway.serve.app import gateway_application, gateway_routes
from gateway.serve.http_protocol import http_protocol
from gateway.shared_limits.fleet_limits import FleetLimits
from gateway.stored_requests.index import Place
from gateway.stored_requests.store import ReadRecord, StoredRequests
from gateway.stored_responses.store import ResponseStoreAwayError
from gateway.stored_responses.stored_response import StoredResponse, from_text, to_text
from observability.price_lists import load_price_book
from producers.contract import topics
from producers.jobs.submission import JobConnection
from producers.kafka.broker import Record
from runtime.config.pricing import Pricing
from runtime.identity.token_verifier import TokenVerifier
from runtime.redis.lease import Lease
from tests.fakes import Script
from tests.flow.stage import Stage, playing
from tests.memory_broker import MemoryBroker
from tests.waiting import until

PATIENCE_S: Final = 10
KEEP_S: Final = 3600


@dataclass
class MemoryResponses:
    """Stored responses, as text; `away` as if Redis were."""

    kept: dict[tuple[str, str], str] = field(default_factory=dict)
    away: bool = False

    async def get(self, tenant: str, response_id: str) -> StoredResponse | None:
        """As the store's."""
        self._reach()
        text = self.kept.get((tenant, response_id))
        return None if text is None else from_text(text)

    async def put(
        self, tenant: str, response_id: str, stored: StoredResponse, *, first: bool = False
    ) -> bool:
        """As the store's."""
        self._reach()
        text = to_text(stored)
        assert text is not None
        if not (first and (tenant, response_id) in self.kept):
            self.kept[tenant, response_id] = text
        return True

    async def delete(self, tenant: str, response_id: str) -> bool:
        """As the store's."""
        self._reach()
        return self.kept.pop((tenant, response_id), None) is not None

    def _reach(self) -> None:
        if self.away:
            raise ResponseStoreAwayError


@dataclass
class Door:
    """Where the gateway listens, and what a test may turn."""

    address: str
    stage: Stage
    stop: StopSignal
    queues: QueueWatch
    stored: StoredRequests
    jobs: JobRunner
    connections: OpenConnections
    responses: MemoryResponses = field(default_factory=MemoryResponses)
    paths: list[str] = field(default_factory=list)
    queue: dict[str, bool] = field(default_factory=lambda: {"reachable": True})


def reader_of(broker: MemoryBroker) -> ReadRecord:
    """Reads the log again."""

    async def read(place: Place) -> Record | None:
        return next((r for r in broker.log(place.partition) if r.offset == place.offset), None)

    return read


class _FreeLeases:
    """Everybody may."""

    async def take(self, key: str) -> Lease:
        return Lease(key, "")

    async def release(self, lease: Lease) -> None:
        """Nobody waits."""


def _jobs_of(stage: Stage) -> JobRunner:
    async def scan(topic: str, since_ms: int) -> AsyncIterator[Record]:
        for record in tuple(stage.broker.written(topic)):
            await asyncio.sleep(0)
            if record.timestamp_ms >= since_ms:
                yield record

    connection = JobConnection(scan, stage.broker, stage.client)
    return JobRunner(JobIndex(), connection, _FreeLeases())


@asynccontextmanager
async def door(
    scripts: Mapping[str, Script] | None = None,
    *,
    anonymous: str | None = "t",
    limits: HttpLimits | None = None,
    keep_s: float = KEEP_S,
    tokens: TokenVerifier | None = None,
    **parts: Any,  # noqa: ANN401 as Stage's
) -> AsyncIterator[Door]:
    """A gateway whose callers without a key are tenant `t`."""
    limits = limits or HttpLimits(cancel_grace_s=0.2)
    async with playing(scripts, **parts) as stage, AsyncExitStack() as stack:
        exchanges = Exchanges(stage.client, limits, LocalAttempts())
        stop, port = StopSignal(), free_port()
        stored = StoredRequests(stage.client, stage.broker, reader_of(stage.broker), keep_s)
        await stack.enter_async_context(stage.broker.tail(topics.STORED, stored.receive))
        queues = QueueWatch(lambda: stage.catalog)
        jobs = _jobs_of(stage)
        others = OpenConnections(limits.connections, limits.pending_bytes)
        opened = Door(f"http://127.0.0.1:{port}", stage, stop, queues, stored, jobs, others)
        gateway = GatewayDependencies(
            lambda: stage.catalog,
            exchanges,
            FleetLimits(None),
            stage.tracer,
            stop,
            lambda: opened.queue["reachable"],
            stored,
            queues,
            limits,
            opened.responses,
            jobs,
            Pricing(load_price_book()).price_of,
            anonymous,
            tokens,
            stage.metrics,
            stage.zone,
        )
        app: Any = gateway_application(gateway, stage.metrics)
        opened.paths = [route.path for route in gateway_routes(gateway)]
        protocol: Any = http_protocol(limits, others)
        config = uvicorn.Config(
            app, port=port, http=protocol, ws="none", lifespan="off", log_config=None,
            access_log=False, timeout_graceful_shutdown=5,
        )  # fmt: skip
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve())  # noqa: SLF001 `serve` would take the test's signals
        try:
            await until(lambda: server.started)
            yield opened
        finally:
            server.should_exit = True
            await serving
            await exchanges.close()
