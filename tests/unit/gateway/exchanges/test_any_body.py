"""Is every body either a request of the contract or a 4xx that says what is wrong?"""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.api_keys import Caller
from gateway.answers.dialect import HttpDialect
from gateway.anthropic_messages.dialect import AnthropicMessages
from gateway.connections.connection import Connection, RequestInfo
from gateway.connections.http_limits import HttpLimits
from gateway.errors.api_error import ApiError
from gateway.exchanges.submissions import Accepted, accept
from gateway.openai_chat.dialect import OpenAIChat
from gateway.openai_responses.dialect import OpenAIResponses
from producers.contract import Request, codec

SCHEMA: Any = {"type": "object", "properties": {"city": {"type": "string"}}}
IMAGE: Any = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
CHAT: Any = {
    "model": "auto",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": "ok"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}},
    "max_completion_tokens": 9,
    "temperature": 0.5,
    "n": 2,
    "logprobs": True,
    "stream": True,
    "stream_options": {"include_usage": True},
    "switchgear": {"tier": "economy", "residency": ["eu"], "cache": {"mode": "no-store"}},
}
MESSAGES: Any = {
    "model": "auto",
    "max_tokens": 9,
    "system": [{"type": "text", "text": "Be brief."}],
    "messages": [
        {"role": "user", "content": [{"type": "image", "source": IMAGE}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": "x"}],
        },
    ],
    "tools": [{"name": "f", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}}],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2_000},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    "stop_sequences": ["END"],
    "metadata": {"user_id": "u"},
    "stream": True,
}
RESPONSES: Any = {
    "model": "auto",
    "instructions": "Be brief.",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sgt1.W10="},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": "x"},
        {"type": "function_call_output", "call_id": "c", "output": "ok"},
        {
            "type": "custom_tool_call_output",
            "call_id": "d",
            "output": [{"type": "input_image", "image_url": "data:image/png;base64,AA"}],
        },
        {"role": "user", "content": [{"type": "input_file", "file_data": "data:x;base64,AA"}]},
    ],
    "tools": [
        {"type": "function", "name": "f", "parameters": SCHEMA, "strict": True},
        {"type": "custom", "name": "g", "format": {"type": "grammar", "definition": "x"}},
    ],
    "tool_choice": {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "function", "name": "f"}],
    },
    "text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "max_output_tokens": 9,
    "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
    "top_logprobs": 2,
    "metadata": {"a": "b"},
    "parallel_tool_calls": False,
    "store": True,
    "stream": True,
    "background": False,
}
DIALECTS: list[Any] = [
    pytest.param(OpenAIChat(), CHAT, id="chat"),
    pytest.param(AnthropicMessages(), MESSAGES, id="messages"),
    pytest.param(OpenAIResponses(), RESPONSES, id="responses"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(value: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 JSON
    """The path of every value inside."""
    if not isinstance(value, dict | list):
        return []
    items: Any = value.items() if isinstance(value, dict) else enumerate(value)
    return [
        path for step, inner in items for path in [(step,), *((step, *p) for p in places(inner))]
    ]


def read(dialect: HttpDialect, body: object) -> Accepted | ApiError:
    info = RequestInfo("r")
    scope: Any = {"method": "POST", "path": "/v1/x", "headers": [], "switchgear": info}
    connection = Connection(scope, None, None, HttpLimits())  # type: ignore[arg-type]
    raw = json.dumps(body).encode()
    return accept(connection, dialect, Caller("a", "t", None), raw, {})


@pytest.mark.parametrize(
    ("dialect", "sample"), DIALECTS, ids=lambda each: getattr(each, "name", "")
)
@given(data=st.data())
def test_any_value_in_any_field(dialect: HttpDialect, sample: object, data: st.DataObject) -> None:
    body: Any = copy.deepcopy(sample)
    *way, last = data.draw(st.sampled_from(places(sample)))
    room = body
    for step in way:
        room = room[step]
    room[last] = data.draw(JSON)
    outcome = read(dialect, body)
    if isinstance(outcome, ApiError):
        assert 400 <= dialect.error_status(outcome).status < 500
        assert outcome.message
        assert len(outcome.message) < 1_000
    else:
        encoded = codec.encode_request(outcome.submission.request)
        assert isinstance(codec.decode_request(encoded), Request)


@pytest.mark.parametrize(
    ("dialect", "sample"), DIALECTS, ids=lambda each: getattr(each, "name", "")
)
def test_the_samples_are_taken(dialect: HttpDialect, sample: object) -> None:
    assert isinstance(read(dialect, sample), Accepted)
