"""Shapes of servers that speak OpenAI's dialect with an accent, in streams and as whole answers."""

from typing import Any

import pytest

from producers.contract import Usage
from tests.unit.workers.providers.openai.test_response import chunk, message, read
from workers.providers.base.call_outcome import ContentFiltered
from workers.providers.base.error_report import ErrorReport
from workers.providers.openai.response import openai_answer

STOP = chunk("stop")
F = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
GREP = {"id": "a", "type": "custom", "custom": {"name": "grep", "input": "abc"}}


def call(arguments: Any, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return chunk(tool_calls=[{**more, "function": {"arguments": arguments}}])


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        pytest.param([chunk(reasoning="a"), chunk(reasoning="b")], ("", "ab"), id="vLLM, Groq"),
        pytest.param(
            [chunk(reasoning="a", reasoning_content="a")], ("", "a"), id="under both names"
        ),
        pytest.param([chunk(reasoning_content=["a", "b"])], ("", "ab"), id="thoughts in a list"),
        pytest.param([chunk(thinking="a"), chunk(content="b")], ("b", "a"), id="Ollama"),
        pytest.param([chunk(content=5), chunk(content="b")], ("5b", ""), id="a number"),
        pytest.param([chunk(content={"text": "a"})], ("a", ""), id="a part without a list"),
        pytest.param([{"choices": [{"text": "a"}]}] * 2, ("aa", ""), id="older completions"),
        pytest.param([[chunk(content="a")]], ("a", ""), id="a chunk in a list"),
    ],
)
def test_words_and_thoughts_come_in_many_forms(chunks: list[Any], said: tuple[str, str]) -> None:
    result, _ = read(*chunks, STOP)
    told = message(result)
    assert (told["content"] or "", told.get("reasoning_content", "")) == said


@pytest.mark.parametrize(
    ("chunks", "calls"),
    [
        pytest.param(
            [
                chunk(tool_calls=[{**F, "index": "0", "function": {"name": "f"}}]),
                call('{"x":', index="0"),
                call("1}", index="0"),
            ],
            [F],
            id="the index is a text",
        ),
        pytest.param(
            [
                chunk(tool_calls=[{"index": 0.0, "id": "a", "name": "f", "arguments": '{"x":'}]),
                chunk(tool_calls=[{"index": 1.0, "id": "a2", "name": "f", "arguments": ""}]),
                chunk(tool_calls=[{"index": 0.0, "arguments": "1}"}]),
                chunk(tool_calls=[{"index": 1.0, "arguments": '{"x":1}'}]),
            ],
            [F, {**F, "id": "a2"}],
            id="numbers with a fraction, fields without their object",
        ),
        pytest.param([chunk(tool_calls={**F, "index": 0})], [F], id="no list"),
        pytest.param(
            [
                chunk(tool_calls=[{"index": 0, **GREP, "custom": {"name": "grep", "input": ""}}]),
                chunk(tool_calls=[{"index": 0, "custom": {"input": "ab"}}]),
                chunk(tool_calls=[{"index": 0, "custom": {"input": "c"}}]),
            ],
            [GREP],
            id="a custom tool",
        ),
    ],
)
def test_calls_come_in_many_forms(chunks: list[Any], calls: list[Any]) -> None:
    result, _ = read(*chunks, chunk("tool_calls"))
    assert message(result)["tool_calls"] == calls


@pytest.mark.parametrize(
    ("told", "calls"),
    [
        ([{"id": "a", "name": "f", "arguments": {"x": 1}}], [F]),
        (F, [F]),
        ([GREP], [GREP]),
    ],
)
def test_calls_of_a_whole_answer_come_in_many_forms(told: Any, calls: list[Any]) -> None:  # noqa: ANN401 - JSON
    choice = {"message": {"content": None, "tool_calls": told}, "finish_reason": "tool_calls"}
    made = message(openai_answer({"choices": [choice]}))
    assert made["tool_calls"] == calls
    assert made["role"] == "assistant"


@pytest.mark.parametrize("function", ["f", None, {}, {"arguments": "{}"}])
def test_a_call_without_a_name_is_no_answer(function: object) -> None:
    calls = [{"id": "a", "function": function}]
    choice = {"message": {"content": None, "tool_calls": calls}, "finish_reason": "tool_calls"}
    with pytest.raises(ValueError, match="without a name"):
        openai_answer({"choices": [choice]})


def test_the_piece_of_a_call_that_has_lost_its_function_is_seen() -> None:
    damaged = chunk(tool_calls=[{"index": {"arguments": '{"x":'}}])
    begun = chunk(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f"}}])
    with pytest.raises(ValueError, match="in part"):
        read(begun, damaged, call("1}", index=0), chunk("tool_calls"))


USAGE = {"prompt_tokens": 10, "completion_tokens": 7, "cached_tokens": 4}


@pytest.mark.parametrize(
    "last",
    [
        {"choices": [{"delta": {}, "finish_reason": "stop", "usage": USAGE}]},
        {**STOP, "x_groq": {"usage": USAGE}},
        {**STOP, "usage": USAGE},
    ],
)
def test_usage_is_read_where_a_server_tells_it(last: dict[str, Any]) -> None:
    result, _ = read(chunk(content="a"), last)
    assert result.usage == Usage(input_uncached=6, cache_read=4, output=7)


@pytest.mark.parametrize(
    ("word", "reason"),
    [("STOP", "stop"), ("MAX_TOKENS", "length"), ("Tool_Calls", "tool_calls"), ("odd", "odd")],
)
def test_a_reason_is_openai_s_word_for_it(word: str, reason: str) -> None:
    result, _ = read(chunk(word, content="a"))
    assert result.finish_reason == reason


def test_an_answer_that_was_filtered_or_broken_off_is_none() -> None:
    for word in ("SAFETY", "recitation"):
        assert isinstance(read(chunk(word, content="a"))[0], ContentFiltered)
    for word in ("abort", "insufficient_system_resource", "MALFORMED_FUNCTION_CALL"):
        assert isinstance(read(chunk(word, content="a"))[0], ErrorReport)


def test_an_error_in_a_list_is_the_error_that_it_is() -> None:
    error = [{"error": {"code": 429, "message": "exhausted", "status": "RESOURCE_EXHAUSTED"}}]
    assert openai_answer(error) == ErrorReport(429, ("RESOURCE_EXHAUSTED",), "exhausted")
    result, _ = read(error)  # type: ignore[arg-type]
    assert result == ErrorReport(429, ("RESOURCE_EXHAUSTED",), "exhausted")
