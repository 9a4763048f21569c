"""Which spans do the processes of one demo export? A very small OTLP/HTTP collector, in memory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from dev.trace_reading import from_otlp
from dev.trace_tree import SeenSpan


@dataclass
class SpanCollector:
    """The spans that arrived, by trace id. endpoint: the OTLP/HTTP base address."""

    endpoint: str
    spans: dict[str, list[SeenSpan]] = field(default_factory=dict)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def receive(self, request: web.Request) -> web.Response:
        """One export."""
        for trace_id, found in from_otlp(await request.read()).items():
            self.spans.setdefault(trace_id, []).extend(found)
        async with self._arrived:
            self._arrived.notify_all()
        return web.Response(content_type="application/x-protobuf")

    async def trace(self, trace_id: str, services: int, timeout_s: float) -> list[SeenSpan]:
        """The trace, once so many services have exported their part, or what is there in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._arrived:
                await self._arrived.wait_for(lambda: services <= len(self._services(trace_id)))
        return self.spans.get(trace_id, [])

    def _services(self, trace_id: str) -> set[str]:
        return {span.service for span in self.spans.get(trace_id, ())}


@asynccontextmanager
async def collecting(port: int) -> AsyncIterator[SpanCollector]:
    """A collector on the loopback interface."""
    collector = SpanCollector(f"http://127.0.0.1:{port}")
    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.router.add_post("/v1/traces", collector.receive)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield collector
    finally:
        await runner.cleanup()
