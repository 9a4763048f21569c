"""Planted keys are nowhere, planted prompts and answers only where they belong."""

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import structlog
from aiohttp import ClientSession
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest

from observability.grounding.groundedness import FLAGGED_SHARE
from observability.logs import logger, start_logging
from observability.metrics.registry import MetricsRegistry
from observability.metrics.usage_metrics import UsageMetrics
from observability.tracing.tracer import TracingSettings
from producers import client as client_module
from producers.contract import Done, Failed, topics
from runtime.config.catalog import Catalog
from tests.fakes import ScriptedProvider
from tests.flow.parrot import parrot
from tests.flow.stage import Stage, ask, catalog, playing
from tests.seen_spans import SeenSpans
from workers.calling.config_snapshot import ConfigSnapshot
from workers.planning.request_state import PlanRules
from workers.providers.base.call_outcome import CallOutcome
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit
from workers.providers.registry import connect_providers

KEYS = {
    "KEY_A": "sk-planted-aaaa-0123456789",
    "KEY_B": "noform.planted.bbbb.0123456789",
    "KEY_C": "noform.planted.cccc.0123456789",
    "KEY_D": "noform.planted.dddd.0123456789",
}
PROMPT = "Zyxwian planted question"
ANSWER = "Zyxwian planted answer"
CALLERS_KEY = "sk-callers-own-0123456789"
"""In a prompt: the caller's affair, but no span, log or metric repeats it."""
OF_THE_CALLER = (topics.REQUESTS, "llm.tier.", "llm.retry.", topics.DEAD_LETTERS, topics.REPLIES)
"""Topics whose values may hold what the caller said, or is told."""


@dataclass
class Heard:
    """All that a process lets out."""

    stage: Stage
    client_spans: InMemorySpanExporter
    log: io.StringIO
    metrics: MetricsRegistry

    def telemetry(self) -> dict[str, str]:
        """What operators and their tools see."""
        seen = SeenSpans(list(self.client_spans.get_finished_spans()))
        return {
            "spans": self.stage.seen.text(),
            "the client's spans": seen.text(),
            "log": self.log.getvalue(),
            "metrics": generate_latest(self.metrics.registry).decode(),
        }

    def records(self) -> Iterator[tuple[str, str, str]]:
        """Topic, headers and value of everything that was ever written."""
        for topic in self.stage.broker.topics():
            for record in self.stage.broker.written(topic):
                headers = " ".join(f"{name}={value!r}" for name, value in record.headers)
                yield topic, f"{headers} {record.key!r}", record.value.decode()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The log of a process at its most talkative."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    out = io.StringIO()
    start_logging("DEBUG", out=out)
    yield out
    structlog.reset_defaults()
    root.handlers[:], level = before
    root.setLevel(level)


@pytest.fixture
def client_spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What a backend service that traces exports of the client's."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(client_module, "_tracer", provider.get_tracer("client"))
    return exporter


