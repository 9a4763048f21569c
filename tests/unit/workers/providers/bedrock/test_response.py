"""Converse answers, whole and streamed: thoughts, tool calls, errors and filtered ends."""

import json
from typing import Any

import pytest

from producers.contract import Usage
from workers.providers.base.call_outcome import ContentFiltered, MalformedResponse
from workers.providers.base.dialect import Answer
from workers.providers.base.error_report import ErrorReport
from workers.providers.bedrock.response import BedrockReader, bedrock_answer, bedrock_usage

from .test_event_stream import frame

USAGE = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}


def whole(*blocks: dict[str, Any], reason: str = "end_turn") -> dict[str, Any]:
    message = {"role": "assistant", "content": list(blocks)}
    return {"output": {"message": message}, "stopReason": reason, "usage": USAGE}


def event(kind: str, payload: dict[str, Any]) -> bytes:
    headers = {":event-type": kind, ":message-type": "event"}
    return frame(headers, json.dumps(payload).encode())


def delta(piece: dict[str, Any], index: int = 0) -> bytes:
    return event("contentBlockDelta", {"contentBlockIndex": index, "delta": piece})


def read(*frames: bytes) -> object:
    reader = BedrockReader()
    for each in frames:
        list(reader.feed(each))
    assert list(reader.close()) == []
    return reader.result()


END = (event("messageStop", {"stopReason": "end_turn"}), event("metadata", {"usage": USAGE}))


def test_text_thought_and_tool_call_are_the_same_whole_and_streamed() -> None:
    thought = {"reasoningText": {"text": "hm", "signature": "s"}}
    call = {"toolUseId": "t1", "name": "look", "input": {"a": 1}}
    at_once = bedrock_answer(
        whole({"reasoningContent": thought}, {"text": "Hi"}, {"toolUse": call}, reason="tool_use")
    )
    begun = {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t1", "name": "look"}}}
    streamed = read(
        delta({"reasoningContent": {"text": "hm"}}),
        delta({"reasoningContent": {"signature": "s"}}),
        delta({"text": "Hi"}, 1),
        event("contentBlockStart", begun),
        delta({"toolUse": {"input": '{"a":'}}, 2),
        delta({"toolUse": {"input": "1}"}}, 2),
        event("messageStop", {"stopReason": "tool_use"}),
        event("metadata", {"usage": USAGE}),
    )
    assert isinstance(at_once, Answer)
    assert isinstance(streamed, Answer)
    ours, theirs = (answer.body["choices"][0]["message"] for answer in (at_once, streamed))
    assert ours["content"] == theirs["content"] == "Hi"
    arguments = [m["tool_calls"][0]["function"]["arguments"] for m in (ours, theirs)]
    assert [json.loads(each) for each in arguments] == [{"a": 1}, {"a": 1}]
    assert at_once.usage == streamed.usage == Usage(input_uncached=3, output=2)


def test_thoughts_between_words_and_calls_keep_their_places_whole_and_streamed() -> None:
    first, second = ({"text": each, "signature": f"s-{each}"} for each in ("hm", "so"))
    call = {"toolUseId": "t1", "name": "look", "input": {"a": 1}}
    told: list[dict[str, Any]] = [
        {"reasoningContent": {"reasoningText": first}},
        {"text": "Hi"},
        {"reasoningContent": {"reasoningText": second}},
        {"toolUse": call},
    ]
    begun = {"contentBlockIndex": 3, "start": {"toolUse": {"toolUseId": "t1", "name": "look"}}}
    streamed = read(
        delta({"reasoningContent": {"text": "hm"}}),
        delta({"reasoningContent": {"signature": "s-hm"}}),
        delta({"text": "H"}, 1),
        delta({"text": "i"}, 1),
        delta({"reasoningContent": {"text": "so"}}, 2),
        delta({"reasoningContent": {"signature": "s-so"}}, 2),
        event("contentBlockStart", begun),
        delta({"toolUse": {"input": '{"a": 1}'}}, 3),
        *END,
    )
    for answer in (bedrock_answer(whole(*told)), streamed):
        assert isinstance(answer, Answer)
        assert answer.body["choices"][0]["message"]["anthropic"]["content"] == [
            {"type": "thinking", "thinking": "hm", "signature": "s-hm"},
            {"type": "text", "text": "Hi"},
            {"type": "thinking", "thinking": "so", "signature": "s-so"},
            {"type": "tool_use", "id": "t1", "name": "look", "input": {"a": 1}},
        ]


def test_an_order_with_unsigned_thoughts_or_a_cut_call_is_not_told() -> None:
    """Nobody takes such a thought back, and such a call is no object."""
    unsigned = {"reasoningContent": {"reasoningText": {"text": "hm"}}}
    signed = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}
    begun = {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t1", "name": "look"}}}
    cut = read(
        delta({"text": "Hi"}),
        delta({"reasoningContent": {"text": "hm"}}, 1),
        delta({"reasoningContent": {"signature": "s"}}, 1),
        event("contentBlockStart", begun),
        delta({"toolUse": {"input": '{"a":'}}, 2),
        event("messageStop", {"stopReason": "max_tokens"}),
        event("metadata", {"usage": USAGE}),
    )
    for answer in (
        bedrock_answer(whole({"text": "Hi"}, unsigned)),
        bedrock_answer(whole(signed, {"text": "Hi"})),
        cut,
    ):
        assert isinstance(answer, Answer)
        assert "anthropic" not in answer.body["choices"][0]["message"]


def test_a_redacted_thought_is_kept_opaque() -> None:
    hidden = {"reasoningContent": {"redactedContent": "c2VjcmV0"}}
    at_once = bedrock_answer(whole(hidden, {"text": "Hi"}))
    streamed = read(delta(hidden), delta({"text": "Hi"}, 1), *END)
    for answer in (at_once, streamed):
        assert isinstance(answer, Answer)
        assert "c2VjcmV0" in json.dumps(answer.body)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("guardrail_intervened", ContentFiltered), ("malformed_model_output", MalformedResponse)],
)
def test_an_end_that_is_no_answer_is_a_failure_with_its_bill(
    reason: str, outcome: type[ContentFiltered | MalformedResponse]
) -> None:
    failure = bedrock_answer(whole({"text": "x"}, reason=reason))
    assert isinstance(failure, outcome)
    assert failure.usage == Usage(input_uncached=3, output=2)


