from decimal import Decimal

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv._incubating.attributes import messaging_attributes as messaging
from opentelemetry.semconv.attributes import error_attributes, http_attributes

from observability.tracing import semconv
from producers.contract import Attempt, CacheOutcome, Done, Route, RouteTaken, Timings, Usage


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (semconv.OPERATION, gen_ai.GEN_AI_OPERATION_NAME),
        (semconv.PROVIDER, gen_ai.GEN_AI_PROVIDER_NAME),
        (semconv.REQUEST_MODEL, gen_ai.GEN_AI_REQUEST_MODEL),
        (semconv.RESPONSE_MODEL, gen_ai.GEN_AI_RESPONSE_MODEL),
        (semconv.FINISH_REASONS, gen_ai.GEN_AI_RESPONSE_FINISH_REASONS),
        (semconv.INPUT_TOKENS, gen_ai.GEN_AI_USAGE_INPUT_TOKENS),
        (semconv.OUTPUT_TOKENS, gen_ai.GEN_AI_USAGE_OUTPUT_TOKENS),
        (semconv.CACHE_READ_TOKENS, gen_ai.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS),
        (semconv.CACHE_WRITE_TOKENS, gen_ai.GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS),
        (semconv.REASONING_TOKENS, gen_ai.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS),
        (semconv.INPUT_MESSAGES, gen_ai.GEN_AI_INPUT_MESSAGES),
        (semconv.OUTPUT_MESSAGES, gen_ai.GEN_AI_OUTPUT_MESSAGES),
        (semconv.MESSAGING_SYSTEM, messaging.MESSAGING_SYSTEM),
        (semconv.DESTINATION, messaging.MESSAGING_DESTINATION_NAME),
        (semconv.PARTITION_ID, messaging.MESSAGING_DESTINATION_PARTITION_ID),
        (semconv.MESSAGE_OFFSET, messaging.MESSAGING_KAFKA_OFFSET),
        (semconv.ERROR_TYPE, error_attributes.ERROR_TYPE),
        (semconv.HTTP_STATUS, http_attributes.HTTP_RESPONSE_STATUS_CODE),
    ],
)
def test_the_names_are_opentelemetrys(ours: str, theirs: str) -> None:
    assert ours == theirs


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("openai", gen_ai.GenAiProviderNameValues.OPENAI),
        ("anthropic", gen_ai.GenAiProviderNameValues.ANTHROPIC),
        ("mistral", gen_ai.GenAiProviderNameValues.MISTRAL_AI),
        ("aws", gen_ai.GenAiProviderNameValues.AWS_BEDROCK),
        ("azure", gen_ai.GenAiProviderNameValues.AZURE_AI_OPENAI),
        ("self", None),
    ],
)
def test_a_provider_has_the_conventions_name(
    ours: str, theirs: gen_ai.GenAiProviderNameValues | None
) -> None:
    attempt = Attempt(deployment="d", outcome="ok")
    told = semconv.attempt_attributes(attempt, ours, "m")[semconv.PROVIDER]
    assert told == (ours if theirs is None else theirs.value)


def test_a_failed_attempt_says_its_status_and_retry_hint() -> None:
    attempt = Attempt(deployment="openai-x", outcome="rate_limited", status=429, wait_ms=2000)
    attributes = semconv.attempt_attributes(attempt, "openai", "gpt-x")
    assert attributes[semconv.ERROR_TYPE] == "rate_limited"
    assert attributes[semconv.HTTP_STATUS] == 429
    assert attributes[semconv.RETRY_HINT_MS] == 2000
    assert semconv.INPUT_TOKENS not in attributes


def test_input_tokens_include_the_cached_ones_once() -> None:
    usage = Usage(input_uncached=10, cache_read=90, cache_write_5m=5, cache_write_1h=1, output=7)
    attempt = Attempt(deployment="d", outcome="ok", usage=usage, cost_micro_usd=Decimal("1.25"))
    attributes = semconv.attempt_attributes(attempt, "anthropic", "claude-x", "stop")
    assert attributes[semconv.INPUT_TOKENS] == 106
    assert attributes[semconv.CACHE_READ_TOKENS] == 90
    assert attributes[semconv.CACHE_WRITE_TOKENS] == 6
    assert attributes[semconv.FINISH_REASONS] == ("stop",)
    assert attributes[semconv.COST] == 1.25


def test_what_is_unknown_is_left_out() -> None:
    assert semconv.route_attributes(Route(tier="economy")) == {semconv.TIER: "economy"}
    assert semconv.cache_attributes(CacheOutcome(result="miss")) == {semconv.CACHE_RESULT: "miss"}
    done = Done(
        id="r", body={}, route=RouteTaken(tier="t"), cache=CacheOutcome(result="miss"),
        usage=Usage(), cost_micro_usd=None, baseline_micro_usd=None, timings=Timings(),
    )  # fmt: skip
    assert semconv.COST not in semconv.done_attributes(done)


def test_a_queue_is_named_as_messaging_conventions_say() -> None:
    attributes = semconv.queue_attributes("llm.requests", 3, 17)
    assert attributes[semconv.PARTITION_ID] == "3"
    assert attributes[semconv.MESSAGE_OFFSET] == 17
