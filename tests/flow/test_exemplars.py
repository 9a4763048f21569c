"""The histograms point at traces, and at none that was never exported."""

from collections import defaultdict
from urllib.request import Request, urlopen

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from structlog import make_filtering_bound_logger, wrap_logger

from observability.grounding.groundedness import FLAGGED_SHARE
from observability.metrics.registry import MetricsRegistry
from observability.metrics.usage_metrics import UsageMetrics
from observability.process_endpoint import process_endpoint
from observability.tracing.tracer import TracingSettings
from tests.fakes import answer
from tests.flow.stage import ask, playing
from workers.providers.base.call_outcome import CallOutcome, RequestRejected
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit

NO_STORE = {"cache": {"mode": "no-store"}}
REQUEST, ATTEMPT = "switchgear_request_seconds", "switchgear_attempt_seconds"
FIRST_TOKEN = "switchgear_first_token_seconds"


def exemplars(metrics: MetricsRegistry) -> dict[str, set[str]]:
    """The traces that a scrape as Prometheus makes it shows, by histogram."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    with process_endpoint(metrics, 0, "127.0.0.1") as port:
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        with urlopen(Request(f"http://127.0.0.1:{port}/metrics", headers=accept)) as scrape:
            text = scrape.read().decode()
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            if sample.exemplar is not None:
                found[family.name].add(sample.exemplar.labels["trace_id"])
    return dict(found)


async def _mixed(call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
    failing = "fail" in str(call.body.messages)
    return RequestRejected(message="no", status=400) if failing else answer()


KEPT = [
    (TracingSettings(sample_ratio=1), {"good", "fail"}),
    (TracingSettings(sample_ratio=0), {"fail"}),
    (TracingSettings(sample_ratio=0, slow_ms=0), {"good", "fail"}),
]


@pytest.mark.parametrize(("tracing", "kept"), KEPT, ids=["sampled", "failed", "slow"])
async def test_an_exemplar_is_a_trace_that_was_exported(
    tracing: TracingSettings, kept: set[str]
) -> None:
    metrics = MetricsRegistry()
    mute = wrap_logger(None, wrapper_class=make_filtering_bound_logger("CRITICAL"))
    async with playing(
        {"eco-a": _mixed},
        tracing=tracing,
        reporter=UsageMetrics(metrics, mute, flagged_share=FLAGGED_SHARE),
    ) as stage:
        replies = {p: await stage.client.submit(ask(p, routing=NO_STORE)) for p in ("good", "fail")}
        await stage.broker.until(lambda: len(stage.seen.all("serve ")) >= len(kept))
        shown = exemplars(metrics)
        expected = {replies[prompt].trace_id for prompt in kept}
        assert shown[REQUEST] == shown[ATTEMPT] == expected
        assert shown.get(FIRST_TOKEN, set()) <= expected
        assert expected == {
            f"{span.context.trace_id:032x}" for span in stage.seen.spans if span.context
        }
