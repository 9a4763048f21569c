"""What becomes of every parameter in every dialect: passed, renamed, shaped, dropped, refused."""

from typing import Any

import pytest
from pydantic_core import from_json

from producers.contract import ChatBody
from runtime.config.catalog import Deployment, Model
from workers.prompt_cache.policy import Breakpoints, CacheKey, CachePlan, Unmarked
from workers.providers.anthropic.request import AnthropicDialect
from workers.providers.base.call_outcome import RequestRejected
from workers.providers.base.dialect import Dialect, WireRequest
from workers.providers.base.parameters import (
    Dropped,
    ParameterRefused,
    ParameterTable,
    Passed,
    Renamed,
    Shaped,
)
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.bedrock.request import BedrockDialect
from workers.providers.blocks.parameters import ANTHROPIC, BEDROCK
from workers.providers.openai.parameters import COMPATIBLE, MISTRAL, OPENAI
from workers.providers.openai.request import OpenAiDialect
from workers.providers.registry import dialect_of

TABLES: dict[str, ParameterTable] = {
    "openai": OPENAI,
    "mistral": MISTRAL,
    "self": COMPATIBLE,
    "anthropic": ANTHROPIC,
    "aws": BEDROCK,
}
DIALECTS: dict[str, Dialect] = {"anthropic": AnthropicDialect(), "aws": BedrockDialect()}
VALUES: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 7,
    "stop": ["END"],
    "seed": 3,
    "n": 2,
    "max_tokens": 2000,
    "max_completion_tokens": 2000,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "logit_bias": {"1": 2},
    "logprobs": True,
    "top_logprobs": 2,
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "parallel_tool_calls": False,
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
    "reasoning_effort": "low",
    "user": "u",
    "safety_identifier": "u",
    "metadata": {"a": "b"},
    "store": True,
    "service_tier": "flex",
    "prompt_cache_key": "k",
    "prediction": {"type": "content", "content": "x"},
    "verbosity": "low",
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy"},
    "functions": [{"name": "f"}],
    "function_call": "auto",
    "web_search_options": {},
    "something_new": 1,
}
CAPABLE = frozenset({"tools", "images", "json_schema", "logprobs", "reasoning"})


def call(
    provider: str,
    plan: CachePlan | None = None,
    wire_model: str = "claude-haiku-4-5",
    capabilities: frozenset[Any] = CAPABLE,
    **parameters: Any,  # noqa: ANN401 - any parameter
) -> ProviderRequest:
    chosen = Deployment(
        model="m", provider=provider, wire_model=wire_model, base_url="http://x", zone="eu"
    )
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "Hello"}]
    body = ChatBody.model_validate({"messages": messages, **parameters})
    model = Model(family="f", context_window=9999, capabilities=capabilities)
    return ProviderRequest(chosen, model, body, 1, 1, plan or Unmarked())


def say(provider: str, *, stream: bool = False, **told: Any) -> WireRequest | RequestRejected:  # noqa: ANN401 - any parameter
    return DIALECTS.get(provider, OpenAiDialect()).encode_request(
        call(provider, **told), stream=stream
    )


def body(provider: str, **told: Any) -> dict[str, Any]:  # noqa: ANN401 - any parameter
    request = say(provider, **told)
    assert isinstance(request, WireRequest), request
    wire: dict[str, Any] = from_json(request.body)
    return wire


@pytest.mark.parametrize("provider", TABLES)
@pytest.mark.parametrize("name", VALUES)
def test_every_parameter_is_treated_as_its_table_says(provider: str, name: str) -> None:
    value, request = VALUES[name], say(provider, **{name: VALUES[name]})
    match TABLES[provider].treatment(name):
        case Passed():
            assert isinstance(request, WireRequest)
            assert from_json(request.body)[name] == value
        case Renamed(to):
            assert isinstance(request, WireRequest)
            assert from_json(request.body)[to] == value
        case Shaped():
            assert isinstance(request, WireRequest)
            assert request.warnings == ()
        case Dropped(why):
            assert isinstance(request, WireRequest)
            assert request.warnings == (f"{name} was dropped: {why}",)
            assert name not in from_json(request.body)
        case ParameterRefused(why):
            assert isinstance(request, RequestRejected)
            assert request.message == f"{name}: {why}"


@pytest.mark.parametrize("provider", TABLES)
def test_a_value_that_asks_for_nothing_neither_warns_nor_is_refused(provider: str) -> None:
    request = say(provider, n=1, logprobs=False, frequency_penalty=0, service_tier="auto")
    assert isinstance(request, WireRequest)
    assert request.warnings == ()