async def _breaks(call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
    raise RuntimeError(f"{KEYS['KEY_B']} {call.body.messages}")


def planted(address: str) -> Catalog:
    """Economy fails in two dialects, standard answers, odd rejects, broken breaks."""

    def place(model: str, status: int, key: str, **more: str) -> dict[str, str]:
        url = f"{address}/{status}/v1"
        named = {"model": model, "provider": "openai", "zone": "us", "base_url": url}
        return {**named, "api_key_env": key, **more}

    usual = catalog().model_dump()
    return catalog(
        deployments={
            "eco-a": place("small", 500, "KEY_A"),
            "eco-b": place("small", 401, "KEY_B", provider="anthropic", dialect="anthropic"),
            "std": place("medium", 200, "KEY_C"),
            "odd": place("nobody-knows", 400, "KEY_D"),
            "broken": place("nobody-knows", 400, "KEY_D"),
        },
        tiers={**usual["tiers"], "broken": {"deployments": ["broken"]}},
    )


@asynccontextmanager
async def listening(
    log: io.StringIO, client_spans: InMemorySpanExporter, *, content: bool
) -> AsyncIterator[Heard]:
    """The whole flow against the parrot, with everything that it lets out."""
    metrics = MetricsRegistry()
    async with parrot(ANSWER) as address, ClientSession() as session:
        chosen = planted(address)
        async with playing(
            catalog=chosen,
            tracing=TracingSettings(sample_ratio=1, content=content),
            reporter=UsageMetrics(metrics, logger(role="workers"), flagged_share=FLAGGED_SHARE),
            rules=PlanRules(hedge=False, backoff_s=0.01),
            metrics=metrics,
        ) as stage:
            providers = connect_providers(chosen, session, KEYS)
            providers["broken"] = ScriptedProvider([], _breaks)
            stage.snapshot = ConfigSnapshot(chosen, providers)
            yield Heard(stage, client_spans, log, metrics)


async def everything(stage: Stage) -> None:
    """Every way that a request can go."""
    asked = ask(f"{PROMPT} {CALLERS_KEY}")
    rerouted = await stage.client.submit(asked)
    assert isinstance(rerouted, Done)
    assert rerouted.route.tier == "standard"
    await stage.broker.until(lambda: bool(stage.answers.kept))
    hit = await stage.client.submit(ask(f"{PROMPT} {CALLERS_KEY}"))
    assert isinstance(hit, Done)
    assert hit.cache.result == "hit"
    streamed = ask(f"{PROMPT} streamed {CALLERS_KEY}", model="standard", stream=True)
    parts = [part async for part in stage.client.stream(streamed)]
    assert len(parts) > 1
    assert isinstance(parts[-1], Done)
    for model, code in (("odd", "provider_rejected"), ("broken", "internal_error")):
        failed = await stage.client.submit(ask(f"{PROMPT} {model} {CALLERS_KEY}", model=model))
        assert isinstance(failed, Failed)
        assert failed.code == code
    raw = json.dumps({"id": "r1", "tenant": "t", "body": {"messages": f"{PROMPT} {CALLERS_KEY}"}})
    await stage.send(raw.encode(), correlation_id="r1")
    good = json.dumps(
        {"id": "r2", "tenant": "t", "body": {"messages": [{"role": "user", "content": PROMPT}]}}
    )
    await stage.send(good.encode(), correlation_id="r2", reply_to="not.allowed")
    await stage.broker.has(topics.DEAD_LETTERS, 3)
    await stage.broker.until(lambda: len(stage.seen.all("serve ")) >= 6)


@pytest.mark.parametrize("content", [False, True])
async def test_no_key_is_anywhere(
    log: io.StringIO, client_spans: InMemorySpanExporter, *, content: bool
) -> None:
    async with listening(log, client_spans, content=content) as heard:
        await everything(heard.stage)
        told = heard.telemetry()
        told |= {f"{t} {n}": f"{h} {v}" for n, (t, h, v) in enumerate(heard.records())}
    for key in KEYS.values():
        for where, text in told.items():
            # not even a part long enough to be of use
            assert key[:18] not in text, where
            assert key[-12:] not in text, where


async def test_prompts_and_answers_are_only_where_they_belong(
    log: io.StringIO, client_spans: InMemorySpanExporter
) -> None:
    async with listening(log, client_spans, content=False) as heard:
        await everything(heard.stage)
        for where, text in heard.telemetry().items():
            for planted_text in (PROMPT, ANSWER, CALLERS_KEY, "Zyxwian"):
                assert planted_text not in text, where
            assert text, where
        seen_in_replies = set()
        for topic, headers, value in heard.records():
            for planted_text in (PROMPT, ANSWER, CALLERS_KEY):
                assert planted_text not in headers, topic
                if not topic.startswith(OF_THE_CALLER):
                    assert planted_text not in value, topic
            if ANSWER in value:
                seen_in_replies.add(topic)
        assert seen_in_replies == {topics.REPLIES}


async def test_with_content_on_the_spans_show_it_but_no_key_of_the_caller(
    log: io.StringIO, client_spans: InMemorySpanExporter
) -> None:
    async with listening(log, client_spans, content=True) as heard:
        await everything(heard.stage)
        spans = heard.stage.seen.text()
        assert PROMPT in spans
        assert ANSWER in spans
        assert CALLERS_KEY not in spans
        assert PROMPT not in heard.telemetry()["metrics"]
