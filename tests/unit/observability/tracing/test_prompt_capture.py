"""Held to the JSON schemas of the GenAI conventions, written down here as far as we use them."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.tracing.prompt_capture import MAX_TEXT, content_attributes
from observability.tracing.semconv import INPUT_MESSAGES, OUTPUT_MESSAGES

TEXT = {"type": "string"}


def part(kind: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 schemas
    properties = {"type": {"const": kind}, **fields}
    return {"type": "object", "properties": properties, "required": list(properties)}


PARTS = [
    part("text", content=TEXT),
    part("reasoning", content=TEXT),
    part("uri", modality={"enum": ["image"]}, uri=TEXT),
    part("tool_call", id=TEXT, name=TEXT, arguments={}),
    part("tool_call_response", id=TEXT, response={}),
    {
        "type": "object",
        "properties": {"type": {"enum": ["image_url", "input_audio", "file", "unknown"]}},
        "required": ["type"],
        "additionalProperties": False,
    },
]
MESSAGES = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
            "parts": {"type": "array", "items": {"oneOf": PARTS}},
            "name": TEXT,
            "finish_reason": {
                "enum": ["stop", "length", "content_filter", "tool_call", "error", "refusal"]
            },
        },
        "required": ["role", "parts"],
        "additionalProperties": False,
    },
}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def asked(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    told = json.loads(str(content_attributes(messages)[INPUT_MESSAGES]))
    jsonschema.validate(told, MESSAGES)
    assert isinstance(told, list)
    return told


def answered(*choices: dict[str, Any]) -> list[dict[str, Any]]:
    told = json.loads(str(content_attributes([], {"choices": choices})[OUTPUT_MESSAGES]))
    jsonschema.validate(told, MESSAGES)
    assert isinstance(told, list)
    return told


def test_a_conversation_in_its_order() -> None:
    told = asked(
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Grüße?"}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "7"},
    )
    assert told == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Grüße?"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c1", "name": "f", "arguments": '{"a": 1}'}],
        },
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": "c1", "response": "7"}],
        },
    ]


def test_an_answer_with_its_finish_reason() -> None:
    message = {"role": "assistant", "content": "42", "reasoning_content": "Six times seven."}
    assert answered({"message": message, "finish_reason": "stop"}) == [
        {
            "role": "assistant",
            "finish_reason": "stop",
            "parts": [
                {"type": "reasoning", "content": "Six times seven."},
                {"type": "text", "content": "42"},
            ],
        }
    ]
    called = {"message": {"role": "assistant", "tool_calls": [CALL]}, "finish_reason": "tool_calls"}
    assert answered(called)[0]["finish_reason"] == "tool_call"


def test_without_an_answer_there_is_no_output() -> None:
    assert content_attributes([{"role": "user", "content": "x"}]).keys() == {INPUT_MESSAGES}


def test_an_image_is_named_but_neither_shown_nor_signed_for() -> None:
    (told,) = asked(
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "https://x.example/a.png?sig=abc"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
                {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
            ],
        }
    )
    assert told["parts"] == [
        {"type": "uri", "modality": "image", "uri": "https://x.example/a.png"},
        {"type": "image_url"},
        {"type": "input_audio"},
    ]


def test_of_what_is_too_long_the_end_of_the_conversation_is_kept() -> None:
    long = [{"role": "user", "content": f"{number} " + "x" * 7_000} for number in range(10)]
    told = asked(*long)
    assert [message["parts"][0]["content"][:2] for message in told] == ["7 ", "8 ", "9 "]
    assert told[0]["parts"][0]["content"].endswith("x … of 7,002 characters")
    assert sum(len(message["parts"][0]["content"]) for message in told) < MAX_TEXT + 50
    assert len(str(asked(*[{"role": "user", "content": ""}] * 5_000))) < 2 * MAX_TEXT


@pytest.mark.parametrize("before", [0, MAX_TEXT - 20, MAX_TEXT - 5, MAX_TEXT + 5])
def test_a_key_in_a_prompt_is_redacted_also_where_the_cut_goes_through_it(before: int) -> None:
    key = "sk-planted-0123456789abcdef"
    (told,) = asked({"role": "user", "content": "x " * (before // 2) + key + " and more"})
    assert key[:9] not in str(told)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(content=JUNK, calls=st.lists(JUNK, max_size=2))
def test_whatever_passes_through_does_not_raise(content: object, calls: list[object]) -> None:
    if isinstance(content, str | list | None):
        attributes = content_attributes([{"role": "user", "content": content, "tool_calls": calls}])
        (message,) = json.loads(str(attributes[INPUT_MESSAGES]))
        assert message["role"] == "user"


def test_names_and_what_tools_say_are_held_to_the_same_rules() -> None:
    key, picture = "sk-abcdefghijklmnop", "data:image/png;base64,iVBORw0KGgo="
    told = json.dumps(
        content_attributes(
            [
                {"role": "user", "name": key, "content": "hi"},
                {
                    "role": "assistant",
                    "tool_calls": [{"id": key, "function": {"name": key, "arguments": "{}"}}],
                },
                {
                    "role": "tool",
                    "tool_call_id": key,
                    "content": [{"type": "image_url", "image_url": {"url": picture}}],
                },
            ]
        )
    )
    assert key not in told
    assert picture not in told
