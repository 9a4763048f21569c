import asyncio
import signal

from aiohttp import ClientSession

from dev.processes import free_port
from observability.health import ProcessHealth
from observability.metrics.registry import MetricsRegistry
from observability.process import watched_process
from observability.settings import ObservabilitySettings


async def test_a_process_that_is_told_to_stop_is_not_ready_any_more() -> None:
    port, health = free_port(), ProcessHealth()
    settings = ObservabilitySettings(metrics_port=port)

    async def asked(path: str) -> tuple[int, str]:
        async with session.get(f"http://127.0.0.1:{port}{path}") as response:
            return response.status, await response.text()

    async with (
        asyncio.timeout(20),
        ClientSession() as session,
        watched_process(settings, MetricsRegistry(), health) as stop,
    ):
        assert "starting" in (await asked("/readyz"))[1]
        health.started()
        assert [(await asked(path))[0] for path in ("/readyz", "/healthz", "/metrics")] == [200] * 3
        signal.raise_signal(signal.SIGTERM)
        await stop.wait()
        status, body = await asked("/readyz")
        assert (status, "stopping" in body) == (503, True)
        assert (await asked("/healthz"))[0] == 200
    # whoever is in a hurry sends a second one
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
