"""Endpoint dependencies: the parts of the process that every endpoint shares."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from gateway.access.api_keys import Caller, doubled_key, identify, of_known_page, presented_key
from gateway.access.tokens import caller_of, is_token
from gateway.connections.connection import ClientGone, Connection
from gateway.connections.http_limits import HttpLimits
from gateway.connections.stop_signal import StopSignal
from gateway.errors.api_error import ApiError, wrong_method
from gateway.exchanges.exchange import Exchanges
from gateway.jobs.job_runner import JobRunner
from gateway.queues.queue_watch import QueueWatch
from gateway.shared_limits.fleet_limits import FleetLimits
from gateway.stored_requests.store import StoredRequests
from gateway.stored_responses.store import ResponseStore
from observability.metrics.registry import MetricsRegistry
from observability.tracing.request_trace import RequestTrace
from observability.tracing.tracer import Tracer
from observability.tracing.w3c_context import CONTEXT_HEADERS
from producers.contract.residency import excludes, narrower
from runtime.config.catalog import Catalog
from runtime.config.pricing import PriceOf
from runtime.config.sections.gateway import KeyScope
from runtime.identity.token_verifier import TokenVerifier

STOPPING: Final = ApiError(
    "overloaded", "server_shutting_down", "this gateway stops: ask another one", retry_after_s=1
)
"""The answer to what comes, or isn't done yet, when the process ends."""


@dataclass(frozen=True, slots=True)
class GatewayDependencies:
    """What the endpoints share."""

    config: Callable[[], Catalog]
    exchanges: Exchanges
    key_limits: FleetLimits
    tracer: Tracer
    stop: StopSignal
    ready: Callable[[], bool]
    """Whether the queue takes requests."""
    stored: StoredRequests
    queues: QueueWatch
    limits: HttpLimits
    responses: ResponseStore
    jobs: JobRunner
    price_of: PriceOf
    anonymous: str | None = None
    """The tenant of callers without a key; None refuses them."""
    tokens: TokenVerifier | None = None
    """Of signed tokens in the place of keys; None: there is no section `identity.tokens`."""
    metrics: MetricsRegistry = field(default_factory=MetricsRegistry)
    zone: str | None = None
    """Of the cell that this gateway belongs to."""

    async def identify(self, connection: Connection, scope: KeyScope | None) -> Caller | ApiError:
        """Who asks: by a key of ours, else by a signed token. scope: what a key must open."""
        doubled = doubled_key(connection.doubled)
        if doubled is not None:
            return doubled
        settings = self.config().gateway
        presented = presented_key(connection.headers)
        if self.tokens is not None and presented is not None and is_token(presented):
            caller = caller_of(await self.tokens.verify(presented))
        else:
            caller = identify(presented, settings.keys, scope, datetime.now(UTC), self.anonymous)
        if isinstance(caller, Caller):
            caller = of_known_page(caller, connection.headers, settings.cors_origins)
        if isinstance(caller, Caller):
            connection.info.tenant, connection.info.key = caller.tenant, caller.name
        return caller

    async def admit_post(self, connection: Connection, scope: KeyScope) -> Caller | ApiError:
        """Who asks, if anything may be asked by this method and now."""
        if connection.method != "POST":
            return wrong_method(connection.path, "POST")
        if self.stop.draining:
            return STOPPING
        return await self.identify(connection, scope)

    def misplaced(self, tenant: str, residency: tuple[str, ...] = ()) -> ApiError | None:
        """Why nothing of it may be written here. residency: of the request; empty: it says none."""
        section = self.config().tenant(tenant)
        allowed = narrower(residency, () if section is None else section.residency)
        if not excludes(allowed, self.zone):
            return None
        words = f"this gateway is in zone {self.zone}, which the data's residency excludes"
        return ApiError("forbidden", "wrong_zone", f"{words}: ask one in a zone that it allows")

    @contextmanager
    def traced(self, connection: Connection, caller: Caller, name: str) -> Iterator[RequestTrace]:
        """The gateway's span of a request, in the caller's trace, with how the request ended."""
        texts = ((name, connection.headers.get(name)) for name in CONTEXT_HEADERS)
        headers = [(name, text.encode()) for name, text in texts if text is not None]
        trace = self.tracer.begin_trace(f"gateway {name}", headers, tenant=caller.tenant)
        try:
            yield trace
        except ClientGone:
            trace.end(error="client_closed_request")
            raise
        trace.end({"switchgear.tenant": caller.tenant}, error=connection.info.code)
