import time
from functools import partial
from weakref import ref

import pytest

from observability.tracing.request_trace import MAX_STEPS
from observability.tracing.tracer import (
    QueueWait,
    RequestTrace,
    SpanRecord,
    Tracer,
    TracingSettings,
    tracing,
)
from tests.seen_spans import SeenSpans


def tracer_of(kept: SeenSpans, ratio: float = 1.0, per_s: int = 20) -> Tracer:
    return Tracer("test", kept, TracingSettings(sample_ratio=ratio, kept_per_s=per_s))


def waited() -> QueueWait:
    now_ms = time.time() * 1000
    return QueueWait(queue="llm.tier.economy", since_ms=now_ms - 50, submitted_ms=now_ms - 100)


def work(hop: RequestTrace) -> None:
    with hop.span("cache lookup") as lookup, lookup.span("exact"):
        pass
    now = time.time_ns()
    hop.add(
        SpanRecord("chat m", now, now + 5, lambda: {"a": 1}, events=(("first token", now + 2),))
    )


def test_one_trace_over_two_hops_with_the_queue_as_its_own_span() -> None:
    kept = SeenSpans()
    router = tracer_of(kept).begin_trace("route", tenant="acme")
    worker = tracer_of(kept).begin_trace("serve", router.headers(), waited=waited())
    work(worker)
    worker.end()
    router.end()
    assert kept.tree() == {
        "route": None,
        "queue llm.tier.economy": "route",
        "serve": "route",
        "cache lookup": "serve",
        "exact": "cache lookup",
        "chat m": "serve",
    }
    assert len({span.context.trace_id for span in kept.spans if span.context}) == 1
    wait = kept.named("queue llm.tier.economy")
    assert wait.start_time is not None
    assert wait.end_time is not None
    assert wait.end_time - wait.start_time >= 49e6


def test_the_tenant_travels_as_baggage_and_is_on_every_span() -> None:
    kept = SeenSpans()
    router = tracer_of(kept).begin_trace("route", tenant="acme")
    worker = tracer_of(kept).begin_trace("serve", router.headers())
    assert worker.tenant == "acme"
    work(worker)
    worker.end()
    assert {(s.attributes or {}).get("switchgear.tenant") for s in kept.spans} == {"acme"}


def test_an_unsampled_request_that_ends_well_exports_nothing_and_builds_nothing() -> None:
    kept = SeenSpans()
    hop = tracer_of(kept, ratio=0).begin_trace("serve")

    def never() -> dict[str, str]:
        pytest.fail("attributes were built for nothing")

    now = time.time_ns()
    hop.add(SpanRecord("chat m", now, now, never))
    hop.end(never)
    assert kept.spans == []


def test_an_unsampled_request_that_fails_is_kept_as_one_connected_tree() -> None:
    kept = SeenSpans()
    tracer = tracer_of(kept, ratio=0)
    router = tracer.begin_trace("route", tenant="acme")
    router.end()
    worker = tracer.begin_trace("serve", router.headers(), waited=waited())
    work(worker)
    worker.end(error="providers_exhausted")
    tree = kept.tree()
    assert tree["earlier hops (unsampled)"] is None
    assert tree["serve"] == "earlier hops (unsampled)"
    assert tree["queue llm.tier.economy"] == "earlier hops (unsampled)"
    serve = kept.named("serve")
    assert serve.attributes is not None
    assert serve.attributes["switchgear.trace.kept"] == "error"
    assert serve.attributes["error.type"] == "providers_exhausted"
    assert not serve.status.is_ok


def test_a_slow_request_is_kept() -> None:
    kept = SeenSpans()
    hop = Tracer("t", kept, TracingSettings(sample_ratio=0, slow_ms=80)).begin_trace(
        "serve", waited=waited()
    )
    hop.end()
    assert (kept.named("serve").attributes or {})["switchgear.trace.kept"] == "slow"


