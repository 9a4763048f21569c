"""Names, meanings and labels of all metrics.

Dashboards, alerts and code use these names and no others; tests hold them to it. Counters end in
`_total`, units are seconds, tokens and micro-dollars. `deployment`, `tier`, `zone` and `tenant` are
names of switchgear.yaml.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

CounterName: TypeAlias = Literal[
    "switchgear_requests_total",
    "switchgear_routed_total",
    "switchgear_rejected_total",
    "switchgear_attempts_total",
    "switchgear_reroutes_total",
    "switchgear_retries_total",
    "switchgear_tokens_total",
    "switchgear_cost_micro_usd_total",
    "switchgear_saved_micro_usd_total",
    "switchgear_unpriced_total",
    "switchgear_cache_lookups_total",
    "switchgear_cache_checked_hits_total",
    "switchgear_dead_letters_total",
    "switchgear_control_skipped_total",
    "switchgear_redeliveries_total",
    "switchgear_breaker_transitions_total",
    "switchgear_groundedness_checks_total",
    "switchgear_shared_state_errors_total",
    "switchgear_background_failures_total",
    "switchgear_ledger_events_total",
    "switchgear_gateway_requests_total",
    "switchgear_batches_total",
    "switchgear_batch_items_total",
    "switchgear_batch_returned_total",
    "switchgear_gateway_webhooks_total",
]
GaugeName: TypeAlias = Literal[
    "switchgear_consumer_lag",
    "switchgear_queue_age_seconds",
    "switchgear_in_flight",
    "switchgear_gateway_in_flight",
    "switchgear_concurrency_limit",
    "switchgear_breaker_state",
    "switchgear_mean_first_token_seconds",
    "switchgear_mean_tokens_per_second",
    "switchgear_budget_used_ratio",
    "switchgear_ledger_lag",
    "switchgear_batch_waiting",
    "switchgear_batches_open",
    "switchgear_batch_requests_open",
    "switchgear_batch_oldest_seconds",
    "switchgear_batch_slack_seconds",
]
HistogramName: TypeAlias = Literal[
    "switchgear_request_seconds",
    "switchgear_queue_wait_seconds",
    "switchgear_first_token_seconds",
    "switchgear_attempt_seconds",
    "switchgear_route_seconds",
    "switchgear_cache_lookup_seconds",
    "switchgear_loop_delay_seconds",
    "http_server_request_duration_seconds",
    "gen_ai_client_operation_duration_seconds",
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    "gen_ai_client_token_usage",
    "gen_ai_server_request_duration_seconds",
    "gen_ai_server_time_to_first_token_seconds",
]

BREAKER_STATES: Final = {"closed": 0, "half_open": 1, "open": 2}
"""The values of switchgear_breaker_state."""


@dataclass(frozen=True, slots=True)
class Spec:
    """help: what it means, in a sentence; labels: in the order in which they are given."""

    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HistogramSpec:
    """As Spec; buckets: upper bounds in seconds."""

    help: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...]


_SHORT: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)
_LONG: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)

COUNTERS: Final[dict[CounterName, Spec]] = {
    "switchgear_requests_total": Spec(
        "Requests answered; outcome is `done` or the failure's code.", ("tenant", "tier", "outcome")
    ),
    "switchgear_routed_total": Spec("Requests that the router sent to a tier.", ("tier",)),
    "switchgear_rejected_total": Spec("Requests that the router refused.", ("tenant", "code")),
    "switchgear_attempts_total": Spec(
        "Calls of providers; outcome is `ok` or the failure's kind.", ("deployment", "outcome")
    ),
    "switchgear_reroutes_total": Spec(
        "Requests sent on to another tier; direction: up, down.",
        ("from_tier", "to_tier", "direction"),
    ),
    "switchgear_retries_total": Spec("Requests put aside to be tried later.", ("tier", "reason")),
    "switchgear_tokens_total": Spec(
        "Tokens billed; kind: input, cache_read, cache_write, output, reasoning.",
        ("tenant", "deployment", "kind"),
    ),
    "switchgear_cost_micro_usd_total": Spec(
        "What providers charge, micro-dollars.", ("tenant", "deployment")
    ),
    "switchgear_saved_micro_usd_total": Spec(
        "Saved against the tenant's baseline model, micro-dollars; "
        "by: routing, cloud, prompt_cache, batch, cache.",
        ("tenant", "by"),
    ),
    "switchgear_unpriced_total": Spec("Answers whose price is unknown.", ("deployment",)),
    "switchgear_cache_lookups_total": Spec(
        "Look-ups of the semantic cache; step: exact, canonical, semantic or none.",
        ("tier", "result", "step"),
    ),
    "switchgear_cache_checked_hits_total": Spec(
        "Cache hits re-checked against a fresh answer; verdict: same, different.", ("verdict",)
    ),
    "switchgear_dead_letters_total": Spec(
        "Records sent to the dead-letter topic.", ("topic", "reason")
    ),
    "switchgear_control_skipped_total": Spec(
        "Messages of topics between processes (feedback, jobs, …) that couldn't be read.",
        ("topic",),
    ),
    "switchgear_redeliveries_total": Spec(
        "Records that came again; outcome: replayed (as they were answered) or "
        "taken over (from a worker that died).",
        ("topic", "outcome"),
    ),
    "switchgear_breaker_transitions_total": Spec(
        "Circuit breakers that changed state; to: closed, half_open, open.", ("deployment", "to")
    ),
    "switchgear_groundedness_checks_total": Spec(
        "Answers compared with their context; by: lexical, judge; verdict: supported, unsupported.",
        ("model", "by", "verdict"),
    ),
    "switchgear_shared_state_errors_total": Spec(
        "Operations that Redis failed and that we went on without.", ("operation",)
    ),
    "switchgear_background_failures_total": Spec(
        "Background tasks that failed and were begun again.", ("task",)
    ),
    "switchgear_ledger_events_total": Spec(
        "Usage events read; result: booked, duplicate, unreadable.", ("result",)
    ),
    "switchgear_gateway_requests_total": Spec(
        "HTTP requests; route: chat, messages, models, feedback, health, other; 499: caller left.",
        ("route", "status"),
    ),
    "switchgear_batches_total": Spec(
        "Batches that came into a state: formed, submitting, submitted, ended, closed.",
        ("deployment", "state"),
    ),
    "switchgear_batch_items_total": Spec(
        "Requests in batches by what came of them: answered, inadequate, failed, undone, missing, "
        "late (answered at their tier before), unreadable.",
        ("deployment", "outcome"),
    ),
    "switchgear_batch_returned_total": Spec(
        "Requests that left the batch pool for their tier.", ("tier",)
    ),
    "switchgear_gateway_webhooks_total": Spec(
        "Attempts to tell an endpoint of a request's end; outcome: delivered, failed, gave_up.",
        ("outcome",),
    ),
}

GAUGES: Final[dict[GaugeName, Spec]] = {
    "switchgear_consumer_lag": Spec("Records not yet committed.", ("group", "topic", "partition")),
    "switchgear_queue_age_seconds": Spec(
        "Age of the oldest record in work or waiting in a topic, as this process sees it.",
        ("topic",),
    ),
    "switchgear_in_flight": Spec("Requests in work in this process.", ("tier",)),
    "switchgear_gateway_in_flight": Spec(
        "HTTP requests of this gateway process that are not yet answered in full."
    ),
    "switchgear_concurrency_limit": Spec(
        "Calls that this process allows itself at once.", ("deployment",)
    ),
    "switchgear_breaker_state": Spec("0 closed, 1 half-open, 2 open.", ("deployment",)),
    "switchgear_mean_first_token_seconds": Spec(
        "Decayed mean of this process's calls, by which the router and workers choose.",
        ("deployment",),
    ),
    "switchgear_mean_tokens_per_second": Spec(
        "From the first token on, as the mean time to it.", ("deployment",)
    ),
    "switchgear_budget_used_ratio": Spec(
        "Share of a tenant's budget that is spent; period: day, month.", ("tenant", "period")
    ),
    "switchgear_ledger_lag": Spec("Usage events not yet in the ledger.", ("partition",)),
    "switchgear_batch_waiting": Spec(
        "Requests that wait in this process for their batch.", ("deployment",)
    ),
    "switchgear_batches_open": Spec(
        "Batches of the fleet by state, closed ones left out.", ("deployment", "state")
    ),
    "switchgear_batch_requests_open": Spec(
        "Requests in open batches of the fleet.", ("deployment",)
    ),
    "switchgear_batch_oldest_seconds": Spec(
        "Age of the oldest open batch of the fleet.", ("deployment",)
    ),
    "switchgear_batch_slack_seconds": Spec(
        "Time to the earliest deadline in an open batch of the fleet.", ("deployment",)
    ),
}

_GENAI: Final = ("gen_ai_operation_name", "gen_ai_provider_name")
_CALLED: Final = (*_GENAI, "gen_ai_request_model")
_SERVED: Final = (*_GENAI, "gen_ai_response_model")
# the bounds that OpenTelemetry's GenAI conventions want
_TOKENS: Final = tuple(float(4**power) for power in range(14))
_OPERATION_S: Final = tuple(2**power / 100 for power in range(14))
_FIRST_TOKEN_S: Final = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0),
)

HISTOGRAMS: Final[dict[HistogramName, HistogramSpec]] = {
    "gen_ai_client_operation_duration_seconds": HistogramSpec(
        "A call of a provider, by the GenAI conventions.", (*_CALLED, "error_type"), _OPERATION_S
    ),
    "gen_ai_client_operation_time_to_first_chunk_seconds": HistogramSpec(
        "From a streamed call of a provider to its first chunk.", _CALLED, _OPERATION_S
    ),
    "gen_ai_client_token_usage": HistogramSpec(
        "Tokens of a call of a provider.", (*_CALLED, "gen_ai_token_type"), _TOKENS
    ),
    "gen_ai_server_request_duration_seconds": HistogramSpec(
        "A request at the gateway, by the GenAI conventions.",
        (*_SERVED, "error_type"),
        _OPERATION_S,
    ),
    "gen_ai_server_time_to_first_token_seconds": HistogramSpec(
        "To the first chunk of a stream at the gateway.", _SERVED, _FIRST_TOKEN_S
    ),
    "switchgear_request_seconds": HistogramSpec(
        "From submission to the final reply.", ("tier", "outcome"), _LONG
    ),
    "switchgear_queue_wait_seconds": HistogramSpec(
        "A record's wait in a topic.", ("topic",), _LONG
    ),
    "switchgear_first_token_seconds": HistogramSpec(
        "From submission to the first token of an answer.", ("deployment",), _LONG
    ),
    "switchgear_attempt_seconds": HistogramSpec("One call.", ("deployment", "outcome"), _LONG),
    "switchgear_route_seconds": HistogramSpec("One routing decision.", (), _SHORT),
    "switchgear_cache_lookup_seconds": HistogramSpec(
        "One look-up of the semantic cache.", ("result",), _SHORT
    ),
    "switchgear_loop_delay_seconds": HistogramSpec(
        "How late a process's event loop comes to what is ready.", (), _SHORT
    ),
    "http_server_request_duration_seconds": HistogramSpec(
        "An HTTP request from its headers to its response's end, by the HTTP conventions.",
        ("http_request_method", "http_route", "http_response_status_code", "error_type"),
        _LONG,
    ),
}


OTEL_METRICS: Final[Mapping[str, tuple[str, str]]] = {
    "gen_ai_client_operation_duration_seconds": ("gen_ai.client.operation.duration", "s"),
    "gen_ai_client_operation_time_to_first_chunk_seconds": (
        "gen_ai.client.operation.time_to_first_chunk",
        "s",
    ),
    "gen_ai_client_token_usage": ("gen_ai.client.token.usage", "{token}"),
    "gen_ai_server_request_duration_seconds": ("gen_ai.server.request.duration", "s"),
    "gen_ai_server_time_to_first_token_seconds": ("gen_ai.server.time_to_first_token", "s"),
    "http_server_request_duration_seconds": ("http.server.request.duration", "s"),
}
"""OpenTelemetry's names and units of what its conventions describe, for OTLP: Prometheus takes no
dots, and its names end in the unit."""

OTEL_ATTRIBUTES: Final[Mapping[str, str]] = {
    "gen_ai_operation_name": "gen_ai.operation.name",
    "gen_ai_provider_name": "gen_ai.provider.name",
    "gen_ai_request_model": "gen_ai.request.model",
    "gen_ai_response_model": "gen_ai.response.model",
    "gen_ai_token_type": "gen_ai.token.type",
    "error_type": "error.type",
    "http_request_method": "http.request.method",
    "http_route": "http.route",
    "http_response_status_code": "http.response.status_code",
}
"""As `OTEL_METRICS`, of their labels."""