def test_an_exception_in_a_stream_is_the_error_it_names() -> None:
    headers = {":exception-type": "throttlingException", ":message-type": "exception"}
    report = read(delta({"text": "Hi"}), frame(headers, b'{"message": "slow down"}'))
    assert isinstance(report, ErrorReport)
    assert "ThrottlingException" in report.codes
    assert report.message == "slow down"


def test_an_error_in_place_of_an_answer_is_an_error() -> None:
    report = bedrock_answer({"__type": "ValidationException", "message": "no such field"})
    assert isinstance(report, ErrorReport)
    with pytest.raises(TypeError):
        bedrock_answer([])


def test_cached_tokens_are_counted_by_their_lifetime() -> None:
    details = [{"ttl": "1h", "inputTokens": 4}, {"ttl": "5m", "inputTokens": 6}]
    usage = bedrock_usage(
        USAGE | {"cacheReadInputTokens": 9, "cacheWriteInputTokens": 10, "cacheDetails": details}
    )
    assert (usage.cache_read, usage.cache_write_5m, usage.cache_write_1h) == (9, 6, 4)
    assert bedrock_usage({"inputTokens": "many"}) == Usage()


def test_a_tool_that_the_provider_runs_is_no_call_of_ours_and_is_billed() -> None:
    use = {"toolUseId": "a", "name": "nova_grounding", "type": "server_tool_use"}
    start = {"contentBlockIndex": 0, "start": {"toolUse": use}}
    piece = delta({"toolUse": {"input": '{"q": 1}'}})
    streamed = read(event("contentBlockStart", start), piece, delta({"text": "Hi"}, 1), *END)
    at_once = bedrock_answer(whole({"toolUse": {**use, "input": {}}}, {"text": "Hi"}))
    for answer in (streamed, at_once):
        assert isinstance(answer, Answer)
        assert "tool_calls" not in answer.body["choices"][0]["message"]
        assert answer.usage.unlisted == {"server_tool_use.nova_grounding": 1}


def test_a_call_served_fast_is_no_ordinary_one() -> None:
    answer = bedrock_answer(whole({"text": "Hi"}) | {"performanceConfig": {"latency": "optimized"}})
    assert isinstance(answer, Answer)
    assert answer.usage.served == ("latency=optimized",)


def test_events_of_other_kinds_and_exceptions_without_words_are_read_by_their_name() -> None:
    other = frame({":event-type": "ping", ":message-type": "event"}, b"")
    assert isinstance(read(other, delta({"text": "Hi"}), *END), Answer)
    headers = {":exception-type": "throttlingException", ":message-type": "exception"}
    report = read(frame(headers, b"<busy>"))
    assert isinstance(report, ErrorReport)
    assert report.status == 429
