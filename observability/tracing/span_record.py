"""Span records: what is noted of a request before anybody knows whether it is exported."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from observability.tracing.semconv import Attributes
from observability.tracing.w3c_context import TraceContext

Keep: TypeAlias = Literal["error", "slow", "escalated"]
SpanKindName: TypeAlias = Literal["internal", "client", "producer", "consumer"]
LazyAttributes: TypeAlias = Attributes | Callable[[], Attributes] | None


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """One thing that a hop did. Times are Unix nanoseconds."""

    name: str
    start_ns: int
    end_ns: int
    attributes: LazyAttributes = None
    """Pass a function where building them costs: it is called at export only."""
    error: str | None = None
    kind: SpanKindName = "internal"
    events: tuple[tuple[str, int], ...] = ()
    links: tuple[TraceContext, ...] = ()
    parent_id: int = 0
    """The step that this one is a part of; 0: the hop itself."""
    span_id: int = 0
    """0: any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueWait:
    """How long a record lay in `queue`: from its Kafka timestamp until now, Unix milliseconds.

    submitted_ms: when the client sent the request, if the record says so.
    """

    queue: str
    since_ms: float
    submitted_ms: float | None = None
    attributes: LazyAttributes = None
