"""Service process: the stop signal, log, metrics, broker and tracer that each one has."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from observability.health import ProcessHealth
from observability.kafka_wait import once_reachable
from observability.logs import start_logging
from observability.metrics.registry import MetricsRegistry
from observability.process_endpoint import process_endpoint
from observability.topic_wait import topics_exist
from observability.tracing.tracer import Tracer, TracingSettings, tracing
from producers.contract import topics
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing
from runtime.identity.record_signature import RecordSigner
from runtime.process import dead_letters
from runtime.process.background_tasks import BackgroundTasks, RestartRules
from runtime.process.control_topics import ControlTopics
from runtime.process.loop_delay import measure_loop_delay
from runtime.process.retrying_publisher import RetryingPublisher
from runtime.process.settings import ServiceSettings
from runtime.process.signing_publisher import SigningPublisher

_PROBE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """The parts that router and workers have in common, open until the context is left."""

    settings: ServiceSettings
    broker: KafkaBroker
    publisher: RetryingPublisher
    tracer: Tracer
    metrics: MetricsRegistry
    stop: asyncio.Event
    control: ControlTopics
    """Declared by the process, which then enters its context."""
    background: BackgroundTasks
    signer: RecordSigner | None
    """Of what this process writes for others of ours; None without a key."""
    health: ProcessHealth
    """Says `starting` until the process calls `started`."""

    async def topics_exist(self, *wanted: str) -> bool:
        """True once these are there; False: it is to stop before that. See `topic_wait`."""
        return await topics_exist(self.settings, wanted, self.health, self.stop)


@asynccontextmanager
async def service_process(settings: ServiceSettings, name: str) -> AsyncIterator[ServiceProcess]:
    """name: as traces and logs show the process, e.g. `switchgear-router`.

    Entered once Kafka answers. Raises SystemExit when the process is told to stop before.
    """
    collect_garbage_less_often()
    start_logging(settings.log_level, content=settings.trace_content)
    metrics, health, stop = MetricsRegistry(), ProcessHealth(), _stop_on_signals()
    health.add(lambda: "stopping" if stop.is_set() else None)
    background = BackgroundTasks(
        stop, partial(_count_background_failure, metrics), RestartRules(), health
    )
    async with AsyncExitStack() as parts:
        if settings.metrics_port is not None:
            parts.enter_context(process_endpoint(metrics, settings.metrics_port, health=health))
            parts.enter_context(background.running("heartbeat", health.beat))
            delay = partial(measure_loop_delay, metrics)
            parts.enter_context(background.running("loop delay", delay))
        if settings.otlp_metrics is not None:
            from observability.metrics.otlp_push import push_metrics  # noqa: PLC0415 - megabytes

            parts.enter_context(push_metrics(metrics, name, settings.otlp_metrics))
        tracer = parts.enter_context(tracing(name, tracing_of(settings)))
        connect = partial(_connected, parts, settings, name)
        broker = await once_reachable(connect, health, stop)
        if broker is None:
            raise SystemExit(0)  # it was told to stop before there was anything to do
        signer = signer_of(settings)
        if settings.metrics_port is not None:
            probe = partial(_probe_queue, broker.reachable, health)
            parts.enter_context(background.running("queue probe of health", probe))
        publisher = broker if signer is None else SigningPublisher(broker, signer)
        yield ServiceProcess(
            settings,
            broker,
            RetryingPublisher(publisher, partial(_count_dead_letters, metrics)),
            tracer,
            metrics,
            stop,
            ControlTopics(settings, name, partial(_count_skipped, metrics)),
            background,
            signer,
            health,
        )


async def _connected(parts: AsyncExitStack, settings: ServiceSettings, name: str) -> KafkaBroker:
    return await parts.enter_async_context(KafkaBroker(settings, name))


async def _probe_queue(ask: Callable[[], Awaitable[bool]], health: ProcessHealth) -> None:
    while True:
        health.report("queue", None if await ask() else "Kafka doesn't answer")
        await asyncio.sleep(_PROBE_S)


def signer_of(settings: ServiceSettings) -> RecordSigner | None:
    """Raises ValueError for a key that is too short."""
    if settings.router_key is None:
        return None
    keys = (settings.router_key, settings.router_key_previous)
    return RecordSigner([key for key in keys if key is not None])


def tracing_of(settings: ServiceSettings) -> TracingSettings:
    """What the environment says of traces."""
    return TracingSettings(
        endpoint=settings.otlp,
        sample_ratio=settings.trace_ratio,
        slow_ms=settings.trace_slow_s * 1000,
        content=settings.trace_content,
    )


def _count_dead_letters(metrics: MetricsRegistry, written: Outgoing) -> None:
    if written.topic == topics.DEAD_LETTERS:
        headers = dict(written.headers)
        labels = (headers[name].decode() for name in (dead_letters.TOPIC, dead_letters.REASON))
        metrics.count("switchgear_dead_letters_total", *labels)


def _count_skipped(metrics: MetricsRegistry, topic: str) -> None:
    metrics.count("switchgear_control_skipped_total", topic)


def _count_background_failure(metrics: MetricsRegistry, task: str) -> None:
    metrics.count("switchgear_background_failures_total", task)


def collect_garbage_less_often() -> None:
    """Requests make no cycles to speak of: the default thresholds cost a sixth of the CPU."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
