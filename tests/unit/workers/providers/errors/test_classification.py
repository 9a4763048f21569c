"""Which failure an error is: by status, code and words together."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.providers.base.call_outcome import (
    BadCredentials,
    CallFailed,
    ContentFiltered,
    ContextTooLong,
    Overloaded,
    QuotaExhausted,
    RampTooFast,
    RateLimited,
    RequestRejected,
    ServerError,
    TimedOut,
    UnknownModel,
)
from workers.providers.base.error_report import ErrorReport
from workers.providers.errors.classification import (
    classify_error,
    error_in_stream,
    error_of_response,
)
from workers.providers.errors.retry_after import LONGEST_WAIT_S

THROTTLED = {"x-amzn-errortype": "ThrottlingException"}
LONG_CONTEXT = "Extra usage is required for long context requests."
LLAMA = "the request exceeds the available context size. try increasing it"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def openai(code: str | None, message: str = "", kind: str = "invalid_request_error") -> Any:  # noqa: ANN401 - JSON
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic(kind: str, message: str = "", **more: object) -> Any:  # noqa: ANN401 - JSON
    return {"type": "error", "error": {"type": kind, "message": message, **more}}


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind"),
    [
        # the same 429, five meanings
        (429, openai("rate_limit_exceeded"), {}, RateLimited),
        (429, openai("slow_down"), {}, RampTooFast),
        (429, openai("insufficient_quota"), {}, QuotaExhausted),
        (429, openai(None, "Resource unavailable, flex"), {}, Overloaded),
        (429, openai("429", "The model is under high demand."), {}, Overloaded),
        (429, openai(None), {}, RateLimited),
        # OpenAI and Azure
        (401, openai("invalid_api_key"), {}, BadCredentials),
        (403, openai("unsupported_country_region_territory"), {}, BadCredentials),
        (404, openai("model_not_found"), {}, UnknownModel),
        (404, openai("DeploymentNotFound"), {}, UnknownModel),
        (400, openai("context_length_exceeded"), {}, ContextTooLong),
        (400, openai(None, "maximum context length is 8192 tokens"), {}, ContextTooLong),
        (400, openai("content_filter"), {}, ContentFiltered),
        (400, openai("invalid_value"), {}, RequestRejected),
        (503, openai("server_is_overloaded"), {}, Overloaded),
        (500, openai(None, kind="server_error"), {}, ServerError),
        # Anthropic
        (529, anthropic("overloaded_error"), {}, Overloaded),
        (429, anthropic("rate_limit_error"), {}, RateLimited),
        (
            429,
            anthropic("rate_limit_error", "This would exceed your acceleration limit."),
            {},
            RampTooFast,
        ),
        (
            429,
            anthropic("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}),
            {},
            QuotaExhausted,
        ),
        (402, anthropic("billing_error"), {}, QuotaExhausted),
        (400, anthropic("invalid_request_error", "credit balance is too low"), {}, QuotaExhausted),
        (400, anthropic("invalid_request_error", "prompt is too long: 9 > 8"), {}, ContextTooLong),
        (413, anthropic("request_too_large"), {}, ContextTooLong),
        (401, anthropic("authentication_error"), {}, BadCredentials),
        (403, anthropic("permission_error"), {}, BadCredentials),
        (504, anthropic("timeout_error"), {}, TimedOut),
        # Bedrock
        (429, {"message": "slow"}, {"x-amzn-errortype": "ThrottlingException:x"}, RateLimited),
        (400, {}, {"x-amzn-errortype": "ServiceQuotaExceededException"}, RateLimited),
        (429, {}, {"x-amzn-errortype": "ModelNotReadyException"}, Overloaded),
        (503, {}, {"x-amzn-errortype": "ServiceUnavailableException"}, Overloaded),
        (408, {}, {"x-amzn-errortype": "ModelTimeoutException"}, TimedOut),
        (424, {}, {"x-amzn-errortype": "ModelErrorException"}, ServerError),
        (403, {}, {"x-amzn-errortype": "AccessDeniedException"}, BadCredentials),
        (404, {}, {"x-amzn-errortype": "ResourceNotFoundException"}, UnknownModel),
        (400, {"message": "x"}, {"x-amzn-errortype": "ValidationException"}, RequestRejected),
        (
            400,
            {"message": "The provided model identifier is invalid."},
            {"x-amzn-errortype": "ValidationException"},
            UnknownModel,
        ),
        (400, {"__type": "com.amazon#ThrottlingException"}, {}, RateLimited),
        # Mistral, vLLM, Ollama
        (422, {"detail": [{"msg": "Extra inputs are not permitted"}]}, {}, RequestRejected),
        (401, {"message": "Unauthorized"}, {}, BadCredentials),
        (
            400,
            {"object": "error", "message": "maximum context length", "code": 400},
            {},
            ContextTooLong,
        ),
        (404, {"error": "model 'x' not found"}, {}, UnknownModel),
        # the same words, another meaning
        (400, {"message": "Too many tokens, please wait"}, THROTTLED, RateLimited),
        (429, {"message": "Too many tokens per day, please wait"}, THROTTLED, QuotaExhausted),
        (429, openai("rate_limit_exceeded", "Request too large for gpt-4o"), {}, ContextTooLong),
        (429, anthropic("rate_limit_error", LONG_CONTEXT), {}, ContextTooLong),
        (429, {"message": "The request queue is full.", "code": 429}, {}, Overloaded),
        (429, {"message": "Service tier capacity exceeded", "code": "3505"}, {}, Overloaded),
        (500, openai("500", "AnthropicException - Overloaded"), {}, Overloaded),
        (
            422,
            {"error": "`inputs` must have less than 1024 tokens. Given: 2000"},
            {},
            ContextTooLong,
        ),
        (500, {"error": {"message": LLAMA, "type": "server_error"}}, {}, ContextTooLong),
        (400, {"message": "Malformed: expected maxLength: 8000, actual: 9000"}, {}, ContextTooLong),
        (400, [{"error": {"message": "API key not valid.", "code": 400}}], {}, BadCredentials),
        (400, [{"error": {"message": "API key expired.", "code": 400}}], {}, BadCredentials),
        (400, {"error": {"message": "User location is not supported"}}, {}, BadCredentials),
        (
            400,
            {"error": {"innererror": {"code": "ResponsibleAIPolicyViolation"}}},
            {},
            ContentFiltered,
        ),
        (400, openai("400", "litellm.ContentPolicyViolationError: x"), {}, ContentFiltered),
        (403, openai("403", "Your input was flagged"), {}, ContentFiltered),
        (
            400,
            openai("invalid_prompt", "potentially violating our usage policy"),
            {},
            ContentFiltered,
        ),
        (410, openai("ModelDeprecated"), {}, UnknownModel),
        (400, openai("model_decommissioned"), {}, UnknownModel),
        (400, openai("400", "Invalid model name passed in model=x"), {}, UnknownModel),
        (400, openai("400", "Budget has been exceeded!", "budget_exceeded"), {}, QuotaExhausted),
        (
            400,
            anthropic("invalid_request_error", "image exceeds 5 MB maximum"),
            {},
            RequestRejected,
        ),
        # nothing readable
        (502, None, {}, ServerError),
        (429, None, {}, RateLimited),
        (302, None, {}, ServerError),
    ],
)
def test_the_failure_follows_status_code_and_words(
    status: int, body: object, headers: dict[str, str], kind: type[CallFailed]
) -> None:
    payload = b"<html>" if body is None else json.dumps(body).encode()
    failure = classify_error(error_of_response(status, payload, headers), headers, NOW)
    assert type(failure) is kind
    assert failure.status == status


def test_a_throttle_brings_its_wait() -> None:
    report = error_of_response(429, json.dumps(openai("rate_limit_exceeded")).encode(), {})
    failure = classify_error(report, {"retry-after-ms": "250"}, NOW)
    assert isinstance(failure, RateLimited)
    assert failure.wait_s == 0.25


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        ("2026-11-24 at 12:30 UTC", 1800),
        ("2026-12-01 at 00:00 UTC", LONGEST_WAIT_S),
        ("9999-12-31 at 00:00 UTC", LONGEST_WAIT_S),
        ("2026-11-01", 0),
        ("2026-13-41", None),
    ],
)
def test_a_spent_quota_brings_its_end(moment: str, seconds: float | None) -> None:
    message = f"You will regain access on {moment}."
    body = json.dumps(anthropic("invalid_request_error", message)).encode()
    failure = classify_error(error_of_response(400, body, {}), {}, NOW)
    assert isinstance(failure, QuotaExhausted)
    assert failure.until_s == seconds


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (anthropic("overloaded_error"), Overloaded),
        (openai("server_is_overloaded"), Overloaded),
        (openai("rate_limit_exceeded"), RateLimited),
        ({"error": {"message": "boom"}}, ServerError),
    ],
)
def test_an_error_inside_a_stream_has_the_status_it_would_have_had(
    event: dict[str, Any], kind: type[CallFailed]
) -> None:
    assert type(classify_error(error_in_stream(event), {}, NOW)) is kind


@given(st.integers(300, 599), st.binary(max_size=200))
def test_any_body_is_some_failure(status: int, payload: bytes) -> None:
    assert isinstance(classify_error(error_of_response(status, payload, {}), {}, NOW), CallFailed)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "code", "type", "message", "details"]), inner)
    ),
    max_leaves=8,
)


@given(json_values)
def test_any_json_is_some_failure(body: object) -> None:
    payload = json.dumps(body).encode()
    assert isinstance(classify_error(error_of_response(400, payload, {}), {}, NOW), CallFailed)


@pytest.mark.parametrize(
    "words",
    [
        "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000",
        "The model returned errors: input length and `max_tokens` exceed context limit",
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
        "Input tokens exceed the configured limit of 272000 tokens.",
        "Number of input tokens exceeds maximum length.",
        "the request exceeds the available context size, try increasing it",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000",
    ],
)
def test_every_server_has_its_words_for_a_prompt_too_long(words: str) -> None:
    report = ErrorReport(400, ("invalid_request_error",), words)
    assert isinstance(classify_error(report, {}, NOW), ContextTooLong)


@pytest.mark.parametrize(
    "words",
    [
        "max_tokens: 8193 > 8192, which is the maximum allowed number of output tokens for m",
        "max_tokens is too large: 99999. This model supports at most 16384 completion tokens",
        "The maximum tokens you requested exceeds the model limit of 8192.",
        "Invalid 'messages[1].tool_calls[0].id': string too long.",
        "messages: text content blocks must be non-empty",
    ],
)
def test_what_is_too_long_need_not_be_the_prompt(words: str) -> None:
    report = ErrorReport(400, ("invalid_request_error",), words)
    assert isinstance(classify_error(report, {}, NOW), RequestRejected)


def test_the_rules_read_the_beginning_of_a_long_message_only() -> None:
    report = ErrorReport(400, (), "x" * 5000 + " prompt is too long")
    assert isinstance(classify_error(report, {}, NOW), RequestRejected)
