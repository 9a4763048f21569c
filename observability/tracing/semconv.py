"""Semantic conventions: attributes of our spans, made of a request's account.

GenAI and messaging names are OpenTelemetry's (semantic conventions 1.40+; a test compares them with
the installed package); `switchgear.*` are our own.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from producers.contract import Attempt, CacheOutcome, Done, Route, Usage

AttributeValue: TypeAlias = str | bool | int | float | Sequence[str] | Sequence[float]
Attributes: TypeAlias = Mapping[str, AttributeValue]

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"

ERROR_TYPE: Final = "error.type"
HTTP_STATUS: Final = "http.response.status_code"
MESSAGING_SYSTEM: Final = "messaging.system"
DESTINATION: Final = "messaging.destination.name"
PARTITION_ID: Final = "messaging.destination.partition.id"
MESSAGE_OFFSET: Final = "messaging.kafka.offset"

TENANT_ATTRIBUTE: Final = "switchgear.tenant"
REQUEST_ID: Final = "switchgear.request.id"
TIER: Final = "switchgear.tier"
ZONE: Final = "switchgear.zone"
ROUTE_REASONS: Final = "switchgear.route.reasons"
DEPLOYMENT: Final = "switchgear.deployment"
RETRY_HINT_MS: Final = "switchgear.attempt.retry_hint_ms"
CACHE_RESULT: Final = "switchgear.cache.result"
CACHE_STEP: Final = "switchgear.cache.step"
CACHE_SCORE: Final = "switchgear.cache.score"
CACHE_AGE_S: Final = "switchgear.cache.age_s"
CACHE_REASON: Final = "switchgear.cache.reason"
CACHE_ROLE: Final = "switchgear.cache.role"
CACHE_COSINES: Final = "switchgear.cache.cosines"
CHECKS_FAILED: Final = "switchgear.checks.failed"
COST: Final = "switchgear.cost_micro_usd"
BASELINE_COST: Final = "switchgear.baseline_micro_usd"
SUMMARY: Final = "switchgear.summary"
KEPT: Final = "switchgear.trace.kept"

PROVIDERS: Final[Mapping[str, str]] = {
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "mistral": "mistral_ai",
}
"""The convention's names of providers, where ours are others."""

FIRST_TOKEN: Final = "first token"  # noqa: S105 (an event's name)
"""The event on an attempt's span at which the first piece of the answer came."""


def queue_attributes(topic: str, partition: int, offset: int) -> Attributes:
    """Where a record waited."""
    return {
        MESSAGING_SYSTEM: "kafka",
        DESTINATION: topic,
        PARTITION_ID: str(partition),
        MESSAGE_OFFSET: offset,
    }


def route_attributes(route: Route) -> Attributes:
    """What the router decided, and why."""
    return without_none({TIER: route.tier, ZONE: route.zone, ROUTE_REASONS: route.reasons or None})


def attempt_attributes(
    attempt: Attempt, provider: str, model: str, finish_reason: str | None = None
) -> Attributes:
    """One call of a provider."""
    failed = attempt.outcome != "ok"
    return {
        OPERATION: "chat",
        PROVIDER: PROVIDERS.get(provider, provider),
        REQUEST_MODEL: model,
        DEPLOYMENT: attempt.deployment,
        **without_none(
            {
                ERROR_TYPE: attempt.outcome if failed else None,
                HTTP_STATUS: attempt.status,
                RETRY_HINT_MS: attempt.wait_ms,
                FINISH_REASONS: None if finish_reason is None else (finish_reason,),
                COST: _number(attempt.cost_micro_usd),
            }
        ),
        **(usage_attributes(attempt.usage) if attempt.usage else {}),
    }


def usage_attributes(usage: Usage) -> Attributes:
    """Tokens; the convention's input_tokens includes the cached ones."""
    return {
        INPUT_TOKENS: usage.input_total,
        OUTPUT_TOKENS: usage.output_total,
        CACHE_READ_TOKENS: usage.cache_read,
        CACHE_WRITE_TOKENS: usage.cache_write_5m + usage.cache_write_1h,
        REASONING_TOKENS: usage.reasoning,
    }


def cache_attributes(outcome: CacheOutcome) -> Attributes:
    """What the cache said, and why."""
    return without_none(
        {
            CACHE_RESULT: outcome.result,
            CACHE_STEP: outcome.step,
            CACHE_SCORE: outcome.score,
            CACHE_AGE_S: outcome.age_s,
            CACHE_REASON: outcome.reason,
        }
    )


def done_attributes(done: Done) -> Attributes:
    """The whole request, on the span of the hop that answered it."""
    return without_none(
        {
            REQUEST_ID: done.id,
            TIER: done.route.tier,
            DEPLOYMENT: done.route.deployment,
            RESPONSE_MODEL: done.route.model,
            CACHE_RESULT: done.cache.result,
            COST: _number(done.cost_micro_usd),
            BASELINE_COST: _number(done.baseline_micro_usd),
            SUMMARY: done.summary,
        }
    ) | dict(usage_attributes(done.usage))


def without_none(values: Mapping[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    """`values` without those that are None."""
    return {key: value for key, value in values.items() if value is not None}


def _number(micro_usd: object) -> float | None:
    return None if micro_usd is None else float(str(micro_usd))
