"""`make demo`: real prompts through all of Switchgear, what they cost, and one trace.

Exit status 0 only if no request was lost. DEMO_BROKER=kafka takes Apache Kafka in place of the
embedded broker, DEMO_MODEL=local a real small model in place of the simulated ones.
"""

import asyncio
import contextlib
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import uvloop
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from rich.console import Console
from rich.progress import Progress

from dev.broker import NoKafkaError
from dev.demo_report import summary, table
from dev.demo_traffic import Answer, Seen, local_traffic, send_all, traffic, warm_up
from dev.processes import StartFailedError, free_port
from dev.simulator.process import Running
from dev.span_collector import SpanCollector, collecting
from dev.stack import ROOT, Choice, Ports, Stack, settings_of, stack, stop_on_signals
from dev.trace_tree import SeenSpan, show
from producers import ClientSettings, RouterClient
from producers.contract import Done, Request
from producers.contract.topics import REPLIES
from producers.kafka.aiokafka_broker import KafkaBroker

FOLDER: Final = ROOT / "var" / "demo"
RESULT: Final = ROOT / "var" / "demo.json"
CONDUCT: Final[tuple[dict[str, Any], ...]] = (
    {"latency_ms": 150, "first_token_ms": 50, "tokens_per_s": 800, "jitter": 0.5},
    {"target": "claude-opus-4-6", "latency_ms": 400, "first_token_ms": 120},
    # so that the fallback to the tier's next deployment can be seen
    {"target": "gpt-4o-mini", "faults": {"rate_limited": 0.05}},
)
_SIMULATED: Final = "Answers by simulated providers, at the real providers' prices"
_REAL: Final = "Answers by SmolLM2-135M under llama.cpp on this machine"
_SERVICES: Final = 3  # client, router and workers, in a whole trace
_TRACE_WITHIN_S: Final = 8


def main() -> int:
    """Runs the demo."""
    stop_on_signals()
    # a client library that says how it waits for a topic's leader is no news here
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = Console()
    shutil.rmtree(FOLDER, ignore_errors=True)
    kafka = os.environ.get("DEMO_BROKER") == "kafka"
    local = os.environ.get("DEMO_MODEL") == "local"
    ports, otlp = Ports(simulator=free_port()), free_port()
    settings = {"SWITCHGEAR_OTLP": f"http://127.0.0.1:{otlp}", "SWITCHGEAR_TRACE_RATIO": "1"}
    begun = time.monotonic()
    try:
        with stack(FOLDER, ports, settings, Choice(kafka=kafka, local=local)) as running:
            if not local:
                _conduct(f"http://127.0.0.1:{ports.simulator}")
            figures = uvloop.run(_demo(running, console, otlp, local=local))
    except (StartFailedError, NoKafkaError) as error:
        console.print(f"[red]make demo: {error}")
        return 1
    except KeyboardInterrupt:
        console.print("stopped")
        return 130
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    console.print(f"{time.monotonic() - begun:.0f} s; figures in {RESULT.relative_to(ROOT)}")
    return 1 if figures["lost"] else 0


def _conduct(address: str) -> None:
    for told in CONDUCT:
        Running(address).control(**told)


async def _demo(running: Stack, console: Console, otlp_port: int, *, local: bool) -> dict[str, Any]:
    settings = ClientSettings.model_validate(settings_of(running.environment))
    async with contextlib.AsyncExitStack() as parts:
        collector = await parts.enter_async_context(collecting(otlp_port))
        await parts.enter_async_context(_traced_client(collector.endpoint))
        seen = Seen()
        broker = await parts.enter_async_context(KafkaBroker(settings, "demo-observer"))
        await parts.enter_async_context(broker.tail(REPLIES, seen.receive))
        client = await parts.enter_async_context(RouterClient.connect(settings))
        requests = list(local_traffic() if local else traffic())
        answers = await _ask_all(client, requests, running.tiers, console)
        spans = await _one_trace(collector, answers)
        running.check()
    if local:
        _show_answers(console, answers)
    title = _REAL if local else _SIMULATED
    console.print(table(answers, title))
    console.print("One request's trace:")
    console.print(show(spans), markup=False, highlight=False, soft_wrap=True)
    return summary(answers, len(requests), seen.finals) | {"trace_spans": len(spans)}


@contextlib.asynccontextmanager
async def _traced_client(endpoint: str) -> AsyncIterator[None]:
    """What a backend service does to have the client's spans in its traces."""
    provider = TracerProvider(resource=Resource.create({"service.name": "switchgear-client"}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        await asyncio.to_thread(provider.shutdown)  # the collector it writes to is in this loop


async def _ask_all(
    client: RouterClient, requests: list[Request], tiers: tuple[str, ...], console: Console
) -> list[Answer]:
    with console.status("waiting for the router and the pools"):
        await warm_up(client, tiers)
    with Progress(console=console) as progress:
        task = progress.add_task(f"{len(requests)} requests", total=len(requests))
        return await send_all(client, requests, lambda: progress.advance(task))


async def _one_trace(collector: SpanCollector, answers: list[Answer]) -> list[SeenSpan]:
    """The trace of the answer that took the most provider calls."""
    called = [answer.reply for answer in answers if isinstance(answer.reply, Done)]
    chosen = max(called, key=lambda done: len(done.route.attempts))
    return await collector.trace(chosen.trace_id or "", _SERVICES, _TRACE_WITHIN_S)


def _show_answers(console: Console, answers: list[Answer]) -> None:
    """What the small model really said: it is no great mind, but nothing of it is made up by us."""
    for answer in answers[:3]:
        asked = str(answer.request.body.messages[-1]["content"])
        said = answer.reply.body if isinstance(answer.reply, Done) else {}
        text = said["choices"][0]["message"]["content"] if said else answer.reply
        console.print(f"> {asked}\n{str(text).strip()}\n", markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
