"""A field of a wrong type is refused by its name, in each dialect; a null is no field."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from gateway.answers.dialect import DialectCall
from gateway.anthropic_messages.request import read_messages_request
from gateway.errors.api_error import ApiError
from gateway.openai_chat.request import read_chat_request
from gateway.openai_responses.request import ResponseHistory, read_responses_request

Read = Callable[[Mapping[str, Any]], object]
MESSAGES = [{"role": "user", "content": "Hi"}]
BASES: dict[str, dict[str, Any]] = {
    "chat": {"model": "m", "messages": MESSAGES},
    "responses": {"model": "m", "input": "Hi"},
    "messages": {"model": "m", "max_tokens": 9, "messages": MESSAGES},
}
READERS: dict[str, Read] = {
    "chat": read_chat_request,
    "responses": lambda body: read_responses_request(body, ResponseHistory()),
    "messages": read_messages_request,
}
RIGHT: dict[str, dict[str, Any]] = {
    "chat": {
        "temperature": 1,
        "top_p": 0.5,
        "frequency_penalty": -1,
        "presence_penalty": 0,
        "seed": 7,
        "top_logprobs": 2,
        "max_tokens": 9,
        "max_completion_tokens": 9,
        "n": 2,
        "stop": ["a", "b"],
        "modalities": ["text"],
        "tools": [{}],
        "tool_choice": "auto",
        "logit_bias": {"1": 2},
        "metadata": {},
        "response_format": {},
        "audio": {},
        "prediction": {},
        "web_search_options": {},
        "user": "u",
        "service_tier": "auto",
        "verbosity": "low",
        "reasoning_effort": "low",
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "logprobs": True,
        "parallel_tool_calls": False,
        "store": False,
        "stream": True,
    },
    "responses": {
        "instructions": "Be kind.",
        "service_tier": "auto",
        "truncation": "auto",
        "user": "u",
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "stream": True,
        "store": True,
        "background": True,
        "parallel_tool_calls": True,
        "temperature": 1,
        "top_p": 0.5,
        "max_output_tokens": 9,
        "max_tool_calls": 9,
        "top_logprobs": 2,
        "metadata": {},
        "reasoning": {},
        "text": {},
        "stream_options": {},
        "include": ["a"],
        "tools": [],
        "tool_choice": "auto",
        "context_management": [],
    },
    "messages": {
        "service_tier": "auto",
        "inference_geo": "eu",
        "stream": True,
        "temperature": 1,
        "top_p": 0.5,
        "max_tokens": 9,
        "top_k": 4,
        "metadata": {},
        "thinking": {},
        "tool_choice": {"type": "auto"},
        "output_config": {},
        "context_management": {},
        "tools": [],
        "system": [{"type": "text", "text": "a"}],
        "stop_sequences": ["a"],
        "container": "c",
    },
}
ANY: list[Any] = [True, 7, 1.5, "x", ["x"], [1], [{}], {"a": 1}]
FIELDS = [(dialect, name) for dialect, fields in RIGHT.items() for name in fields]


def kinds(value: object) -> set[type]:
    """A number is a whole one or isn't; a list is what its entries are."""
    if isinstance(value, list):
        return {list, type(value[0])} if value else {list}
    return {type(value), float} if type(value) is int else {type(value)}


@pytest.mark.parametrize(("dialect", "name"), FIELDS)
def test_a_right_value_and_a_null_pass_and_wrong_ones_are_named(dialect: str, name: str) -> None:
    base, read = BASES[dialect], READERS[dialect]
    for passes in (RIGHT[dialect][name], *([None] if name not in base else [])):
        read_one = read({**base, name: passes})
        assert not isinstance(read_one, ApiError), read_one
    refused = [read({**base, name: value}) for value in ANY]
    errors = [error for error in refused if isinstance(error, ApiError)]
    # at most two kinds of all these are right anywhere: a text or texts, a text or an object
    assert len(errors) >= 4
    for error in errors:
        assert (error.param or "").partition(".")[0] == name
        assert error.message.startswith(f"{error.param}: ")
    assert isinstance(read({**base, name: object()}), ApiError)


def part(content: dict[str, Any]) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": [content]}]}


UNSERVED: list[tuple[str, dict[str, Any], str]] = [
    ("chat", {"functions": [{}]}, "functions"),
    ("chat", {"function_call": "auto"}, "function_call"),
    ("chat", {"modalities": ["text", "audio"], "audio": {}}, "modalities"),
    ("responses", part({"type": "input_image", "file_id": "f"}), "input.0.content.0.file_id"),
    ("responses", part({"type": "input_file", "file_id": "f"}), "input.0.content.0.file_id"),
    ("responses", part({"type": "input_file", "file_url": "u"}), "input.0.content.0.file_url"),
    ("messages", {"thinking": {"type": "sometimes"}}, "thinking.type"),
    ("messages", {"tool_choice": {"type": "any"}}, "tool_choice"),
    ("messages", {"messages": [{"role": "user", "content": []}]}, "messages.0.content"),
]


@pytest.mark.parametrize(("dialect", "fields", "name"), UNSERVED)
def test_what_is_not_served_is_refused_by_its_name(
    dialect: str, fields: dict[str, Any], name: str
) -> None:
    error = READERS[dialect]({**BASES[dialect], **fields})
    assert isinstance(error, ApiError)
    assert (error.code, error.param) == ("invalid_request", name)


def test_what_is_dropped_is_told() -> None:
    cut = READERS["responses"]({**BASES["responses"], "truncation": "auto"})
    shown = {"type": "adaptive", "display": "omitted"}
    thinks = READERS["messages"]({**BASES["messages"], "thinking": shown})
    for call, name in ((cut, "truncation"), (thinks, "thinking.display")):
        assert isinstance(call, DialectCall)
        assert any(warning.startswith(f"{name} was dropped") for warning in call.warnings)


@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_what_is_not_known_here_is_the_providers_affair(dialect: str) -> None:
    for value in ANY:
        assert not isinstance(READERS[dialect]({**BASES[dialect], "new": value}), ApiError)
