"""A real trace store, asked for the trace of a reply, shows every hop."""

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext

from cache.lookup import FLIGHT
from dev.jaeger import Jaeger, jaeger
from dev.trace_reading import from_jaeger
from dev.trace_tree import SeenSpan, children_of, show
from producers import ClientSettings, Done, Failed, Request, RouterClient, chat
from tests.integration.fleet_processes import FleetProcesses, fleet_processes
from tests.waiting import blocking_until

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.redis,
    pytest.mark.jaeger,
    pytest.mark.usefixtures("fleet"),
    pytest.mark.timeout(900),  # the first run builds Jaeger
]


@pytest.fixture(scope="module")
def trace_store(scratch: Path) -> Iterator[Jaeger]:
    server = jaeger(scratch)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def fleet(
    request: pytest.FixtureRequest, kafka: str, redis_url: str, trace_store: Jaeger, tmp_path: Path
) -> Iterator[FleetProcesses]:
    """A parameter adds to the environment."""
    settings = {
        "SWITCHGEAR_KAFKA": kafka,
        "SWITCHGEAR_REDIS": redis_url,
        "SWITCHGEAR_OTLP": trace_store.otlp,
        "SWITCHGEAR_TRACE_RATIO": "0",
        "SWITCHGEAR_TRACE_SLOW_S": "600",
        **getattr(request, "param", {}),
    }
    with fleet_processes(tmp_path, settings, "premium") as running:
        yield running


@pytest.fixture(scope="module")
def backend(trace_store: Jaeger) -> Iterator[TracerProvider]:
    """The tracing of a backend service whose own collector is the same store."""
    provider = TracerProvider(resource=Resource({"service.name": "backend"}))
    exporter = OTLPSpanExporter(endpoint=f"{trace_store.otlp}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    yield provider
    provider.shutdown()


async def ask(kafka: str, request: Request) -> Done | Failed:
    async with RouterClient.connect(ClientSettings(kafka=kafka, timeout_s=60)) as client:
        return await client.submit(request)


def trace_of(store: Jaeger, trace_id: str | None, *names: str) -> list[SeenSpan]:
    """The trace, once the store has spans of all these names; children by start."""
    assert trace_id is not None
    spans: list[SeenSpan] = []

    def complete() -> bool:
        spans[:] = from_jaeger(store.fetch(trace_id))
        return {span.name for span in spans} >= set(names)

    blocking_until(complete, within_s=30, pause_s=0.1, unmet=lambda: f"\n{show(spans)}")
    return spans


def shape(spans: list[SeenSpan], parent: SeenSpan | None = None) -> dict[str, Any]:
    """Names inside names."""
    return {span.name: shape(spans, span) for span in children_of(spans, parent)}


def named(spans: list[SeenSpan], name: str) -> SeenSpan:
    return next(span for span in spans if span.name == name)


async def test_the_store_shows_every_hop_of_a_sampled_request(
    kafka: str, trace_store: Jaeger, backend: TracerProvider
) -> None:
    # declared: a fleet's first question may come before the second look's model, and isn't embedded
    everyone = {"cache": {"about": "everyone"}}
    request = chat("What is a partition?", tenant="acme", model="premium", routing=everyone)
    with backend.get_tracer("backend").start_as_current_span("handle a ticket"):
        reply = await ask(kafka, request)
    assert isinstance(reply, Done), reply
    spans = trace_of(trace_store, reply.trace_id, "handle a ticket", "route", "serve premium")
    chat_name = f"chat {reply.route.deployment}"
    assert shape(spans) == {
        "handle a ticket": {
            "llm.request": {
                "queue llm.requests": {},
                "route": {
                    "decide": {},
                    "queue llm.tier.premium": {},
                    "serve premium": {
                        "cache lookup": {"read": {}, "embed": {}, "search": {}, FLIGHT: {}},
                        chat_name: {},
                        "reply": {},
                    },
                },
            }
        }
    }
    served, called = named(spans, "serve premium"), named(spans, chat_name)
    assert called.attributes["gen_ai.usage.output_tokens"] == reply.usage.output
    assert called.events == ("first token",)
    assert served.attributes["gen_ai.response.model"] == reply.route.model
    assert {span.attributes.get("switchgear.tenant") for span in spans} == {None, "acme"}
    assert "What is a partition" not in str(spans)
    queued = named(spans, "queue llm.requests")
    assert queued.end_ns <= named(spans, "route").start_ns + 1_000_000


@pytest.mark.parametrize("fleet", [{"SWITCHGEAR_TRACE_CONTENT": "true"}], indirect=True)
async def test_the_store_shows_prompt_and_answer_where_the_operator_wants_them(
    kafka: str, trace_store: Jaeger, backend: TracerProvider
) -> None:
    with backend.get_tracer("backend").start_as_current_span("handle a ticket"):
        reply = await ask(kafka, chat("What is a consumer?", tenant="acme", model="premium"))
    assert isinstance(reply, Done), reply
    spans = trace_of(trace_store, reply.trace_id, "serve premium")
    called = named(spans, f"chat {reply.route.deployment}")
    (asked,) = json.loads(str(called.attributes["gen_ai.input.messages"]))
    assert asked["parts"] == [{"type": "text", "content": "What is a consumer?"}]
    (told,) = json.loads(str(called.attributes["gen_ai.output.messages"]))
    answer = reply.body["choices"][0]["message"]["content"]
    assert told["parts"] == [{"type": "text", "content": answer}]


@contextmanager
def unsampled_caller() -> Iterator[None]:
    """A backend service whose own head sampling left this trace out."""
    context = SpanContext(random.getrandbits(128), random.getrandbits(64), is_remote=False)
    with trace.use_span(NonRecordingSpan(context)):
        yield


async def test_an_unsampled_request_that_fails_is_kept_and_a_good_one_is_not(
    kafka: str, trace_store: Jaeger, fleet: FleetProcesses
) -> None:
    with unsampled_caller():
        good = await ask(kafka, chat("Say hello", tenant="acme", model="premium"))
    await asyncio.to_thread(fleet.simulator.control, faults={"bad_credentials": 1.0})
    with unsampled_caller():
        bad = await ask(kafka, chat("Say good bye", tenant="acme", model="premium"))
    assert isinstance(bad, Failed), bad
    spans = trace_of(trace_store, bad.trace_id, "serve premium")
    served = named(spans, "serve premium")
    assert served.attributes["error.type"] == bad.code
    assert served.attributes["switchgear.trace.kept"] == "error"
    failed = [span for span in spans if span.name.startswith("chat ")]
    # attempts follow one another within a millisecond: the store's order of them isn't theirs
    assert sorted(span.attributes["http.response.status_code"] for span in failed) == sorted(
        attempt.status or 0 for attempt in bad.attempts
    )
    assert list(shape(spans)) == ["earlier hops (unsampled)"]
    assert good.trace_id is not None
    assert from_jaeger(trace_store.fetch(good.trace_id)) == []
