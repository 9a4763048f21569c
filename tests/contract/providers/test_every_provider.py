"""What every provider must do, whatever its dialect: over HTTP, against the simulator."""

import json
import socket

import pytest
from aiohttp import ClientSession, TraceConfig

from dev.simulator.process import Running
from observability.pricing.prices import processing_of
from workers.prompt_cache.policy import CacheKey
from workers.providers.base.call_outcome import (
    BadCredentials,
    Completion,
    ConnectionLost,
    ContentFiltered,
    ContextTooLong,
    MalformedResponse,
    Overloaded,
    QuotaExhausted,
    RampTooFast,
    RateLimited,
    RateLimits,
    RequestRejected,
    ServerError,
    StreamTruncated,
    TimedOut,
    UnknownModel,
)

from .conftest import Caller

EVERYONE = ("openai", "azure", "mistral", "self", "anthropic", "bedrock")
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def completed(outcome: object) -> Completion:
    assert isinstance(outcome, Completion), outcome
    return outcome


@pytest.mark.parametrize("name", EVERYONE)
async def test_json_and_stream_say_the_same(call: Caller, name: str) -> None:
    whole = completed((await call(name))[0])
    streamed, deltas = await call(name, stream=True)
    streamed = completed(streamed)
    text = whole.body["choices"][0]["message"]["content"]
    assert text.startswith("[simulated answer]")
    assert "".join(delta.get("content", "") for delta in deltas) == text
    assert streamed.body["choices"][0]["message"]["content"] == text
    assert streamed.usage == whole.usage
    assert whole.usage.input_uncached > 0
    assert whole.usage.output > 10
    assert whole.finish_reason == streamed.finish_reason == "stop"
    assert 0 < streamed.first_token_s < 5


