from decimal import Decimal

import structlog
from structlog.testing import CapturingLogger

from observability.grounding.groundedness import FLAGGED_SHARE
from observability.metrics.registry import MetricsRegistry
from observability.metrics.usage_metrics import UsageMetrics
from producers.contract import Attempt, CacheOutcome, Savings, Timings, Usage, UsageEvent


def outcomes() -> tuple[UsageMetrics, MetricsRegistry, CapturingLogger]:
    metrics, lines = MetricsRegistry(), CapturingLogger()
    log = structlog.wrap_logger(
        lines, processors=[], wrapper_class=structlog.make_filtering_bound_logger("INFO")
    )
    return UsageMetrics(metrics, log, flagged_share=FLAGGED_SHARE), metrics, lines


ANSWERED = UsageEvent(
    id="r1", tenant="acme", at_ms=0, outcome="done", tier="economy", deployment="d",
    usage=Usage(input_uncached=10, cache_read=90, output=20, reasoning=5),
    cost_micro_usd=Decimal("12.5"),
    savings=Savings(routing=Decimal(100), cloud=Decimal(-3)),
    cache=CacheOutcome(result="miss"),
    attempts=(
        Attempt(deployment="x", outcome="overloaded", status=529),
        Attempt(deployment="d", outcome="ok", duration_ms=300),
    ),
    timings=Timings(queued_ms=1, first_token_ms=200, total_ms=400),
    trace_id="ab" * 16,
)  # fmt: skip


def test_an_answer_counts_requests_tokens_money_attempts_and_times() -> None:
    recorder, metrics, lines = outcomes()
    recorder.report_usage(ANSWERED, exported=True)
    value = metrics.value
    assert value("switchgear_requests_total", tenant="acme", tier="economy", outcome="done") == 1
    tokens = {"tenant": "acme", "deployment": "d"}
    assert value("switchgear_tokens_total", **tokens, kind="cache_read") == 90
    assert value("switchgear_tokens_total", **tokens, kind="output") == 15
    assert value("switchgear_tokens_total", **tokens, kind="cache_write") is None
    assert value("switchgear_cost_micro_usd_total", **tokens) == 12.5
    assert value("switchgear_saved_micro_usd_total", tenant="acme", by="routing") == 100
    assert value("switchgear_saved_micro_usd_total", tenant="acme", by="cloud") is None
    assert value("switchgear_attempts_total", deployment="x", outcome="overloaded") == 1
    assert value("switchgear_first_token_seconds_sum", deployment="d") == 0.2
    (line,) = lines.calls
    assert line.method_name == "info"
    assert line.kwargs["cost_micro_usd"] == "12.5"


def test_an_unknown_price_counts_as_unpriced_never_as_zero() -> None:
    recorder, metrics, _ = outcomes()
    recorder.report_usage(ANSWERED.model_copy(update={"cost_micro_usd": None}), exported=False)
    assert metrics.value("switchgear_unpriced_total", deployment="d") == 1
    cost = metrics.value("switchgear_cost_micro_usd_total", tenant="acme", deployment="d")
    assert cost is None


def test_a_failure_is_a_warning_and_not_unpriced() -> None:
    recorder, metrics, lines = outcomes()
    failed = UsageEvent(id="r", tenant="acme", at_ms=0, outcome="deadline_exceeded", tier="economy")
    recorder.report_usage(failed, exported=False)
    assert lines.calls[0].method_name == "warning"
    assert metrics.value("switchgear_unpriced_total", deployment="none") is None
