"""Processes that read usage events from Kafka: the ledger's consumer and the live page."""

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from aiohttp import ClientSession, web
from aiokafka import AIOKafkaConsumer

from observability.ledger.ingest import Genuine
from observability.live_page.server import application
from observability.live_page.sources import ProcessFigures, follow_processes, follow_usage
from observability.live_page.window import LiveWindow
from observability.settings import ObservabilitySettings
from producers.contract.topics import USAGE
from producers.kafka.connection import Begin, consuming


def usage_consumer(
    settings: ObservabilitySettings, begin: Begin
) -> AbstractAsyncContextManager[AIOKafkaConsumer]:
    """A started consumer of every partition of the usage topic, without a group."""
    return consuming(settings, USAGE, begin=begin, client_id="switchgear-observability")


async def serve_live(
    settings: ObservabilitySettings, host: str, port: int, genuine: Genuine | None = None
) -> None:
    """Serve the live page until cancelled. genuine: which usage events count; None: all."""
    state, scraped = LiveWindow(), ProcessFigures()

    def snapshot(now_ms: int) -> dict[str, Any]:
        return state.snapshot(now_ms, settings.trace_url) | scraped.snapshot()

    hosts = [name.strip().lower() for name in settings.page_hosts.split(",") if name.strip()]
    addresses = [address.strip() for address in settings.scrape.split(",") if address.strip()]
    async with AsyncExitStack() as stack:
        consumer = await stack.enter_async_context(usage_consumer(settings, "latest"))
        session = await stack.enter_async_context(ClientSession())
        runner = web.AppRunner(application(snapshot, hosts), access_log=None, shutdown_timeout=1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, host, port).start()
        print(f"http://{host}:{runner.addresses[0][1]}", flush=True)  # noqa: T201 (where to look)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(follow_usage(consumer, state, genuine))
            tasks.create_task(follow_processes(session, addresses, scraped))
