"""OpenAI's answers as other servers tell them: parts, pieces, reasons."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract import Usage
from workers.providers.base.dialect import Answer
from workers.providers.base.error_report import ErrorReport
from workers.providers.openai.field_pieces import joined_texts
from workers.providers.openai.response import OpenAiReader, openai_answer
from workers.providers.openai.usage import openai_usage


def read(*chunks: dict[str, Any]) -> tuple[Any, list[dict[str, Any]]]:
    reader = OpenAiReader()
    stream = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    deltas = [*reader.feed(stream), *reader.close()]
    return reader.result(), deltas


def chunk(reason: str | None = None, **delta: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def message(result: Any) -> dict[str, Any]:  # noqa: ANN401 - any result
    assert isinstance(result, Answer)
    told: dict[str, Any] = result.body["choices"][0]["message"]
    return told


THOUGHTS = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "Let me "}]},
    {"type": "thinking", "thinking": "think"},
]


def test_content_in_parts_is_text_and_thought_in_deltas_and_in_the_whole() -> None:
    result, deltas = read(
        chunk(content=THOUGHTS[:1]),
        chunk(content=THOUGHTS[1:]),
        chunk(content=[{"type": "text", "text": "The answer"}, {"type": "reference", "ids": [1]}]),
        chunk(content=" is 4."),
        chunk("stop", content=""),
    )
    assert message(result)["content"] == "The answer is 4."
    assert message(result)["reasoning_content"] == "Let me think"
    assert "".join(delta.get("content", "") for delta in deltas) == "The answer is 4."
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "Let me think"


def test_content_in_parts_is_text_and_thought_in_a_whole_answer() -> None:
    parts = [*THOUGHTS, {"type": "text", "text": "The answer is 4."}]
    whole = openai_answer({"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]})
    assert message(whole)["content"] == "The answer is 4."
    assert message(whole)["reasoning_content"] == "Let me think"


def test_a_legacy_function_call_is_put_together() -> None:
    result, _ = read(
        chunk(function_call={"name": "f", "arguments": ""}),
        chunk(function_call={"arguments": '{"x":'}),
        chunk("function_call", function_call={"arguments": "1}"}),
    )
    assert message(result)["function_call"] == {"name": "f", "arguments": '{"x":1}'}


@given(st.lists(st.text(max_size=3), min_size=1), st.integers(0, 9))
def test_pieces_of_any_kind_are_kept_in_order(pieces: list[str], number: int) -> None:
    assert joined_texts(pieces) == "".join(pieces)
    assert joined_texts([[piece] for piece in pieces]) == pieces
    told = joined_texts([{"id": "a", "text": piece, "n": number} for piece in pieces])
    assert told == {"id": "a", "text": "".join(pieces), "n": number}


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        (["tool_calls", "stop"], "tool_calls"),
        (["length", "stop"], "length"),
        (["stop", "length"], "length"),
        (["stop", None], "stop"),
        (["eos_token"], "stop"),
        (["model_length"], "length"),
    ],
)
def test_the_reason_that_says_more_counts(reasons: list[str | None], expected: str) -> None:
    result, _ = read(chunk(content="Hi"), *(chunk(reason) for reason in reasons))
    assert isinstance(result, Answer)
    assert result.finish_reason == expected


def test_a_filter_s_reason_is_not_undone_by_a_later_one() -> None:
    result, _ = read(chunk(content="Hi"), chunk("content_filter"), chunk("stop"))
    assert not isinstance(result, Answer)
    assert result.code == "content_filter"


@pytest.mark.parametrize("streamed", [True, False])
def test_an_answer_that_ends_in_an_error_is_none(streamed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    told = {"message": {"content": "Hi"}, "finish_reason": "error"}
    result = (
        read(chunk("error", content="Hi"))[0] if streamed else openai_answer({"choices": [told]})
    )
    assert isinstance(result, ErrorReport)
    assert result.status == 500


def test_a_whole_message_in_an_event_is_the_answer_unless_it_repeats_it() -> None:
    whole = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}
    assert message(read(whole)[0])["content"] == "Hello"
    assert message(read(chunk(content="Hello"), whole)[0])["content"] == "Hello"


def test_tool_calls_of_a_whole_answer_have_an_id_and_text_for_arguments() -> None:
    calls = [{"function": {"name": "f", "arguments": {"x": 1}}}, {"id": "b", "custom": {}}]
    told = {"message": {"content": None, "tool_calls": calls}, "finish_reason": "tool_calls"}
    made = message(openai_answer({"choices": [told]}))["tool_calls"]
    function = {"name": "f", "arguments": '{"x":1}'}
    assert made[0] == {"id": "call_0", "type": "function", "function": function}
    assert made[1] == calls[1]


@given(st.integers() | st.floats() | st.text(max_size=2) | st.booleans() | st.none())
def test_usage_is_counted_or_untold(count: object) -> None:
    usage = openai_usage({"prompt_tokens": count, "completion_tokens": 3})
    believable = count is None or (
        isinstance(count, int | float)
        and not isinstance(count, bool)
        and 0 <= count <= 10**9
        and int(count) == count
    )
    assert usage == (Usage(input_uncached=int(count or 0), output=3) if believable else Usage())  # type: ignore[call-overload]
