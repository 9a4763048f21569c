"""Gateway process: one Kafka client, the HTTP server, and their end in good order.

uvicorn waits for open streams before its lifespan ends, so the stop signal is ours: not ready,
then the port is closed, then the streams that are still open are told, then the process ends.
"""

import asyncio
import logging
import os
import resource
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import Final

import uvicorn

from gateway.connections.http_limits import HttpLimits
from gateway.connections.open_connections import OpenConnections
from gateway.connections.stop_signal import StopSignal
from gateway.endpoints.dependencies import GatewayDependencies
from gateway.exchanges.attempts import SharedAttempts
from gateway.exchanges.exchange import Exchanges
from gateway.queues.queue_watch import QueueWatch, queue_looks
from gateway.serve.app import gateway_application
from gateway.serve.http_protocol import http_protocol
from gateway.serve.job_topics import job_runner
from gateway.serve.readiness import QueueProbe
from gateway.serve.stored_topic import stored_requests
from gateway.shared_limits.fleet_limits import FleetLimits
from gateway.stored_responses.store import RedisResponseStore
from observability.price_lists import load_price_book
from producers import ClientSettings, RouterClient
from producers.contract import topics
from runtime.config.catalog import Catalog
from runtime.config.pricing import Pricing
from runtime.config.reload import ReloadedConfig
from runtime.identity.key_source import token_verifier
from runtime.identity.record_guard import require_router_key
from runtime.process.process import ServiceProcess, service_process
from runtime.process.settings import ServiceSettings
from runtime.process.signing_publisher import SigningBroker
from runtime.redis.connection import RedisLink, connect_redis

_log: Final = logging.getLogger(__name__)
_NAME: Final = "switchgear-gateway"
_PING_S: Final = 0.5
_OWN: Final = 256
"""Descriptors that aren't callers': of Kafka, Redis, webhooks, files."""
GATEWAY_TOPICS: Final = (
    topics.REQUESTS,
    topics.STORED,
    topics.JOBS,
    topics.FILES,
    topics.JOB_REPLIES,
)
"""What it can't begin without, beside its reply topic."""


async def serve_gateway(
    settings: ServiceSettings, host: str, port: int, anonymous: str | None, limits: HttpLimits
) -> None:
    """Serves until SIGTERM. anonymous: the tenant of callers without a key; None refuses them.

    Raises ConfigError, ValueError, OSError when it can't begin.
    """
    async with AsyncExitStack() as parts:
        config = ReloadedConfig(settings.config, _catalog)
        process = await parts.enter_async_context(service_process(settings, _NAME))
        answered = ClientSettings(client_id=_NAME)
        if not await process.topics_exist(answered.reply_topic, *GATEWAY_TOPICS):
            return
        parts.enter_context(
            process.background.running("configuration", partial(config.watch, lambda _: None))
        )
        signer = process.signer
        require_router_key(config().identity.mode, signer)
        broker = process.broker if signer is None else SigningBroker(process.broker, signer)
        client = RouterClient(broker, answered)
        await parts.enter_async_context(client.listening())
        link = RedisLink(connect_redis(settings.redis))
        parts.push_async_callback(link.redis.aclose)
        parts.enter_context(process.background.running("redis", partial(_keep_link, link)))
        exchanges = Exchanges(client, limits, SharedAttempts(link))
        parts.push_async_callback(exchanges.close)
        stored = await parts.enter_async_context(
            stored_requests(process, client, _NAME, lambda: config().gateway, link)
        )
        jobs = await parts.enter_async_context(job_runner(process, client, link, _NAME))
        look = await parts.enter_async_context(queue_looks(settings, _NAME))
        queues = QueueWatch(config)
        parts.enter_context(process.background.running("queue watch", partial(queues.run, look)))
        probe, stop = QueueProbe(process.broker.reachable), StopSignal()
        parts.enter_context(process.background.running("queue probe", probe.run))
        tokens = config().identity.tokens
        verifier = None
        if tokens is not None:
            verifier = await parts.enter_async_context(token_verifier(tokens, os.environ))
        gateway = GatewayDependencies(
            config,
            exchanges,
            FleetLimits(link),
            process.tracer,
            stop,
            lambda: probe.reachable,
            stored,
            queues,
            limits,
            RedisResponseStore(link.redis, lambda: config().gateway.responses_keep_s),
            jobs,
            Pricing(load_price_book()).price_of,
            anonymous,
            verifier,
            process.metrics,
            settings.zone,
        )
        app = gateway_application(gateway, process.metrics)
        await _serve(process, app, (host, port), stop, limits)


async def _serve(
    process: ServiceProcess,
    app: "uvicorn._types.ASGIApplication | object",
    address: tuple[str, int],
    stop: StopSignal,
    limits: HttpLimits,
) -> None:
    host, port = address
    most = min(limits.connections, _descriptors(limits.connections + _OWN) - _OWN)
    others = OpenConnections(most, limits.pending_bytes)
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=host,
        port=port,
        http=http_protocol(limits, others),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # nothing here goes by who the caller says that it is
        timeout_graceful_shutdown=int(limits.stop_grace_s) or None,
    )
    server = _Server(config)
    process.health.started()
    in_order = partial(_stop_in_order, process.stop, server, stop, limits)
    with process.background.running("stop", in_order):
        await server.serve()


def _descriptors(wanted: int) -> int:
    """How many files and connections this process may have open; as many as are wanted if it may.

    Without one left it can't reach Kafka either.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in {soft, hard} or soft >= wanted:
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(wanted, hard)), hard))
    return max(soft, min(wanted, hard))


class _Server(uvicorn.Server):
    """uvicorn's server; the signals are the process's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None of them."""
        yield


async def _stop_in_order(
    asked: asyncio.Event, server: uvicorn.Server, stop: StopSignal, limits: HttpLimits
) -> None:
    await asked.wait()
    stop.drain()
    await asyncio.sleep(limits.drain_s)
    server.should_exit = True  # closes the port, then waits for what is open
    await asyncio.sleep(max(0.0, limits.stop_grace_s - limits.stop_notice_s))
    stop.end()


async def _keep_link(link: RedisLink) -> None:
    """A command that fails closes the link; only a ping opens it again."""
    while True:
        if not link.up:
            await link.ping()
        await asyncio.sleep(_PING_S)


def _catalog(catalog: Catalog) -> Catalog:
    return catalog
