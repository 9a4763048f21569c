"""Do the events add up, in OpenAI's own accumulator, to the answer?"""

import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.answers.dialect import AnswerContext, DialectCall
from gateway.errors.api_error import ApiError
from gateway.openai_chat.dialect import OpenAIChat
from gateway.openai_chat.response import finish_reason
from gateway.openai_chat.stream import ChatStream
from producers.contract import CacheOutcome, Done, RouteTaken, Timings, Usage
from tests.unit.gateway.answers.answers import as_chunks, deltas, messages


def done_of(message: dict[str, Any], reason: str = "stop") -> Done:
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return Done(
        id="r",
        body={"object": "chat.completion", "choices": [choice]},
        route=RouteTaken(tier="economy", deployment="eco", model="small"),
        cache=CacheOutcome(result="miss"),
        usage=Usage(input_uncached=3, output=4),
        cost_micro_usd=Decimal(7),
        baseline_micro_usd=Decimal(10),
        timings=Timings(),
    )


def context_of(*, include_usage: bool = False) -> AnswerContext:
    call = DialectCall({}, "auto", stream=True, include_usage=include_usage)
    return AnswerContext(call, "r", 1_790_000_000)


def events_of(text: bytes) -> list[dict[str, Any]]:
    """The events' data; the end mark must be the last."""
    *events, end = [line.removeprefix("data: ") for line in text.decode().split("\n\n")[:-1]]
    assert end == "[DONE]"
    return [json.loads(event) for event in events]


@given(data=st.data(), message=messages(), usage=st.booleans(), waiting=st.booleans())
def test_the_sdks_accumulator_makes_the_whole_answer_of_the_events(
    *, data: st.DataObject, message: dict[str, Any], usage: bool, waiting: bool
) -> None:
    stream, done = ChatStream(context_of(include_usage=usage)), done_of(message)
    text = stream.keep_alive() if waiting else b""
    for chunk in as_chunks(data.draw(deltas(message))):
        text += stream.chunk(chunk) + (stream.keep_alive() if waiting else b"")
    text += stream.done(done)
    assert stream.ended
    events = events_of(text)
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for event in events:
        state.handle_chunk(ChatCompletionChunk.model_validate(event))
    made = state.current_completion_snapshot
    whole = ChatCompletion.model_validate_json(OpenAIChat().answer(context_of(), done))
    assert (made.choices[0].message.content or None) == whole.choices[0].message.content
    assert made.choices[0].finish_reason == whole.choices[0].finish_reason
    wanted = [
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls", ())
    ]
    assert calls_in(made.choices[0].message.tool_calls) == wanted
    assert calls_in(whole.choices[0].message.tool_calls) == wanted
    assert made.id == whole.id
    assert (made.usage is not None) == usage
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}


def calls_in(calls: Any) -> list[tuple[str, str, str]]:  # noqa: ANN401 the SDK has two types
    return [(call.id, call.function.name, call.function.arguments) for call in calls or ()]


def test_an_error_is_one_event_and_the_end() -> None:
    stream = ChatStream(context_of())
    error = ApiError("overloaded", "overloaded", "later")
    (event,) = events_of(stream.error(error))
    assert event["error"] == {
        "message": "later", "type": "server_error", "param": None, "code": "overloaded",
    }  # fmt: skip
    assert stream.ended


def test_a_takeover_that_answers_otherwise_ends_the_stream_with_an_error() -> None:
    stream = ChatStream(context_of())
    (first,), (other,) = as_chunks([{"content": "a"}]), as_chunks([{"content": "b"}], run=2)
    text = stream.chunk(first) + stream.chunk(other)
    assert events_of(text)[-1]["error"]["code"] == "stream_restarted"
    assert stream.chunk(other) == b""


def test_a_call_that_was_forced_is_a_reason_to_make_it() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert finish_reason({"finish_reason": "stop", "message": {"tool_calls": [call]}}) == (
        "tool_calls"
    )
    assert finish_reason({"finish_reason": "length", "message": {"tool_calls": [call]}}) == "length"
    assert finish_reason({"finish_reason": "stop", "message": {"content": "x"}}) == "stop"
