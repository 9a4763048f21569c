"""Usage metrics: a finished request enters the metrics and the log from its usage event, once.

A call that no caller asked for counts with its attempts, tokens and money; it is no request.
"""

from typing import Final

from structlog.typing import FilteringBoundLogger

from observability.metrics.registry import MetricsRegistry
from producers.contract import Attempt, Savings, UsageEvent

_NONE: Final = "none"


class UsageMetrics:
    """Where a worker reports its finished requests."""

    def __init__(
        self, metrics: MetricsRegistry, log: FilteringBoundLogger, *, flagged_share: float
    ) -> None:
        """flagged_share: an answer with a larger unsupported share counts as unsupported."""
        self._metrics = metrics
        self._log = log
        self._flagged_share = flagged_share
        # a rate can't be told from a series' first sample: these are rare, and each one matters
        for verdict in ("same", "different"):
            metrics.count("switchgear_cache_checked_hits_total", verdict, by=0)

    def began(self, topic: str, waited_s: float) -> None:
        """A record is in work after it has lain in `topic`."""
        self._metrics.observe("switchgear_queue_wait_seconds", topic, value=waited_s)

    def looked_up(self, result: str, took_s: float) -> None:
        """The cache has answered."""
        self._metrics.observe("switchgear_cache_lookup_seconds", result, value=took_s)

    def checked(self, *, right: bool) -> None:
        """A hit was held against a fresh answer."""
        self._metrics.count("switchgear_cache_checked_hits_total", "same" if right else "different")

    def replayed(self, topic: str) -> None:
        """A record came again, and got the recorded reply."""
        self._metrics.count("switchgear_redeliveries_total", topic, "replayed")

    def taken_over(self, topic: str) -> None:
        """A record came again whose worker had died over it."""
        self._metrics.count("switchgear_redeliveries_total", topic, "taken over")

    def rerouted(self, tier: str, to: str, direction: str) -> None:
        """A request goes on in another tier: `up` or `down`."""
        self._metrics.count("switchgear_reroutes_total", tier, to, direction)

    def delayed(self, tier: str) -> None:
        """A request waits on a retry topic until a deployment can take it."""
        self._metrics.count("switchgear_retries_total", tier, "no deployment ready")

    def report_usage(self, event: UsageEvent, *, exported: bool) -> None:
        """Count `event` and write its line. exported: its trace is, so it may be an exemplar."""
        trace_id = event.trace_id if exported else None
        if event.aside is None:
            self._count_request(event, trace_id)
            self._count_support(event)
            self._write(event)
        for attempt in event.attempts:
            self._count_attempt(attempt, trace_id)
        self._count_tokens(event)
        self._count_money(event)

    def _count_request(self, event: UsageEvent, trace_id: str | None) -> None:
        metrics, timings, cache = self._metrics, event.timings, event.cache
        metrics.count("switchgear_requests_total", event.tenant, event.tier, event.outcome)
        metrics.count(
            "switchgear_cache_lookups_total", event.tier, cache.result, cache.step or _NONE
        )
        metrics.observe(
            "switchgear_request_seconds",
            event.tier,
            event.outcome,
            value=timings.total_ms / 1e3,
            trace_id=trace_id,
        )
        if timings.first_token_ms is not None:
            metrics.observe(
                "switchgear_first_token_seconds",
                event.deployment or _NONE,
                value=timings.first_token_ms / 1e3,
                trace_id=trace_id,
            )

    def _count_attempt(self, attempt: Attempt, trace_id: str | None) -> None:
        labels = attempt.deployment, attempt.outcome
        self._metrics.count("switchgear_attempts_total", *labels)
        self._metrics.observe(
            "switchgear_attempt_seconds",
            *labels,
            value=attempt.duration_ms / 1e3,
            trace_id=trace_id,
        )

    def _count_tokens(self, event: UsageEvent) -> None:
        usage, deployment = event.usage, event.deployment or _NONE
        kinds = (
            ("input", usage.input_uncached),
            ("cache_read", usage.cache_read),
            ("cache_write", usage.cache_write_5m + usage.cache_write_1h),
            ("input_audio", usage.input_audio + usage.input_audio_cached),
            ("input_image", usage.input_image),
            ("output_audio", usage.output_audio),
            ("output", usage.output - usage.reasoning),
            ("reasoning", usage.reasoning),
        )
        for kind, tokens in kinds:
            if tokens > 0:
                self._metrics.count(
                    "switchgear_tokens_total", event.tenant, deployment, kind, by=tokens
                )

    def _count_money(self, event: UsageEvent) -> None:
        deployment = event.deployment or _NONE
        if event.cost_micro_usd is not None:
            cost = float(event.cost_micro_usd)
            self._metrics.count(
                "switchgear_cost_micro_usd_total", event.tenant, deployment, by=cost
            )
        elif event.outcome == "done":
            self._metrics.count("switchgear_unpriced_total", deployment)
        if event.savings is not None:
            self._count_savings(event.tenant, event.savings)

    def _count_support(self, event: UsageEvent) -> None:
        if event.unsupported_share is not None:
            flagged = event.unsupported_share > self._flagged_share
            verdict = "unsupported" if flagged else "supported"
            model = event.model or _NONE
            self._metrics.count("switchgear_groundedness_checks_total", model, "lexical", verdict)

    def _count_savings(self, tenant: str, savings: Savings) -> None:
        """A counter can't fall, so a means that cost more than it saved counts nothing here."""
        for means in ("routing", "cloud", "prompt_cache", "batch", "cache"):
            saved = float(getattr(savings, means))
            if saved > 0:
                self._metrics.count("switchgear_saved_micro_usd_total", tenant, means, by=saved)

    def _write(self, event: UsageEvent) -> None:
        write = self._log.info if event.outcome == "done" else self._log.warning
        cost = event.cost_micro_usd
        write(
            "request",
            request=event.id,
            tenant=event.tenant,
            outcome=event.outcome,
            tier=event.tier,
            deployment=event.deployment,
            cache=event.cache.result,
            attempts=len(event.attempts),
            total_ms=round(event.timings.total_ms, 1),
            cost_micro_usd=None if cost is None else str(cost),
            redelivered=event.redelivered,
            trace=event.trace_id,
        )