def test_after_an_escalation_the_next_hop_records_too() -> None:
    kept = SeenSpans()
    tracer = tracer_of(kept, ratio=0)
    first = tracer.begin_trace("serve economy")
    first.force_sampling("escalated")
    second = tracer.begin_trace("serve standard", first.headers(), links=[first.traceparent])
    second.end()
    first.end()
    assert kept.tree() == {"serve economy": None, "serve standard": "serve economy"}
    (link,) = kept.named("serve standard").links
    assert link.context.span_id == first.context.span_id


def test_in_an_outage_only_so_many_traces_a_second_are_kept() -> None:
    kept = SeenSpans()
    tracer = tracer_of(kept, ratio=0, per_s=3)
    for _ in range(100):
        tracer.begin_trace("serve").end(error="overloaded")
    assert 3 <= len(kept.spans) <= 6  # two seconds, if the clock turned


def test_an_exception_marks_its_step() -> None:
    kept = SeenSpans()
    hop = tracer_of(kept).begin_trace("serve")
    with pytest.raises(KeyError), hop.span("validate"):
        raise KeyError
    hop.end()
    assert (kept.named("validate").attributes or {})["error.type"] == "KeyError"


def test_a_clock_behind_the_producers_makes_no_negative_wait() -> None:
    kept = SeenSpans()
    ahead = QueueWait(queue="q", since_ms=time.time() * 1000 + 60_000)
    tracer_of(kept).begin_trace("serve", waited=ahead).end()
    wait = kept.named("queue q")
    assert wait.start_time == wait.end_time


def test_steps_are_bounded() -> None:
    kept = SeenSpans()
    hop = tracer_of(kept).begin_trace("serve")
    for _ in range(MAX_STEPS * 2):
        hop.add(SpanRecord("chunk", 0, 0))
    hop.end()
    assert len(kept.spans) == MAX_STEPS + 1


def test_a_collector_that_is_away_costs_nothing_but_spans() -> None:
    settings = TracingSettings(endpoint="http://127.0.0.1:9", sample_ratio=1)
    with tracing("test", settings) as tracer:
        hop = tracer.begin_trace("serve")
        hop.end()
    assert len(hop.trace_id) == 32


def test_without_an_endpoint_context_still_travels() -> None:
    with tracing("test", TracingSettings()) as tracer:
        first = tracer.begin_trace("route")
        second = tracer.begin_trace("serve", first.headers())
        second.end(error="internal_error")
    assert second.trace_id == first.trace_id
    assert second.forced_by is None


def test_what_a_span_cannot_say_costs_the_trace_and_not_the_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen = SeenSpans()
    hop = tracer_of(seen).begin_trace("serve")
    hop.end(lambda: {"a": 1 // 0})
    assert seen.spans == []
    assert "could not be exported" in caplog.text


def test_only_what_is_exported_may_be_an_exemplar() -> None:
    kept = SeenSpans()
    assert tracer_of(kept).begin_trace("serve").decide_export()
    assert not tracer_of(kept, ratio=0).begin_trace("serve").decide_export()
    assert tracer_of(kept, ratio=0).begin_trace("serve").decide_export("overloaded")
    nowhere = Tracer("test", None, TracingSettings(sample_ratio=1)).begin_trace("serve")
    assert nowhere.context.sampled
    assert not nowhere.decide_export("overloaded")


def test_a_hop_ends_once() -> None:
    kept = SeenSpans()
    hop = tracer_of(kept).begin_trace("serve")
    hop.end()
    hop.end(error="internal_error")
    assert len(kept.spans) == 1


class Answer:
    """What an attribute tells of."""


def told_of(answer: Answer) -> dict[str, str]:
    return {"answer": str(answer)}


def test_what_a_step_tells_of_is_free_when_its_hop_has_ended() -> None:
    hop = tracer_of(SeenSpans(), ratio=0).begin_trace("serve")
    before, after = Answer(), Answer()
    held = [ref(before), ref(after)]
    with hop.span("cache lookup", partial(told_of, before)):
        pass
    hop.end()
    with hop.span("store", partial(told_of, after)):
        pass
    del before, after
    assert [answer() for answer in held] == [None, None]