@pytest.mark.parametrize("name", EVERYONE)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_tool_is_called_and_answered(call: Caller, name: str, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    question = {"role": "user", "content": "What is the weather?"}
    asked, _ = await call(name, {"messages": [question], "tools": [TOOL]}, stream=stream)
    message = completed(asked).body["choices"][0]["message"]
    made = message["tool_calls"][0]
    assert completed(asked).finish_reason == "tool_calls"
    assert made["function"]["name"] == "weather"
    assert json.loads(made["function"]["arguments"]) == {"city": "simulated"}
    told = {"role": "tool", "tool_call_id": "toolu_from_another_provider", "content": "Rain."}
    calls = [{**made, "id": told["tool_call_id"]}]
    for each in calls:
        each.pop("index", None)
    history = [question, {"role": "assistant", "content": None, "tool_calls": calls}, told]
    answered, _ = await call(name, {"messages": history, "tools": [TOOL]}, stream=stream)
    assert completed(answered).finish_reason == "stop"


@pytest.mark.parametrize("then", EVERYONE)
@pytest.mark.parametrize("first", EVERYONE)
@pytest.mark.parametrize("offered", [True, False])
async def test_a_conversation_changes_over_in_the_middle_of_its_tool_calls(
    call: Caller,
    first: str,
    then: str,
    offered: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    question = {"role": "user", "content": "What is the weather?", "name": "Ann"}
    asked, _ = await call(first, {"messages": [question], "tools": [TOOL]})
    message = completed(asked).body["choices"][0]["message"]
    if first in {"anthropic", "bedrock"}:  # as it came, had the model thought
        thought = {"type": "thinking", "thinking": "hm", "signature": "c2ltdWxhdG9y"}
        hidden = {"type": "redacted_thinking", "data": "YWJj"}
        message |= {"reasoning_content": "hm", "thinking_blocks": [thought, hidden]}
    blank = {"role": "assistant", "content": "\n\n"}
    marked = {"type": "text", "text": "Rain.", "cache_control": {"type": "ephemeral"}}
    told = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": [marked]}
    body = {"messages": [question, blank, message, told]} | ({"tools": [TOOL]} if offered else {})
    answered, _ = await call(then, body)
    assert completed(answered).finish_reason == "stop"


@pytest.mark.parametrize("name", ["openai", "azure", "mistral", "anthropic", "bedrock"])
async def test_a_json_schema_is_kept(call: Caller, name: str) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    outcome, _ = await call(name, {"response_format": form})
    assert json.loads(completed(outcome).body["choices"][0]["message"]["content"]) == {"n": 1}
    assert completed(outcome).warnings == ()


async def test_a_model_without_schema_mode_is_told_in_words(call: Caller) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    outcome, _ = await call("self", {"response_format": form})
    assert "response_format was put into the system prompt" in completed(outcome).warnings[0]


@pytest.mark.parametrize("name", ["openai", "azure", "mistral", "anthropic"])
async def test_rate_hints_come_in_one_shape(call: Caller, simulator: Running, name: str) -> None:
    simulator.control(rpm=60, tpm=100_000)
    limits = completed((await call(name))[0]).limits
    assert limits.requests.remaining == 59
    assert limits.tokens.remaining is not None
    assert limits.tokens.remaining < 100_000


@pytest.mark.parametrize("name", ["bedrock", "self"])
async def test_who_tells_no_limits_is_not_misread(
    call: Caller, simulator: Running, name: str
) -> None:
    simulator.control(rpm=60, tpm=100_000)
    assert completed((await call(name))[0]).limits == RateLimits()


@pytest.mark.parametrize("name", EVERYONE)
async def test_a_picture_is_taken(call: Caller, name: str) -> None:
    url = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    picture = {"type": "image_url", "image_url": {"url": url}}
    content = [{"type": "text", "text": "What is this?"}, picture]
    outcome, _ = await call(name, {"messages": [{"role": "user", "content": content}]})
    assert completed(outcome).usage.output > 0


async def test_bedrock_refuses_a_picture_that_it_would_have_to_fetch(
    call: Caller, simulator: Running
) -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    outcome, _ = await call("bedrock", {"messages": [{"role": "user", "content": [picture]}]})
    assert isinstance(outcome, RequestRejected)
    assert "Bedrock takes images as data" in outcome.message
    assert simulator.calls() == []


async def test_the_limit_answers_429_with_the_wait(call: Caller, simulator: Running) -> None:
    simulator.control(rpm=1)
    assert isinstance((await call("openai"))[0], Completion)
    refused, _ = await call("openai")
    assert isinstance(refused, RateLimited)
    assert refused.wait_s is not None
    assert 50 < refused.wait_s <= 60
    assert refused.limits.requests.remaining == 0


@pytest.mark.parametrize("name", EVERYONE)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("rate_limited", RateLimited),
        ("ramp_too_fast", RampTooFast),
        ("quota_exhausted", QuotaExhausted),
        ("overloaded", Overloaded),
        ("server_error", ServerError),
        ("context_too_long", ContextTooLong),
        ("content_filtered", ContentFiltered),
        ("filtered_answer", ContentFiltered),
        ("bad_credentials", BadCredentials),
        ("unknown_model", UnknownModel),
        ("garbage", MalformedResponse),
        ("reset", ConnectionLost),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_faults_are_classified(  # noqa: PLR0913, PLR0917 - a matrix
    call: Caller,
    simulator: Running,
    name: str,
    fault: str,
    kind: type,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    if name == "anthropic" and fault == "filtered_answer":
        kind = Completion  # Anthropic tells it as a refusal
    simulator.control(next=[fault], retry_after_s=2)
    outcome, _ = await call(name, stream=stream)
    assert isinstance(outcome, kind), outcome


async def test_whether_there_was_a_connection_is_told(call: Caller, simulator: Running) -> None:
    simulator.control(next=["reset"])
    outcome, _ = await call("openai")
    assert isinstance(outcome, ConnectionLost)
    assert outcome.connected
    with socket.socket() as nobody:  # bound, but nobody listens
        nobody.bind(("127.0.0.1", 0))
        async with ClientSession() as session:
            address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
            outcome, _ = await Caller(session, address)("openai")
    assert isinstance(outcome, ConnectionLost)
    assert not outcome.connected


async def test_a_cut_stream_is_no_answer(call: Caller, simulator: Running) -> None:
    simulator.control(next=["cut_stream"])
    outcome, deltas = await call("openai", stream=True)
    assert isinstance(outcome, StreamTruncated)
    assert deltas


async def test_an_error_inside_a_stream_is_classified(call: Caller, simulator: Running) -> None:
    simulator.control(next=["error_in_stream"])
    outcome, _ = await call("openai", stream=True)
    assert isinstance(outcome, Overloaded)


async def test_silence_ends_at_the_first_token_timeout(call: Caller, simulator: Running) -> None:
    simulator.control(next=["hang"])
    outcome, _ = await call("openai", stream=True, first_token_timeout_s=0.1)
    assert isinstance(outcome, TimedOut)
    assert outcome.before_first_token


async def test_a_slow_stream_ends_at_the_whole_timeout(call: Caller, simulator: Running) -> None:
    simulator.control(tokens_per_s=20)
    outcome, deltas = await call("openai", stream=True, timeout_s=2, first_token_timeout_s=1.5)
    assert isinstance(outcome, TimedOut)
    assert not outcome.before_first_token
    assert deltas


async def test_a_refusal_is_an_answer(call: Caller, simulator: Running) -> None:
    for stream in (False, True):
        simulator.control(next=["refusal"])
        outcome, _ = await call("openai", stream=stream)
        assert completed(outcome).finish_reason == "refusal"
        assert completed(outcome).usage.output > 0


@pytest.mark.parametrize("name", ["openai", "azure", "mistral", "self"])
async def test_a_long_prefix_is_read_from_the_cache(call: Caller, name: str) -> None:
    body = {
        "messages": [
            {"role": "system", "content": "Be brief. " * 700},
            {"role": "user", "content": "Hello"},
        ]
    }
    first = completed((await call(name, body))[0]).usage
    second = completed((await call(name, body, prompt_cache=CacheKey("k")))[0]).usage
    assert first.cache_read == 0
    assert second.cache_read >= 1024
    assert second.input_total == first.input_total


async def test_what_mistral_does_not_know_is_dropped_with_a_warning(call: Caller) -> None:
    outcome, _ = await call("mistral", {"logit_bias": {"1": 2}, "seed": 3, "user": "me"})
    assert [warning.split()[0] for warning in completed(outcome).warnings] == ["logit_bias", "user"]


async def test_several_answers_cannot_be_streamed(call: Caller, simulator: Running) -> None:
    outcome, _ = await call("openai", {"n": 2}, stream=True)
    assert isinstance(outcome, RequestRejected)
    assert simulator.calls() == []


async def test_a_missing_key_names_its_variable(call: Caller, simulator: Running) -> None:
    call.environment.clear()
    outcome, _ = await call("openai")
    assert isinstance(outcome, BadCredentials)
    assert "PLANTED_KEY" in outcome.message
    assert simulator.calls() == []


async def test_the_request_id_reaches_the_provider(call: Caller, simulator: Running) -> None:
    await call("openai", request_id="r-17")
    assert [made["request_id"] for made in simulator.calls()] == ["r-17"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", EVERYONE)
async def test_one_connection_serves_call_after_call(
    simulator: Running,
    name: str,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    opened = 0

    async def count(*_: object) -> None:
        nonlocal opened
        opened += 1

    trace = TraceConfig()
    trace.on_connection_create_end.append(count)
    async with ClientSession(trace_configs=[trace]) as session:
        call = Caller(session, simulator.address)
        for _ in range(5):
            completed((await call(name, stream=stream))[0])
    assert opened == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("name", "processing"),
    [("openai", "flex"), ("bedrock", "flex"), ("anthropic", "standard")],
)
async def test_the_answer_tells_how_it_was_processed(
    call: Caller,
    name: str,
    processing: str,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    outcome, _ = await call(name, {"service_tier": "flex"}, stream=stream)
    assert processing_of(completed(outcome).body["service_tier"]) == processing
