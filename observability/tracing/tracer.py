"""Tracer: spans for what is exported, a few microseconds for what is not.

A hop notes its steps as plain tuples; OpenTelemetry spans are built from them only at its end, and
only if the trace was sampled at its head or the request ended badly, slowly or on another tier. So
an unsampled request costs a few microseconds, and still every error has its trace.
"""

import logging
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from observability.tracing.otel_export import build_spans
from observability.tracing.request_trace import OpenSpan, RequestTrace, TraceOrigin, new_span_id
from observability.tracing.span_record import Keep, LazyAttributes, QueueWait, SpanRecord
from observability.tracing.w3c_context import (
    CarriedContext,
    TraceContext,
    extract_context,
    in_ratio,
    parse_traceparent,
    with_tenant,
)

__all__ = [
    "Keep",
    "LazyAttributes",
    "OpenSpan",
    "QueueWait",
    "RequestTrace",
    "SpanRecord",
    "SpanSink",
    "Tracer",
    "TracingSettings",
    "tracing",
]  # fmt: skip

_log: Final = logging.getLogger(__name__)
_QUEUE: Final = 8192
_BATCH: Final = 512
_TIMEOUT_S: Final = 5
_FLUSH_EVERY_MS: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingSettings:
    """Which traces are exported, whereto, and with what in them."""

    endpoint: str | None = None
    """An OTLP/HTTP base address, e.g. `http://jaeger:4318`; None exports nothing."""
    sample_ratio: float = 0.1
    """Share of the traces begun here that are recorded whatever happens."""
    slow_ms: float = 10_000
    """From submission to the end of a hop; slower requests are kept."""
    kept_per_s: int = 20
    """At most so many unsampled traces are kept a second: in an outage all end badly."""
    content: bool = False
    """Record prompts and answers (off: they may hold personal data)."""


class SpanSink(Protocol):
    """Takes finished spans, never blocks, never raises (OpenTelemetry's span processors do so)."""

    def on_end(self, span: ReadableSpan) -> None: ...


class Tracer:
    """Begins hops. One for each process; `sink` None means that nothing is ever exported."""

    def __init__(
        self, service: str, sink: SpanSink | None, settings: TracingSettings | None = None
    ) -> None:
        self.settings = settings or TracingSettings()
        self._sink = sink
        self._resource = Resource({"service.name": service})
        self._second = 0
        self._kept = 0

    def begin_trace(
        self,
        name: str,
        headers: Iterable[tuple[str, bytes | None]] = (),
        *,
        tenant: str | None = None,
        waited: QueueWait | None = None,
        links: Iterable[str] = (),
    ) -> RequestTrace:
        """Continue the trace of `headers`, or begin one. links: traceparents of earlier tries."""
        carried = extract_context(headers)
        if tenant is not None:
            carried = CarriedContext(carried.parent, with_tenant(carried.baggage, tenant))
        earlier = tuple(context for context in map(parse_traceparent, links) if context is not None)
        return RequestTrace(
            name, self._next(carried.parent), TraceOrigin(carried, waited, earlier), self
        )

    @property
    def content(self) -> bool:
        """Whether prompts and answers are recorded."""
        return self.settings.content

    @property
    def exports(self) -> bool:
        """Whether anything ever is."""
        return self._sink is not None

    @contextmanager
    def follow_up_trace(self, hop: RequestTrace, name: str) -> Iterator[RequestTrace]:
        """What is done for a request after its reply: a hop inside the first, if it has steps."""
        further = self.begin_trace(name, hop.headers())
        try:
            yield further
        finally:
            if not further.empty:
                further.end()

    def export_reason(self, total_ms: float, error: str | None) -> Keep | None:
        """Why an unsampled request that ended like this is exported, if it is."""
        if self._sink is None:
            return None
        if error is not None:
            return "error"
        return "slow" if total_ms > self.settings.slow_ms else None

    def has_quota(self) -> bool:
        """Whether one more unsampled trace fits into this second."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._kept = second, 0
        self._kept += 1
        return self._kept <= self.settings.kept_per_s

    def export(
        self,
        steps: Sequence[SpanRecord],
        context: TraceContext,
        tenant: str | None,
        kept: Keep | None,
    ) -> None:
        """Hand the steps to the sink as spans. Never raises: a trace must not cost a request."""
        if self._sink is None:
            return
        try:
            for span in build_spans(steps, context, tenant, kept, self._resource):
                self._sink.on_end(span)
        except Exception as error:  # noqa: BLE001 - whatever an attribute's builder does
            # its text may quote a prompt
            _log.error("a trace could not be exported: %s", type(error).__name__)

    def _next(self, parent: TraceContext | None) -> TraceContext:
        if parent is not None:
            return TraceContext(parent.trace_id, new_span_id(), parent.sampled, parent.tracestate)
        trace_id = random.getrandbits(128) or 1
        return TraceContext(trace_id, new_span_id(), in_ratio(trace_id, self.settings.sample_ratio))


@contextmanager
def tracing(service: str, settings: TracingSettings) -> Iterator[Tracer]:
    """The process's tracer; leaving flushes what is queued, for some seconds at most.

    A collector that is slow, wrong or away costs spans, never a request: the queue is bounded, and
    what doesn't fit is dropped with a warning.
    """
    if settings.endpoint is None:
        yield Tracer(service, None, settings)
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - megabytes
        OTLPSpanExporter,
    )

    address = f"{settings.endpoint.rstrip('/')}/v1/traces"
    batches = BatchSpanProcessor(
        OTLPSpanExporter(endpoint=address, timeout=_TIMEOUT_S),
        max_queue_size=_QUEUE,
        max_export_batch_size=_BATCH,
        schedule_delay_millis=_FLUSH_EVERY_MS,
    )
    try:
        yield Tracer(service, batches, settings)
    finally:
        batches.shutdown()  # type: ignore[no-untyped-call]
