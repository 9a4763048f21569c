"""Answers in blocks, as servers tell them that number the blocks badly or leave things out."""

import json
from typing import Any

import pytest

from producers.contract import Usage
from workers.providers.anthropic.response import AnthropicReader, anthropic_answer, anthropic_usage
from workers.providers.base.dialect import Answer
from workers.providers.base.error_report import ErrorReport
from workers.providers.bedrock.response import bedrock_answer, bedrock_usage
from workers.providers.blocks.assembly import AnswerAssembly

REDACTED = {"type": "redacted_thinking", "data": "abc="}


def message(result: object) -> dict[str, Any]:
    assert isinstance(result, Answer), result
    told: dict[str, Any] = result.body["choices"][0]["message"]
    return told


def calls(result: object) -> list[tuple[str, str]]:
    made = message(result)["tool_calls"]
    return [(call["function"]["name"], call["function"]["arguments"]) for call in made]


def read(*events: dict[str, Any]) -> Any:  # noqa: ANN401 - any result
    reader = AnthropicReader()
    stream = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    deltas = [*reader.feed(stream), *reader.close()]
    assert all(deltas)
    return reader.result()


def start(index: int | None, **block: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"type": "content_block_start", "index": index, "content_block": block}


def piece(index: int | None, text: str) -> dict[str, Any]:
    delta = {"type": "input_json_delta", "partial_json": text}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def ended(reason: str = "tool_use") -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}}


USE = {"type": "tool_use", "input": {}}


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            [
                start(None, **USE, id="a", name="f"),
                piece(None, '{"x":'),
                piece(None, "1}"),
                start(None, **USE, id="b", name="g"),
                piece(None, "{}"),
            ],
            id="no index",
        ),
        pytest.param(
            [
                start(0, **USE, id="a", name="f"),
                piece(0, '{"x":'),
                piece(0, "1}"),
                start(0, **USE, id="b", name="g"),
                piece(0, "{}"),
            ],
            id="one index for both",
        ),
        pytest.param(
            [
                start(0, type="tool_use", id="a", name="f", input={"x": 1}),
                piece(0, '{"x":1}'),
                start(1, **USE, id="b", name="g"),
            ],
            id="arguments at the beginning",
        ),
    ],
)
def test_tool_calls_are_told_apart(events: list[dict[str, Any]]) -> None:
    assert calls(read(*events, ended())) == [("f", '{"x":1}'), ("g", "{}")]


def test_a_call_without_an_id_gets_one() -> None:
    told = read(start(0, **USE, name="f"), ended())
    assert message(told)["tool_calls"][0]["id"] == "call_0"


def test_what_a_block_holds_at_its_start_counts() -> None:
    text = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "lo"}}
    told = read(start(0, type="text", text="Hel"), text, ended("end_turn"))
    assert message(told)["content"] == "Hello"


def test_redacted_thoughts_are_kept_in_all_four_forms() -> None:
    whole = {"content": [REDACTED, {"type": "text", "text": "Hi"}], "stop_reason": "end_turn"}
    assert message(anthropic_answer(whole))["thinking_blocks"] == [REDACTED]
    assert message(read(start(0, **REDACTED), ended()))["thinking_blocks"] == [REDACTED]
    block = {"reasoningContent": {"redactedContent": "abc="}}
    told = {"output": {"message": {"content": [block]}}, "stopReason": "end_turn"}
    assert message(bedrock_answer(told))["thinking_blocks"] == [REDACTED]


def test_thoughts_stay_in_their_order() -> None:
    assembly = AnswerAssembly()
    assembly.begin_thought(0)
    assembly.add_thinking(0, "a")
    assembly.add_signature(0, "s")
    assembly.add_redacted_thinking(1, "abc=")
    assembly.begin_thought(0)
    assembly.add_thinking(None, "b")
    kinds = [
        block.get("thinking") or block["data"]
        for block in message(assembly.assemble({}, "stop", Usage()))["thinking_blocks"]
    ]
    assert kinds == ["a", "abc=", "b"]


def test_arguments_before_any_call_are_malformed() -> None:
    with pytest.raises(ValueError, match="before a tool call"):
        read(piece(0, "{}"))


def test_the_reason_that_says_more_counts() -> None:
    told = read(start(0, **USE, id="a", name="f"), ended("tool_use"), ended("end_turn"))
    assert isinstance(told, Answer)
    assert told.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    "told",
    [
        anthropic_answer({"type": "error", "error": {"type": "overloaded_error"}}),
        read({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}),
        read({"error": {"type": "overloaded_error", "message": "busy"}}),
        bedrock_answer({"__type": "ServiceUnavailableException", "message": "busy"}),
    ],
)
def test_an_error_with_status_200_is_the_error_that_it_is(told: object) -> None:
    assert isinstance(told, ErrorReport)
    assert told.status in {503, 529}


@pytest.mark.parametrize("count", [-1, 10**10, 0.5, "7", [], True])
def test_a_count_that_cannot_be_believed_leaves_the_usage_untold(count: object) -> None:
    assert anthropic_usage({"input_tokens": 5, "output_tokens": count}) == Usage()
    assert bedrock_usage({"inputTokens": 5, "cacheReadInputTokens": count}) == Usage()
    hours = [{"ttl": "1h", "inputTokens": count}]
    assert bedrock_usage({"inputTokens": 5, "cacheDetails": hours}) == Usage()


def test_a_block_s_damaged_type_hides_no_call() -> None:
    for kind in (": tool_use", "}tool_use", "server_tool_use"):
        told = read(start(0, type=kind, id="a", name="f", input={}), piece(0, "{}"), ended())
        assert ("tool_calls" in message(told)) == (kind != "server_tool_use")


def test_a_later_count_that_is_smaller_is_not_believed() -> None:
    begun = {"type": "message_start", "message": {"usage": {"input_tokens": 10}}}
    last = ended("end_turn") | {"usage": {"input_tokens": 0, "output_tokens": 7}}
    assert read(begun, start(0, type="text", text="Hi"), last).usage == Usage(
        input_uncached=10, output=7
    )
