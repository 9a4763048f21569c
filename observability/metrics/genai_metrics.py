"""GenAI metrics: a call of a provider, by OpenTelemetry's semantic conventions."""

from typing import NamedTuple

from observability.metrics.registry import MetricsRegistry
from observability.tracing.semconv import PROVIDERS
from producers.contract import Attempt


class CalledModel(NamedTuple):
    """What was called, in our words."""

    provider: str
    model: str
    operation: str = "chat"
    """`chat` or `embeddings`."""


def observe_call(
    metrics: MetricsRegistry, attempt: Attempt, called: CalledModel, first_chunk_s: float | None
) -> None:
    """first_chunk_s: None for a call that wasn't streamed.

    Tokens count where the provider told them: the conventions want none that are reckoned.
    """
    labels = (called.operation, PROVIDERS.get(called.provider, called.provider), called.model)
    error = "" if attempt.outcome == "ok" else attempt.outcome
    took_s = attempt.duration_ms / 1e3
    metrics.observe("gen_ai_client_operation_duration_seconds", *labels, error, value=took_s)
    if first_chunk_s is not None:
        metrics.observe(
            "gen_ai_client_operation_time_to_first_chunk_seconds", *labels, value=first_chunk_s
        )
    if attempt.usage is not None and not attempt.usage_estimated:
        used = {"input": attempt.usage.input_total, "output": attempt.usage.output_total}
        for kind, tokens in used.items():
            metrics.observe("gen_ai_client_token_usage", *labels, kind, value=tokens)