@pytest.mark.parametrize(
    ("provider", "told", "place", "expected"),
    [
        ("anthropic", {"temperature": 0.5}, ("temperature",), 0.5),
        ("anthropic", {"temperature": 1.5}, ("temperature",), 1),
        ("anthropic", {"top_k": 7}, ("top_k",), 7),
        ("anthropic", {"stop": "END"}, ("stop_sequences",), ["END"]),
        ("anthropic", {"max_completion_tokens": 9}, ("max_tokens",), 9),
        ("anthropic", {"user": "u"}, ("metadata", "user_id"), "u"),
        (
            "anthropic",
            {"reasoning_effort": "medium", "max_tokens": 9000},
            ("thinking", "budget_tokens"),
            4096,
        ),
        (
            "anthropic",
            {"reasoning_effort": "high", "wire_model": "claude-opus-4-6"},
            ("output_config", "effort"),
            "high",
        ),
        ("aws", {"temperature": 0.5}, ("inferenceConfig", "temperature"), 0.5),
        ("aws", {"top_p": 0.9}, ("inferenceConfig", "topP"), 0.9),
        ("aws", {"stop": "END"}, ("inferenceConfig", "stopSequences"), ["END"]),
        ("aws", {"top_k": 7}, ("additionalModelRequestFields", "top_k"), 7),
        ("aws", {"metadata": {"a": "b"}}, ("requestMetadata", "a"), "b"),
        ("aws", {"service_tier": "flex"}, ("serviceTier", "type"), "flex"),
        ("openai", {"max_tokens": 9}, ("max_completion_tokens",), 9),
        ("mistral", {"max_tokens": 9}, ("max_tokens",), 9),
        ("mistral", {"stream": True}, ("stream",), True),
    ],
)
def test_where_a_shaped_value_arrives(
    provider: str, told: dict[str, Any], place: tuple[str, ...], expected: object
) -> None:
    found: Any = body(provider, **told)
    for step in place:
        found = found[step]
    assert found == expected


@pytest.mark.parametrize(
    ("told", "warning"),
    [
        ({"temperature": 1.5}, "temperature was lowered to 1"),
        ({"temperature": 0.5, "top_p": 0.5}, "top_p was dropped: not taken beside temperature"),
        (
            {"temperature": 0.5, "reasoning_effort": "low", "max_tokens": 5000},
            "temperature was dropped: not taken beside thinking",
        ),
        (
            {"temperature": 0.5, "wire_model": "claude-opus-4-7"},
            "temperature was dropped: this model takes no sampling parameters",
        ),
        ({"reasoning_effort": "low", "max_tokens": 100}, "max_tokens leaves no room"),
        (
            {"reasoning_effort": "low", "capabilities": frozenset[str]()},
            "reasoning_effort was dropped: the model does not reason",
        ),
        (
            {"reasoning_effort": "low", "tools": VALUES["tools"], "tool_choice": "required"},
            "reasoning_effort was dropped: not taken beside a forced tool call",
        ),
        ({"response_format": {"type": "json_object"}}, "was put into the system prompt"),
        ({"stop": ["\n", "END"]}, "sequences of white space only were dropped"),
    ],
)
@pytest.mark.parametrize("provider", ["anthropic", "aws"])
def test_what_claude_does_not_take_is_said(
    provider: str, told: dict[str, Any], warning: str
) -> None:
    request = say(provider, **told)
    assert isinstance(request, WireRequest)
    assert any(warning in each for each in request.warnings)


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ({}, "2026-10-21"),
        ({"temperature": 0.5}, "2023-06-01"),
        ({"temperature": 0.5, "wire_model": "claude-opus-4-7"}, "2026-10-21"),
    ],
)
def test_anthropic_gets_the_newest_version_that_takes_what_is_asked(
    told: dict[str, Any], version: str
) -> None:
    request = say("anthropic", **told)
    assert isinstance(request, WireRequest)
    assert request.headers == {"anthropic-version": version}


def test_openai_is_told_the_cache_key_unless_the_caller_has_one() -> None:
    assert body("openai", plan=CacheKey("ours"))["prompt_cache_key"] == "ours"
    own = body("openai", plan=CacheKey("ours"), prompt_cache_key="own")
    assert own["prompt_cache_key"] == "own"
    assert "prompt_cache_key" not in body("self", plan=CacheKey("ours"))


