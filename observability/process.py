"""How are the processes put together that read usage events from Kafka?"""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Literal

from aiohttp import ClientSession, web
from aiokafka import AIOKafkaConsumer

from observability.live_page.server import application
from observability.live_page.sources import ProcessFigures, follow_processes, follow_usage
from observability.live_page.window import LiveWindow
from observability.settings import ObservabilitySettings
from producers.contract.topics import USAGE
from producers.kafka.aiokafka_broker import connection_options


async def usage_consumer(
    stack: AsyncExitStack, settings: ObservabilitySettings, begin: Literal["earliest", "latest"]
) -> AIOKafkaConsumer:
    """A started consumer of every partition of the usage topic, without a group."""
    consumer = AIOKafkaConsumer(
        USAGE,
        **connection_options(settings),
        client_id="switchgear-observability",
        auto_offset_reset=begin,
        enable_auto_commit=False,
        fetch_max_wait_ms=settings.kafka_fetch_max_wait_ms,
    )
    await consumer.start()
    stack.push_async_callback(consumer.stop)
    return consumer


async def serve_live(settings: ObservabilitySettings, host: str, port: int) -> None:
    """Serve the live page until cancelled."""
    state, scraped = LiveWindow(), ProcessFigures()

    def snapshot(now_ms: int) -> dict[str, Any]:
        return state.snapshot(now_ms, settings.trace_url) | scraped.snapshot()

    addresses = [address.strip() for address in settings.scrape.split(",") if address.strip()]
    async with AsyncExitStack() as stack:
        consumer = await usage_consumer(stack, settings, "latest")
        session = await stack.enter_async_context(ClientSession())
        runner = web.AppRunner(application(snapshot), access_log=None, shutdown_timeout=1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, host, port).start()
        print(f"http://{host}:{runner.addresses[0][1]}", flush=True)  # noqa: T201 (where to look)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(follow_usage(consumer, state))
            tasks.create_task(follow_processes(session, addresses, scraped))
