"""GenAI metrics of a served request, by OpenTelemetry's semantic conventions.

To its callers the gateway is a model's server; the calls of providers are counted where they are
made, by the workers.
"""

from gateway.exchanges.exchange import Exchange
from observability.metrics.registry import MetricsRegistry
from observability.tracing.semconv import PROVIDERS
from producers.contract import Done

_UNKNOWN = ""


def report_genai(metrics: MetricsRegistry, exchange: Exchange) -> None:
    """Duration and time to the first token, once the final reply is there."""
    final = exchange.final
    if final is None or exchange.ended_s is None:
        return
    provider = model = error = _UNKNOWN
    if isinstance(final, Done):
        provider, model = final.route.provider or "cache", final.route.model or _UNKNOWN
    else:
        error = final.code
    labels = ("chat", PROVIDERS.get(provider, provider), model)
    took_s = exchange.ended_s - exchange.begun_s
    metrics.observe("gen_ai_server_request_duration_seconds", *labels, error, value=took_s)
    if exchange.first_s is not None:
        first_s = exchange.first_s - exchange.begun_s
        metrics.observe("gen_ai_server_time_to_first_token_seconds", *labels, value=first_s)