def test_an_anchor_that_is_not_there_is_skipped() -> None:
    plan = Breakpoints(("tools", "system", 7))
    assert body("anthropic", plan=plan)["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert body("aws", plan=plan)["system"][1] == {"cachePoint": {"type": "default"}}


@pytest.mark.parametrize(
    ("api_version", "base_url", "path"),
    [
        ("2024-10-21", "http://x", "/openai/deployments/d/chat/completions?api-version=2024-10-21"),
        ("2024-05-01", "http://x/models", "/chat/completions?api-version=2024-05-01"),
        (None, "http://x/openai/v1", "/chat/completions"),
    ],
)
def test_azure_s_three_addresses(api_version: str | None, base_url: str, path: str) -> None:
    asked = call("azure", wire_model="d")
    told = {"api_version": api_version, "base_url": base_url}
    moved = ProviderRequest(asked.deployment.model_copy(update=told), asked.model, asked.body, 1, 1)
    request = OpenAiDialect().encode_request(moved, stream=False)
    assert isinstance(request, WireRequest)
    assert request.path == path


@pytest.mark.parametrize("embeds", [False, True])
def test_azures_models_address_counts_where_the_environment_says_it(*, embeds: bool) -> None:
    asked = call("azure", wire_model="d")
    told = {"api_version": "2024-05-01", "base_url": "http://x", "base_url_env": "AZURE_URL"}
    deployment = asked.deployment.model_copy(update=told)
    change = {"embeddings": {"input": ["a"]}} if embeds else {}
    body = asked.body.model_copy(update=change)
    dialect = dialect_of(deployment, "http://y/models/")
    request = dialect.encode_request(
        ProviderRequest(deployment, asked.model, body, 1, 1), stream=False
    )
    assert isinstance(request, WireRequest)
    operation = "embeddings" if embeds else "chat/completions"
    assert request.path == f"/{operation}?api-version=2024-05-01"


TOOL_LOOP: list[dict[str, Any]] = [
    {"role": "user", "content": "Hi"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "a", "content": "Rain"},
]


@pytest.mark.parametrize("provider", ["anthropic", "aws"])
def test_a_loop_that_another_provider_began_goes_on_without_thoughts(provider: str) -> None:
    asked: dict[str, Any] = {"reasoning_effort": "high", "max_tokens": 9000}
    asked["tools"] = VALUES["tools"]
    request = say(provider, messages=TOOL_LOOP, **asked)
    assert isinstance(request, WireRequest)
    assert "thinking" not in str(request.body)
    assert "without the model's own thoughts" in request.warnings[0]
    block = {"type": "thinking", "thinking": "hm", "signature": "s"}
    own = [TOOL_LOOP[0], {**TOOL_LOOP[1], "thinking_blocks": [block]}, TOOL_LOOP[2]]
    request = say(provider, messages=own, **asked)
    assert isinstance(request, WireRequest)
    assert b"budget_tokens" in request.body
    assert request.warnings == ()
    adaptive = say(provider, messages=TOOL_LOOP, wire_model="claude-opus-4-6", **asked)
    assert isinstance(adaptive, WireRequest)
    assert b"adaptive" in adaptive.body


@pytest.mark.parametrize("more", [{}, {"tools": []}])
def test_bedrock_is_told_the_tools_of_the_history(more: dict[str, Any]) -> None:
    request = say("aws", messages=TOOL_LOOP, **more)
    assert isinstance(request, WireRequest)
    (tool,) = from_json(request.body)["toolConfig"]["tools"]
    assert tool["toolSpec"]["name"] == "f"
    assert "told again" in request.warnings[0]


@pytest.mark.parametrize(("mode", "choice"), [("required", "any"), ("auto", "auto")])
def test_a_choice_among_some_tools_leaves_the_others_out(mode: str, choice: str) -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in "fgh"]
    fields = {"mode": mode, "tools": [tools[0], {"type": "function", "name": "h"}]}
    for told in ({"allowed_tools": fields}, fields):
        asked = {"tools": tools, "tool_choice": {"type": "allowed_tools", **told}}
        made = body("anthropic", **asked)
        assert [tool["name"] for tool in made["tools"]] == ["f", "h"]
        assert made["tool_choice"] == {"type": choice}
        config = body("aws", **asked)["toolConfig"]
        assert [tool["toolSpec"]["name"] for tool in config["tools"]] == ["f", "h"]
        assert config["toolChoice"] == {choice: {}}


@pytest.mark.parametrize("provider", ["anthropic", "aws"])
@pytest.mark.parametrize(
    ("told", "warning"),
    [
        ({"tools": VALUES["tools"], "tool_choice": {"type": "new"}}, "tool_choice was dropped"),
        ({"response_format": {"type": "grammar"}}, "response_format was dropped"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": {"type": "integer", "minimum": 1}},
                }
            },
            "minimum became words",
        ),
    ],
)
def test_what_has_no_like_is_dropped_aloud(
    provider: str, told: dict[str, Any], warning: str
) -> None:
    request = say(provider, **told)
    assert isinstance(request, WireRequest)
    assert any(warning in each for each in request.warnings)


def test_a_null_n_and_both_limits_are_no_trouble() -> None:
    assert isinstance(say("openai", stream=True, n=None), WireRequest)
    made = body("self", max_tokens=5, max_completion_tokens=7)
    assert made["max_tokens"] == 7
    assert "max_completion_tokens" not in made
