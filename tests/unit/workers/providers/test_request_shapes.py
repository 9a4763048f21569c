"""A request's own shape never breaks an adapter: any JSON in any field of a valid request."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from producers.contract import ChatBody
from runtime.config.catalog import Deployment, Model
from workers.prompt_cache.policy import Breakpoints
from workers.providers.anthropic.request import AnthropicDialect
from workers.providers.base.call_outcome import RequestRejected
from workers.providers.base.dialect import Dialect, WireRequest
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.bedrock.request import BedrockDialect
from workers.providers.openai.request import OpenAiDialect
from workers.providers.prompt_adaptation import adapt_prompt

DIALECTS: dict[str, tuple[Dialect, str]] = {
    "openai": (OpenAiDialect(), "gpt-4o"),
    "azure": (OpenAiDialect(), "gpt-4o"),
    "mistral": (OpenAiDialect(), "mistral-small"),
    "self": (OpenAiDialect(), "llama"),
    "anthropic": (AnthropicDialect(), "claude-haiku-4-5"),
    "aws": (BedrockDialect(), "claude-opus-4-7"),
}
CAPABLE: frozenset[Any] = frozenset({"tools", "images", "json_schema", "logprobs", "reasoning"})
PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
HELLO = {"role": "user", "content": "Hello"}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 9}, "n": {"type": ["integer", "null"]}},
    "required": ["city"],
    "$defs": {"x": {"anyOf": [{"const": 1}, {"enum": ["a"]}]}},
}
TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "Does.", "parameters": SCHEMA, "strict": True},
}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
THOUGHTS = [
    {"type": "thinking", "thinking": "hm", "signature": "s"},
    {"type": "redacted_thinking", "data": "abc="},
]
SEEDS: list[dict[str, Any]] = [
    {
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "Be brief."}], "name": "s"},
            {"role": "developer", "content": "Be good."},
            {
                "role": "user",
                "name": "Ann",
                "content": [
                    {"type": "text", "text": "What is this?", "cache_control": {"type": "x"}},
                    {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "reasoning_content": "hm",
                "thinking_blocks": THOUGHTS,
                "annotations": [],
                "audio": None,
                "function_call": None,
                "tool_calls": [CALL, {**CALL, "id": "b"}],
            },
            {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "Rain"}]},
            {"role": "tool", "tool_call_id": "b", "content": "Sun"},
        ],
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": False,
        "max_tokens": 5000,
        "reasoning_effort": "low",
    },
    {
        "messages": [HELLO, {"role": "assistant", "content": "Hi"}, HELLO],
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 7,
        "stop": ["END", "\n"],
        "max_completion_tokens": 9000,
        "reasoning_effort": "high",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "n", "description": "d", "schema": SCHEMA, "strict": True},
        },
        "metadata": {"a": "b"},
        "user": "u",
        "safety_identifier": "u",
        "service_tier": "flex",
        "thinking": {"type": "enabled"},
        "stream_options": {"include_usage": True},
        "n": 1,
        "seed": 3,
        "logit_bias": {"1": 2},
        "prompt_cache_key": "k",
        "store": False,
        "modalities": ["text"],
    },
    {
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": PIXEL}]}],
        "tools": [TOOL, {**TOOL, "function": {"name": "g"}}],
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "required",
                "tools": [{"type": "function", "function": {"name": "f"}}],
            },
        },
        "response_format": {"type": "json_object"},
    },
]

Path = tuple[str | int, ...]


def paths(value: object, here: Path = ()) -> Iterator[Path]:
    """The place of every value inside, containers as well."""
    if here:
        yield here
    items: Any = enumerate(value) if isinstance(value, list) else ()
    for name, inner in value.items() if isinstance(value, dict) else items:
        yield from paths(inner, (*here, name))


PLACES = [(index, path) for index, seed in enumerate(SEEDS) for path in paths(seed)]
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 10**20)
    | st.floats()
    | st.sampled_from(["", " ", "x", "f", "auto", "required", "json_schema", "text", "image_url"])
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["type", "function", "name", "url", "image_url", "text", "id", "schema", "anyOf"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def put(body: Any, path: Path, value: object) -> None:  # noqa: ANN401 - JSON
    for name in path[:-1]:
        body = body[name]
    body[path[-1]] = value


def drop(body: Any, path: Path) -> None:  # noqa: ANN401 - JSON
    for name in path[:-1]:
        body = body[name]
    del body[path[-1]]


@st.composite
def mutants(draw: st.DrawFn) -> dict[str, Any]:
    """A valid request of some kind with other JSON, or nothing, in one to three of its fields."""
    index = draw(st.integers(0, len(SEEDS) - 1))
    body = deepcopy(SEEDS[index])
    places = [path for seed, path in PLACES if seed == index]
    for path in draw(st.lists(st.sampled_from(places), min_size=1, max_size=3)):
        try:
            if draw(st.booleans()):
                put(body, path, draw(json_values))
            else:
                drop(body, path)
        except (KeyError, IndexError, TypeError):  # an earlier change took the place away
            continue
    return body


def request(provider: str, body: object) -> ProviderRequest | None:
    """None when the contract itself refuses the body, before it comes near an adapter."""
    try:
        parsed = ChatBody.model_validate(body)
    except ValidationError:
        return None
    deployment = Deployment(
        model="m",
        provider=provider,
        wire_model=DIALECTS[provider][1],
        base_url="http://x",
        zone="eu",
    )
    model = Model(family="f", context_window=9999, capabilities=CAPABLE)
    plan = Breakpoints(("tools", "system", 2))
    return ProviderRequest(deployment, model, parsed, 1, 1, plan)


def no_constants(text: str) -> float:
    raise AssertionError(f"{text} is no JSON")


def check(provider: str, body: dict[str, Any], *, stream: bool) -> None:
    asked = request(provider, body)
    assume(asked is not None)
    assert asked is not None
    result = DIALECTS[provider][0].encode_request(asked, stream=stream)
    if isinstance(result, RequestRejected):
        assert result.message
        assert result.code in {"unsupported_content", "unsupported_parameter"}
        return
    assert isinstance(result, WireRequest)
    wire = json.loads(result.body, parse_constant=no_constants)
    assert isinstance(wire, dict)
    assert wire["messages"]


@pytest.mark.parametrize("provider", DIALECTS)
@given(mutants(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_json_in_any_field_is_translated_or_refused(
    provider: str,
    body: dict[str, Any],
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    check(provider, body, stream=stream)


@given(mutants())
@settings(deadline=None)
def test_any_json_in_any_field_is_adapted_to_a_plain_model(body: dict[str, Any]) -> None:
    asked = request("self", body)
    assume(asked is not None)
    assert asked is not None
    plain = Model(family="f", context_window=9999, capabilities=frozenset())
    assert adapt_prompt(asked.body, plain).body.messages


@pytest.mark.parametrize("provider", DIALECTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_seeds_themselves_are_said_by_everyone(provider: str, seed: dict[str, Any]) -> None:
    asked = request(provider, seed)
    assert asked is not None
    result = DIALECTS[provider][0].encode_request(asked, stream=True)
    assert isinstance(result, WireRequest), result


@pytest.mark.parametrize("provider", ["anthropic", "aws"])
@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"tools": [{"type": "function"}]}, "tools[0].function must be an object"),
        ({"tools": [{"type": "custom", "custom": {}}]}, "tools[0].type 'custom'"),
        ({"tools": [{"function": {"name": None}}]}, "tools[0].function.name"),
        ({"stop": [["x"]]}, "stop[0] must be a text"),
        ({"stop": {}}, "stop must be a list"),
        ({"top_p": "high"}, "top_p must be a number"),
        ({"reasoning_effort": {}}, "reasoning_effort must be a text"),
        (
            {"response_format": {"type": "json_schema", "json_schema": "x"}},
            "response_format.json_schema must be an object",
        ),
        (
            {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "a"}]}]},
            "messages[0].tool_calls[0].function must be an object",
        ),
        (
            {"messages": [HELLO, {"role": "user", "content": [{"text": "x"}]}]},
            "messages[1].content[0]",
        ),
    ],
)
def test_a_refusal_names_the_field(provider: str, change: dict[str, Any], place: str) -> None:
    asked = request(provider, {"messages": [HELLO], **change})
    assert asked is not None
    result = DIALECTS[provider][0].encode_request(asked, stream=False)
    assert isinstance(result, RequestRejected)
    assert place in result.message


@pytest.mark.parametrize("provider", DIALECTS)
def test_no_number_that_json_does_not_know_goes_onto_the_wire(provider: str) -> None:
    parameters = {"type": "object", "minimum": float("nan")}
    tools = [{"type": "function", "function": {"name": "f", "parameters": parameters}}]
    asked = request(provider, {"messages": [HELLO], "tools": tools})
    assert asked is not None
    result = DIALECTS[provider][0].encode_request(asked, stream=False)
    assert isinstance(result, RequestRejected)
    assert "must be a finite number" in result.message
    assert "minimum" in result.message
    said = {"messages": [{"role": "user", "content": "Is NaN less than Infinity?"}]}
    spoken = request(provider, said)
    assert spoken is not None
    assert isinstance(DIALECTS[provider][0].encode_request(spoken, stream=False), WireRequest)
