"""Processes that read usage events from Kafka: the ledger's consumer and the live page."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final

from aiohttp import ClientSession, web
from aiokafka import AIOKafkaConsumer

from observability.health import ProcessHealth
from observability.ledger.ingest import Genuine
from observability.live_page.server import application
from observability.live_page.sources import ProcessFigures, follow_processes, follow_usage
from observability.live_page.window import LiveWindow
from observability.metrics.registry import MetricsRegistry
from observability.process_endpoint import process_endpoint
from observability.settings import ObservabilitySettings
from observability.topic_wait import topics_exist
from producers.contract.topics import USAGE
from producers.kafka.connection import Begin, consuming

_STOPS: Final = (signal.SIGTERM, signal.SIGINT)


def usage_consumer(
    settings: ObservabilitySettings, begin: Begin
) -> AbstractAsyncContextManager[AIOKafkaConsumer]:
    """A started consumer of every partition of the usage topic, without a group."""
    return consuming(settings, USAGE, begin=begin, client_id="switchgear-observability")


@asynccontextmanager
async def watched_process(
    settings: ObservabilitySettings, metrics: MetricsRegistry, health: ProcessHealth
) -> AsyncIterator[asyncio.Event]:
    """`/metrics`, `/healthz` and `/readyz` where a port is set; yields what SIGTERM and SIGINT set.

    From then on the process isn't ready: it ends what it has begun. A second one ends it at once:
    what was begun may wait for a store that is away.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def begin_to_stop() -> None:
        stop.set()
        for number in _STOPS:
            loop.remove_signal_handler(number)

    for number in _STOPS:
        loop.add_signal_handler(number, begin_to_stop)
    health.add(lambda: "stopping" if stop.is_set() else None)
    async with AsyncExitStack() as stack:
        if settings.metrics_port is not None:
            stack.enter_context(process_endpoint(metrics, settings.metrics_port, health=health))
            stack.callback(asyncio.create_task(health.beat()).cancel)
        yield stop


async def serve_live(
    settings: ObservabilitySettings, host: str, port: int, genuine: Genuine | None = None
) -> None:
    """Serve the live page until SIGTERM. genuine: which usage events count; None: all."""
    health = ProcessHealth()
    async with watched_process(settings, MetricsRegistry(), health) as stop:
        serving = asyncio.create_task(_serve_page(settings, (host, port), genuine, health, stop))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving


async def _serve_page(
    settings: ObservabilitySettings,
    address: tuple[str, int],
    genuine: Genuine | None,
    health: ProcessHealth,
    stop: asyncio.Event,
) -> None:
    state, scraped = LiveWindow(), ProcessFigures()

    def snapshot(now_ms: int) -> dict[str, Any]:
        return state.snapshot(now_ms, settings.trace_url) | scraped.snapshot()

    hosts = [name.strip().lower() for name in settings.page_hosts.split(",") if name.strip()]
    addresses = [address.strip() for address in settings.scrape.split(",") if address.strip()]
    if not await topics_exist(settings, (USAGE,), health, stop):
        return
    async with AsyncExitStack() as stack:
        consumer = await stack.enter_async_context(usage_consumer(settings, "latest"))
        session = await stack.enter_async_context(ClientSession())
        runner = web.AppRunner(application(snapshot, hosts), access_log=None, shutdown_timeout=1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, *address).start()
        health.started()
        print(f"http://{address[0]}:{runner.addresses[0][1]}", flush=True)  # noqa: T201 (where to look)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(follow_usage(consumer, state, genuine))
            tasks.create_task(follow_processes(session, addresses, scraped))
