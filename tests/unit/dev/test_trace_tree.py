import time
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from dev.trace_reading import from_jaeger, from_otlp
from dev.trace_tree import SeenSpan, children_of, show
from observability.tracing.tracer import Tracer, TracingSettings
from tests.seen_spans import SeenSpans

MS = 1_000_000


def span(name: str, parent: str | None, start: int, end: int, **more: Any) -> SeenSpan:  # noqa: ANN401
    return SeenSpan(name, parent, name, "svc", start * MS, end * MS, **more)


TRACE = [
    span("serve", "route", 40, 100, attributes={"switchgear.cache.result": "miss"}),
    span("client", None, 0, 100),
    span("chat", "serve", 50, 90, events=("first token",), attributes={"error.type": "TimedOut"}),
    span("route", "client", 10, 20),
    span("queue", "route", 20, 40),
]


def test_a_trace_is_a_tree_in_the_order_of_time() -> None:
    lines = show(TRACE).splitlines()
    width = len("      └─ chat")
    assert [line[:width].rstrip() for line in lines] == [
        "client",
        "└─ route",
        "   ├─ queue",
        "   └─ serve",
        "      └─ chat",
    ]
    assert "type=TimedOut" in lines[4]
    assert "(first token)" in lines[4]
    assert "100.00 ms" in lines[0]
    assert "result=miss" in lines[3]


def test_bars_lie_where_the_time_went() -> None:
    whole, part = show([TRACE[1], TRACE[3]]).splitlines()
    assert "█" * 24 in whole
    assert " ··██·····" in part


def test_a_span_whose_parent_is_missing_is_a_root() -> None:
    orphan = span("orphan", "never-exported", 0, 1)
    assert children_of([*TRACE, orphan], None) == [orphan, TRACE[1]]


def test_nothing_is_shown_as_nothing() -> None:
    assert show([]) == "(no spans)"


def test_what_the_exporter_sends_is_read_back() -> None:
    kept = SeenSpans()
    tracer = Tracer("worker", kept, TracingSettings(sample_ratio=1))
    first = tracer.begin_trace("route", tenant="acme")
    hop = tracer.begin_trace("serve", first.headers(), links=[first.traceparent])
    with hop.span("chat", {"gen_ai.response.finish_reasons": ("stop",)}) as chat:
        chat.event("first token", 0.001)
    hop.end(error="internal_error")
    first.end()
    body = encode_spans(kept.spans).SerializeToString()
    (spans,) = from_otlp(body).values()
    by_name = {seen.name: seen for seen in spans}
    assert by_name["chat"].parent_id == by_name["serve"].span_id
    assert by_name["chat"].attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert by_name["chat"].events == ("first token",)
    assert by_name["serve"].links == (by_name["route"].span_id,)
    assert by_name["serve"].attributes["error.type"] == "internal_error"
    assert abs(by_name["serve"].end_ns - time.time_ns()) < 60e9
    assert by_name["route"].service == "worker"


def test_jaegers_answer_is_read() -> None:
    answer = {
        "data": [
            {
                "processes": {"p1": {"serviceName": "router"}},
                "spans": [
                    {
                        "spanID": "b",
                        "operationName": "decide",
                        "processID": "p1",
                        "startTime": 5,
                        "duration": 2,
                        "references": [
                            {"refType": "FOLLOWS_FROM", "spanID": "z"},
                            {"refType": "CHILD_OF", "spanID": "a"},
                        ],
                        "tags": [{"key": "switchgear.tenant", "value": "acme"}],
                        "logs": [{"fields": [{"key": "event", "value": "first token"}]}],
                    }
                ],
            }
        ]
    }
    (seen,) = from_jaeger(answer)
    assert seen == SeenSpan(
        "b", "a", "decide", "router", 5000, 7000, {"switchgear.tenant": "acme"},
        ("first token",), ("z",),
    )  # fmt: skip
    assert from_jaeger({"errors": [{"code": 404}]}) == []
