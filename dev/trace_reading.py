"""How are spans read back, from a trace store's answer or from what an exporter sends?"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from dev.trace_tree import SeenSpan


def from_jaeger(answer: Mapping[str, Any]) -> list[SeenSpan]:
    """The spans of Jaeger's `/api/traces/{id}`; none if it doesn't know the trace."""
    return [
        _jaeger_span(span, trace["processes"][span["processID"]]["serviceName"])
        for trace in answer.get("data") or ()
        for span in trace["spans"]
    ]


def from_otlp(body: bytes) -> dict[str, list[SeenSpan]]:
    """The spans of one OTLP/HTTP export (uncompressed protobuf), by trace id."""
    found: dict[str, list[SeenSpan]] = {}
    for trace_id, span in _otlp_spans(ExportTraceServiceRequest.FromString(body)):
        found.setdefault(trace_id, []).append(span)
    return found


def _jaeger_span(span: Mapping[str, Any], service: str) -> SeenSpan:
    references = span["references"]
    start_ns = span["startTime"] * 1000
    return SeenSpan(
        span["spanID"],
        next((r["spanID"] for r in references if r["refType"] == "CHILD_OF"), None),
        span["operationName"],
        service,
        start_ns,
        start_ns + span["duration"] * 1000,
        {tag["key"]: tag["value"] for tag in span["tags"]},
        tuple(_jaeger_event(log) for log in span["logs"]),
        tuple(r["spanID"] for r in references if r["refType"] == "FOLLOWS_FROM"),
    )


def _jaeger_event(log: Mapping[str, Any]) -> str:
    return next((str(f["value"]) for f in log["fields"] if f["key"] == "event"), json.dumps(log))


def _otlp_spans(request: ExportTraceServiceRequest) -> Iterator[tuple[str, SeenSpan]]:
    for resource in request.resource_spans:
        service = str(_attributes(resource.resource.attributes).get("service.name", "?"))
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield span.trace_id.hex(), _otlp_span(span, service)


def _otlp_span(span: Span, service: str) -> SeenSpan:
    return SeenSpan(
        span.span_id.hex(),
        span.parent_span_id.hex() or None,
        span.name,
        service,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _attributes(span.attributes),
        tuple(event.name for event in span.events),
        tuple(link.span_id.hex() for link in span.links),
    )


def _attributes(pairs: Sequence[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return None if kind is None else getattr(value, kind)
