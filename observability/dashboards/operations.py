"""Dashboard of operations. Does it work, how fast, and where does it wait?"""

from typing import Final

from observability.dashboards.panels import Dashboard, Panel, quantile, rate, share

_FAILED: Final = '{outcome!="done"}'

OPERATIONS_DASHBOARD: Final = Dashboard(
    "switchgear-operations",
    "Switchgear: operations",
    (
        Panel("Requests by tier", rate("switchgear_requests_total", "tier"), "{{tier}}", "reqps"),
        Panel(
            "Share of requests that failed",
            share(
                f"({rate('switchgear_requests_total', where=_FAILED)} or vector(0))",
                rate("switchgear_requests_total"),
            ),
            "failed",
            "percentunit",
        ),
        Panel(
            "Error budget burn",
            "switchgear:failed:ratio_rate1h / 0.005",
            "over an hour",
            help="1 spends a month's budget (99.5 % succeed) in a month; from 14.4 on it pages.",
        ),
        Panel(
            "Failures by code",
            rate("switchgear_requests_total", "outcome", _FAILED),
            "{{outcome}}",
            "reqps",
        ),
        Panel(
            "Time to reply, p95",
            quantile(0.95, "switchgear_request_seconds", "tier"),
            "{{tier}}",
            "s",
            help="Exemplars link to the trace.",
        ),
        Panel(
            "Time to first token, p95",
            quantile(0.95, "switchgear_first_token_seconds", "deployment"),
            "{{deployment}}",
            "s",
        ),
        Panel(
            "Wait in queues, p95",
            quantile(0.95, "switchgear_queue_wait_seconds", "topic"),
            "{{topic}}",
            "s",
        ),
        Panel(
            "Consumer lag",
            "sum by (group, topic) (switchgear_consumer_lag)",
            "{{group}} {{topic}}",
        ),
        Panel("Oldest record", "max by (topic) (switchgear_queue_age_seconds)", "{{topic}}", "s"),
        Panel("In flight", "sum by (tier) (switchgear_in_flight)", "{{tier}}"),
        Panel("In flight at the gateways", "sum(switchgear_gateway_in_flight)", "in flight"),
        Panel(
            "Calls allowed at once",
            "sum by (deployment) (switchgear_concurrency_limit)",
            "{{deployment}}",
            help="What the processes allow themselves; it falls where a provider throttles.",
        ),
        Panel(
            "Mean time to first token, by which is chosen",
            "avg by (deployment) (switchgear_mean_first_token_seconds)",
            "{{deployment}}",
            "s",
            help="Decayed means; a deployment without calls of late has none.",
        ),
        Panel(
            "Mean tokens a second, by which is chosen",
            "avg by (deployment) (switchgear_mean_tokens_per_second)",
            "{{deployment}}",
        ),
        Panel(
            "Circuit breakers",
            "max by (deployment) (switchgear_breaker_state)",
            "{{deployment}}",
            kind="state-timeline",
        ),
        Panel(
            "Changes of circuit breakers",
            rate("switchgear_breaker_transitions_total", "deployment, to"),
            "{{deployment}} {{to}}",
            "cps",
        ),
        Panel(
            "Attempts by outcome",
            rate("switchgear_attempts_total", "deployment, outcome"),
            "{{deployment}} {{outcome}}",
            "cps",
        ),
        Panel(
            "Time of a call, p95",
            quantile(0.95, "switchgear_attempt_seconds", "deployment"),
            "{{deployment}}",
            "s",
        ),
        Panel("Routed by tier", rate("switchgear_routed_total", "tier"), "{{tier}}", "reqps"),
        Panel(
            "Refused by the router",
            rate("switchgear_rejected_total", "code"),
            "{{code}}",
            "reqps",
        ),
        Panel(
            "Time of a routing decision, p95",
            quantile(0.95, "switchgear_route_seconds"),
            "decision",
            "s",
        ),
        Panel(
            "Time of a look into the cache, p95",
            quantile(0.95, "switchgear_cache_lookup_seconds", "result"),
            "{{result}}",
            "s",
        ),
        Panel(
            "Delay of the event loop, p95",
            quantile(0.95, "switchgear_loop_delay_seconds"),
            "delay",
            "s",
        ),
        Panel(
            "HTTP requests by status",
            rate("switchgear_gateway_requests_total", "route, status"),
            "{{route}} {{status}}",
            "reqps",
        ),
        Panel(
            "Time of an HTTP request, p95",
            quantile(0.95, "http_server_request_duration_seconds", "http_route"),
            "{{http_route}}",
            "s",
        ),
        Panel(
            "Time to first token at the gateway, p95, by the GenAI conventions",
            quantile(0.95, "gen_ai_server_time_to_first_token_seconds", "gen_ai_response_model"),
            "{{gen_ai_response_model}}",
            "s",
        ),
        Panel(
            "Time of a request at the gateway, p95, by the GenAI conventions",
            quantile(0.95, "gen_ai_server_request_duration_seconds", "gen_ai_response_model"),
            "{{gen_ai_response_model}}",
            "s",
        ),
        Panel(
            "Time to first chunk of a provider, p95, by the GenAI conventions",
            quantile(
                0.95, "gen_ai_client_operation_time_to_first_chunk_seconds", "gen_ai_request_model"
            ),
            "{{gen_ai_request_model}}",
            "s",
        ),
        Panel(
            "Time of a provider's call, p95, by the GenAI conventions",
            quantile(0.95, "gen_ai_client_operation_duration_seconds", "gen_ai_request_model"),
            "{{gen_ai_request_model}}",
            "s",
        ),
        Panel(
            "Tokens of providers' calls, by the GenAI conventions",
            rate("gen_ai_client_token_usage_sum", "gen_ai_token_type"),
            "{{gen_ai_token_type}}",
        ),
        Panel(
            "Webhooks by outcome",
            rate("switchgear_gateway_webhooks_total", "outcome"),
            "{{outcome}}",
            "reqps",
        ),
        Panel(
            "Batches by state",
            "max by (deployment, state) (switchgear_batches_open)",
            "{{deployment}} {{state}}",
        ),
        Panel(
            "Requests that wait for a batch",
            "sum by (deployment) (switchgear_batch_waiting)",
            "{{deployment}}",
        ),
        Panel(
            "Requests in open batches",
            "max by (deployment) (switchgear_batch_requests_open)",
            "{{deployment}}",
        ),
        Panel(
            "Age of the oldest batch, and time to its deadline",
            "max by (deployment) (switchgear_batch_oldest_seconds)"
            " or min by (deployment) (switchgear_batch_slack_seconds)",
            "{{deployment}}",
            "s",
        ),
        Panel(
            "Batched requests by outcome",
            f"{rate('switchgear_batch_items_total', 'deployment, outcome')}"
            f" or {rate('switchgear_batch_returned_total', 'tier')}"
            f" or {rate('switchgear_batches_total', 'deployment, state')}",
            "{{deployment}}{{tier}} {{outcome}}{{state}}",
            "cps",
        ),
        Panel(
            "Reroutes and retries",
            f"{rate('switchgear_reroutes_total', 'from_tier, to_tier')}"
            f" or {rate('switchgear_retries_total', 'tier')}",
            "{{from_tier}}{{tier}} {{to_tier}}",
            "cps",
        ),
        Panel(
            "Dead letters and skipped messages",
            f"{rate('switchgear_dead_letters_total', 'topic, reason')}"
            f" or {rate('switchgear_control_skipped_total', 'topic')}",
            "{{topic}} {{reason}}",
            "cps",
        ),
        Panel(
            "Redeliveries",
            rate("switchgear_redeliveries_total", "topic, outcome"),
            "{{topic}} {{outcome}}",
            "cps",
        ),
        Panel(
            "Went on without Redis, or without a background task",
            f"{rate('switchgear_shared_state_errors_total', 'operation')}"
            f" or {rate('switchgear_background_failures_total', 'task')}",
            "{{operation}}{{task}}",
            "cps",
        ),
    ),
)
