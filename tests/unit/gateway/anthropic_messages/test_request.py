from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.answers.dialect import DialectCall
from gateway.anthropic_messages.request import read_messages_request
from gateway.errors.api_error import ApiError

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = [
    *("model", "messages", "system", "stop_sequences", "metadata", "tools", "tool_choice"),
    *("thinking", "output_config", "stream", "max_tokens"),
]
GOOD: dict[str, Any] = {
    "model": "m",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "x"}],
}


def read(**fields: Any) -> DialectCall:  # noqa: ANN401 a body's
    call = read_messages_request({**GOOD, **fields})
    assert isinstance(call, DialectCall)
    return call


@given(st.sampled_from(FIELDS), JSON)
def test_a_wrong_type_in_any_field_is_the_callers_error(field: str, value: object) -> None:
    read_messages_request({**GOOD, field: value})
    for role in ("user", "assistant"):
        nested = [{"role": role, "content": [{"type": "text", "text": "x"}, value]}]
        read_messages_request({**GOOD, "messages": nested})
        kinds = ("text", "image", "document", "tool_use", "tool_result", "thinking")
        blocks = [{"type": kind, "source": value, "input": value} for kind in kinds]
        for block in blocks:
            read_messages_request({**GOOD, "messages": [{"role": role, "content": [block]}]})


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"tools": [{"type": "odd", "name": "w"}]}, "tools.0.type"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "odd"}]}]}, "messages.0.content.0"),
    ],
)
def test_what_cannot_be_served_is_named(fields: dict[str, Any], param: str) -> None:
    error = read_messages_request({**GOOD, **fields})
    assert isinstance(error, ApiError)
    assert error.openai.status == 400
    assert (error.param or "").startswith(param)


def test_pictures_documents_and_texts() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "QQ=="}
    pdf = {**source, "media_type": "application/pdf"}
    content = [
        {"type": "image", "source": source},
        {"type": "image", "source": {"type": "url", "url": "https://x/y"}},
        {"type": "document", "title": "t.pdf", "source": pdf},
        {"type": "document", "source": {"type": "text", "data": "words"}},
    ]
    (message,) = read(messages=[{"role": "user", "content": content}]).body["messages"]
    assert message["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}},
        {"type": "image_url", "image_url": {"url": "https://x/y"}},
        {
            "type": "file",
            "file": {"filename": "t.pdf", "file_data": "data:application/pdf;base64,QQ=="},
        },
        {"type": "text", "text": "words"},
    ]


def test_tools_effort_and_form() -> None:
    tool = {"name": "w", "description": "d", "input_schema": {"type": "object"}}
    call = read(
        tools=[tool],
        tool_choice={"type": "tool", "name": "w", "disable_parallel_tool_use": True},
        thinking={"type": "adaptive"},
        output_config={"effort": "max", "format": {"type": "json_schema", "schema": {}}},
        betas=["x"],
    )
    assert call.body["tool_choice"] == {"type": "function", "function": {"name": "w"}}
    assert call.body["parallel_tool_calls"] is False
    assert call.body["reasoning_effort"] == "high"
    assert call.body["response_format"]["type"] == "json_schema"
    assert call.thoughts
    assert call.body["anthropic"]["fields"] == {"betas": ["x"]}
    for kind, told in (("any", "required"), ("auto", "auto"), ("none", "none")):
        assert read(tools=[tool], tool_choice={"type": kind}).body["tool_choice"] == told
