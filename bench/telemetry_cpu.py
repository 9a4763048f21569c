"""What CPU do a request's own spans, metrics and log line take? `python -m bench.telemetry_cpu`.

In one process, so that other work on the machine hardly matters: a router's and a worker's hop with
the steps that the pipeline notes, the outcome's metrics, its log line, and, for the sampled share,
building and encoding the spans. To be set beside the pipeline's CPU a request (bench/results).
"""

import io
import json
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Final

import structlog
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from structlog import make_filtering_bound_logger

from observability.grounding.groundedness import FLAGGED_SHARE
from observability.logs import logger, start_logging
from observability.metrics.registry import MetricsRegistry
from observability.metrics.usage_metrics import UsageMetrics
from observability.tracing.semconv import attempt_attributes, queue_attributes
from observability.tracing.tracer import QueueWait, SpanRecord, Tracer, TracingSettings
from producers.contract import Attempt, CacheOutcome, Timings, Usage, UsageEvent

RESULTS: Final = Path("bench/results/telemetry_cpu.json")
PIPELINE: Final = Path("bench/results/pipeline.json")
RATIO: Final = 0.1
_REQUESTS: Final = 5000
_USAGE: Final = Usage(input_uncached=300, output=120)
_ATTEMPT: Final = Attempt(deployment="d", outcome="ok", status=200, usage=_USAGE)
_EVENT: Final = UsageEvent(
    id="r", tenant="acme", at_ms=0, outcome="done", tier="economy", deployment="d", usage=_USAGE,
    cost_micro_usd=Decimal("76.5"), baseline_micro_usd=Decimal(4500), attempts=(_ATTEMPT,),
    cache=CacheOutcome(result="miss"), timings=Timings(first_token_ms=200, total_ms=400),
)  # fmt: skip


class Encoder:
    """A sink that encodes batches as the exporter does, without the network."""

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Encode every 512 spans."""
        self._spans.append(span)
        if len(self._spans) >= 512:
            encode_spans(self._spans).SerializeToString()
            self._spans.clear()


def traced(ratio: float) -> Callable[[], None]:
    """Both hops of one request."""
    tracer = Tracer("bench", Encoder(), TracingSettings(sample_ratio=ratio))

    def one() -> None:
        now_ms = time.time() * 1000
        waited = QueueWait(
            queue="q", since_ms=now_ms, attributes=lambda: queue_attributes("q", 1, 17)
        )
        route = tracer.begin_trace("route", tenant="acme", waited=waited)
        with route.span("decide"):
            pass
        headers = route.headers()
        route.end()
        serve = tracer.begin_trace("serve economy", headers, tenant="acme", waited=waited)
        with serve.span("cache lookup") as looking, looking.span("read"):
            pass
        now = time.time_ns()
        serve.add(SpanRecord("chat d", now, now, lambda: attempt_attributes(_ATTEMPT, "p", "m")))
        with serve.span("reply"):
            serve.headers()
        serve.end()

    return one


def main() -> None:
    """Print microseconds a request, and the whole as a share of the pipeline's CPU."""
    start_logging("INFO", out=io.StringIO())
    loud = UsageMetrics(MetricsRegistry(), logger(role="bench"), flagged_share=FLAGGED_SHARE)
    mute = structlog.wrap_logger(None, wrapper_class=make_filtering_bound_logger("ERROR"))
    silent = UsageMetrics(MetricsRegistry(), mute, flagged_share=FLAGGED_SHARE)
    unsampled, sampled = _us(traced(0)), _us(traced(1))
    metrics = _us(lambda: silent.report_usage(_EVENT, exported=False))
    line = _us(lambda: loud.report_usage(_EVENT, exported=False)) - metrics
    whole = unsampled * (1 - RATIO) + sampled * RATIO + metrics + line
    hit_us = json.loads(PIPELINE.read_text())["cache_hits"]["cpu_ms_per_request"] * 1000
    told = {
        "unsampled_us": round(unsampled, 1),
        "sampled_and_encoded_us": round(sampled, 1),
        "metrics_us": round(metrics, 1),
        "log_line_us": round(line, 1),
        f"all_at_{RATIO}_us": round(whole, 1),
        "share_of_a_cache_hit": round(whole / hit_us, 3),
    }
    RESULTS.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(told, indent=2))


def _us(one: Callable[[], None]) -> float:
    """The best of three runs, microseconds of CPU."""
    return min(_run(one) for _ in range(3))


def _run(one: Callable[[], None]) -> float:
    begun = time.process_time()
    for _ in range(_REQUESTS):
        one()
    return (time.process_time() - begun) / _REQUESTS * 1e6


if __name__ == "__main__":
    main()
