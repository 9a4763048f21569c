"""GenAI metrics of a served request, by OpenTelemetry's semantic conventions."""

from gateway.exchanges.exchange import Exchange
from observability.metrics.registry import MetricsRegistry
from producers.contract import Done

_UNKNOWN = ""


def report_genai(metrics: MetricsRegistry, exchange: Exchange) -> None:
    """Duration, time to the first chunk and tokens, once the final reply is there."""
    final = exchange.final
    if final is None or exchange.ended_s is None:
        return
    provider = model = error = _UNKNOWN
    if isinstance(final, Done):
        provider, model = final.route.provider or "cache", final.route.model or _UNKNOWN
    else:
        error = final.code
    labels = ("chat", provider, model)
    took_s = exchange.ended_s - exchange.begun_s
    metrics.observe("gen_ai_client_operation_duration_seconds", *labels, error, value=took_s)
    if exchange.first_s is not None:
        first_s = exchange.first_s - exchange.begun_s
        metrics.observe(
            "gen_ai_client_operation_time_to_first_chunk_seconds", *labels, value=first_s
        )
    if isinstance(final, Done):
        used = {"input": final.usage.input_total, "output": final.usage.output}
        for kind, tokens in used.items():
            metrics.observe("gen_ai_client_token_usage", *labels, kind, value=tokens)
