"""Do the events add up, in Anthropic's own accumulator, to the message?"""

import json
from typing import Any

from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gateway.answers.dialect import AnswerContext, DialectCall
from gateway.anthropic_messages.dialect import AnthropicMessages
from gateway.anthropic_messages.stream import MessagesStream
from gateway.errors.api_error import ApiError
from tests.unit.gateway.answers.answers import as_chunks, deltas, messages
from tests.unit.gateway.openai_chat.test_stream import done_of

EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
OBJECTS = ("{}", '{"x": 1}', '{"y": ["é", null]}')


def context_of(*, thoughts: bool = False) -> AnswerContext:
    call = DialectCall({}, "m", stream=True, thoughts=thoughts, input_tokens=7)
    return AnswerContext(call, "r", 1_790_000_000)


def events_of(text: bytes) -> list[dict[str, Any]]:
    events = []
    for event in text.decode().split("\n\n")[:-1]:
        name, data = event.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    return events


@given(data=st.data(), message=messages(), thoughts=st.booleans(), waiting=st.booleans())
def test_the_sdks_accumulator_makes_the_whole_message_of_the_events(
    *, data: st.DataObject, message: dict[str, Any], thoughts: bool, waiting: bool
) -> None:
    for call in message.get("tool_calls", ()):
        call["function"]["arguments"] = data.draw(st.sampled_from(OBJECTS))
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    stream, done = MessagesStream(context_of(thoughts=thoughts)), done_of(message, reason)
    text = stream.keep_alive() if waiting else b""
    for chunk in as_chunks(data.draw(deltas(message))):
        text += stream.chunk(chunk) + (stream.keep_alive() if waiting else b"")
    text += stream.done(done)
    assert stream.ended
    events = events_of(text)
    snapshot = accumulated(events)
    starts = [event["index"] for event in events if event["type"] == "content_block_start"]
    whole = Message.model_validate_json(
        AnthropicMessages().answer(context_of(thoughts=thoughts), done)
    )
    assert starts == list(range(len(starts)))
    assert contents(snapshot) == contents(whole)
    assert snapshot.stop_reason == whole.stop_reason
    assert snapshot.usage.output_tokens == whole.usage.output_tokens == 4
    assert snapshot.usage.input_tokens == whole.usage.input_tokens == 3


def accumulated(events: list[dict[str, Any]]) -> Any:  # noqa: ANN401 the SDK's
    """As the SDK's stream helper does it."""
    snapshot, buffers = None, dict[int, bytes]()
    for event in events:
        if event["type"] != "ping":
            parsed = EVENT.validate_python(event)
            snapshot = accumulate_event(event=parsed, current_snapshot=snapshot, json_bufs=buffers)
    return snapshot


def contents(message: Any) -> list[dict[str, Any]]:  # noqa: ANN401 the SDK has two types
    names = ("type", "text", "thinking", "name", "id", "input")
    blocks = [block.to_dict() for block in message.content]
    return [{name: block[name] for name in names if name in block} for block in blocks]


def test_an_error_is_an_event_of_its_own_and_the_last() -> None:
    stream = MessagesStream(context_of())
    text = stream.keep_alive() + stream.error(ApiError("overloaded", "overloaded", "later"))
    start, error = events_of(text)
    assert start["type"] == "message_start"
    assert error["error"]["type"] == "overloaded_error"
    assert error["request_id"] == "r"
    assert stream.ended


def test_a_takeover_that_answers_otherwise_ends_the_stream_with_an_error() -> None:
    stream = MessagesStream(context_of())
    (first,), (other,) = as_chunks([{"content": "a"}]), as_chunks([{"content": "b"}], run=2)
    text = stream.chunk(first) + stream.chunk(other)
    assert events_of(text)[-1]["error"]["code"] == "stream_restarted"
    assert stream.chunk(other) == b""
