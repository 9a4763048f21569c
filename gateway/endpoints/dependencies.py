"""Endpoint dependencies: the parts of the process that every endpoint shares."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.access.api_keys import Caller, identify, presented_key
from gateway.access.key_limits import KeyLimits
from gateway.connections.connection import Connection
from gateway.connections.http_limits import HttpLimits
from gateway.connections.stop_signal import StopSignal
from gateway.errors.api_error import ApiError
from gateway.exchanges.exchange import Exchanges
from gateway.queues.queue_watch import QueueWatch
from gateway.stored_requests.store import StoredRequests
from gateway.stored_responses.store import ResponseStore
from observability.tracing.tracer import Tracer
from runtime.config.catalog import Catalog
from runtime.config.sections.gateway import KeyScope


@dataclass(frozen=True, slots=True)
class GatewayDependencies:
    """What the endpoints share."""

    config: Callable[[], Catalog]
    exchanges: Exchanges
    key_limits: KeyLimits
    tracer: Tracer
    stop: StopSignal
    ready: Callable[[], bool]
    """Whether the queue takes requests."""
    stored: StoredRequests
    queues: QueueWatch
    limits: HttpLimits
    responses: ResponseStore
    anonymous: str | None = None
    """The tenant of callers without a key; None refuses them."""

    def identify(self, connection: Connection, scope: KeyScope | None) -> Caller | ApiError:
        """Who asks. scope: what its key must open; None: any."""
        keys = self.config().gateway.keys
        presented = presented_key(connection.headers)
        caller = identify(presented, keys, scope, datetime.now(UTC), self.anonymous)
        if isinstance(caller, Caller):
            connection.info.tenant, connection.info.key = caller.tenant, caller.name
        return caller
