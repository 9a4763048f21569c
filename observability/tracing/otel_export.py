"""OpenTelemetry spans built from the span records of a hop."""

from collections.abc import Iterator, Sequence
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from observability.tracing import semconv
from observability.tracing.request_trace import new_span_id
from observability.tracing.span_record import Keep, SpanKindName, SpanRecord
from observability.tracing.w3c_context import TraceContext

_SCOPE: Final = InstrumentationScope("switchgear")
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_UNSET: Final = Status(StatusCode.UNSET)
_KINDS: Final[dict[SpanKindName, SpanKind]] = {
    "internal": SpanKind.INTERNAL,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


def build_spans(
    steps: Sequence[SpanRecord],
    context: TraceContext,
    tenant: str | None,
    kept: Keep | None,
    resource: Resource,
) -> Iterator[ReadableSpan]:
    """One finished span for each step, all marked as sampled; `kept` says why if they weren't."""
    common = semconv.without_none({semconv.TENANT_ATTRIBUTE: tenant, semconv.KEPT: kept})
    for step in steps:
        yield _span(step, context, common, resource)


def _span(
    step: SpanRecord,
    context: TraceContext,
    common: semconv.Attributes,
    resource: Resource,
) -> ReadableSpan:
    own = step.attributes() if callable(step.attributes) else step.attributes or {}
    failed = {} if step.error is None else {semconv.ERROR_TYPE: step.error}
    return ReadableSpan(
        step.name,
        _span_context(context, step.span_id or new_span_id()),
        _span_context(context, step.parent_id) if step.parent_id else None,
        resource,
        {**common, **failed, **own},
        [Event(name, {}, timestamp=at_ns) for name, at_ns in step.events],
        [Link(_span_context(linked, linked.span_id)) for linked in step.links],
        _KINDS[step.kind],
        status=_UNSET if step.error is None else Status(StatusCode.ERROR, step.error),
        start_time=step.start_ns,
        end_time=max(step.end_ns, step.start_ns),
        instrumentation_scope=_SCOPE,
    )


def _span_context(context: TraceContext, span_id: int) -> SpanContext:
    state = TraceState.from_header([context.tracestate]) if context.tracestate else None
    return SpanContext(
        context.trace_id, span_id, is_remote=False, trace_flags=_SAMPLED, trace_state=state
    )
