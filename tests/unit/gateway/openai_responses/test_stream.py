"""Do the events add up, in OpenAI's own accumulator, to the response?"""

import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from openai import Omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from gateway.answers.dialect import AnswerContext
from gateway.errors.api_error import ApiError
from gateway.openai_responses.dialect import OpenAIResponses
from gateway.openai_responses.keeping import answered_response, kept_context
from gateway.openai_responses.stream import ResponsesStream
from gateway.stored_responses.stored_response import from_text, to_text
from producers.contract import CacheOutcome, Done, RouteTaken, Timings, Usage
from tests.unit.gateway.answers.answers import as_chunks, deltas, messages

EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)


def done_of(message: dict[str, Any], reason: str = "stop") -> Done:
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return Done(
        id="r",
        body={"object": "chat.completion", "choices": [choice]},
        route=RouteTaken(tier="economy", deployment="eco", model="auto"),
        cache=CacheOutcome(result="miss"),
        usage=Usage(input_uncached=3, output=4),
        cost_micro_usd=Decimal(7),
        timings=Timings(),
    )


def context_of(**fields: Any) -> AnswerContext:  # noqa: ANN401 a body's
    call = OpenAIResponses().read({"model": "auto", "input": "x", "stream": True, **fields})
    assert not isinstance(call, ApiError)
    return AnswerContext(call, "r", 1_790_000_000)


def events_of(text: bytes) -> list[dict[str, Any]]:
    """The events' data; their names and numbers are checked."""
    events = []
    for block in text.decode().split("\n\n")[:-1]:
        name, data = block.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    numbered = [event["sequence_number"] for event in events if event["type"] != "keepalive"]
    assert numbered == list(range(numbered[0], numbered[0] + len(numbered)))
    return events


@given(data=st.data(), message=messages(), waiting=st.booleans())
def test_the_sdks_accumulator_makes_the_whole_response_of_the_events(
    *, data: st.DataObject, message: dict[str, Any], waiting: bool
) -> None:
    stream, done = ResponsesStream(context_of()), done_of(message)
    text = stream.keep_alive() if waiting else b""
    for chunk in as_chunks(data.draw(deltas(message))):
        text += stream.chunk(chunk) + (stream.keep_alive() if waiting else b"")
    text += stream.done(done)
    assert stream.ended
    events = events_of(text)
    state: Any = ResponseStreamState(input_tools=Omit(), text_format=Omit())
    grown = {}
    for event in events:
        if event["type"] == "keepalive":
            continue
        parsed = EVENT.validate_python(event)
        state.handle_event(parsed)
        if event["type"] == "response.output_item.done":
            grown[event["output_index"]] = event["item"]
    final = events[-1]["response"]
    assert [grown[index] for index in sorted(grown)] == final["output"]
    whole = json.loads(OpenAIResponses().answer(context_of(), done))
    assert Response.model_validate(whole).status == "completed"
    by_id = {item["id"]: item for item in whole["output"]}
    assert {item["id"]: item for item in final["output"]} == by_id
    assert {**final, "output": None} == {**whole, "output": None}


@given(message=messages(), after=st.integers(-1, 30))
def test_a_response_in_the_background_is_told_alike_whenever_it_is_asked_for(
    message: dict[str, Any], after: int
) -> None:
    context, done = context_of(background=True), done_of(message)
    live = ResponsesStream(context)
    whole = events_of(live.keep_alive() + live.done(done))
    text = to_text(answered_response(context, done))
    assert text is not None
    stored = from_text(text)
    assert stored is not None
    told = ResponsesStream(kept_context(stored, "r"), after).done(done)
    rest = events_of(told) if told else []
    assert rest == [event for event in whole if event["sequence_number"] > after]
    assert [event["type"] for event in whole[:3]] == [
        *("response.created", "response.queued", "response.in_progress")
    ]


def test_what_a_limit_or_a_filter_cuts_is_incomplete() -> None:
    for reason, told in (("length", "max_output_tokens"), ("content_filter", "content_filter")):
        stream = ResponsesStream(context_of())
        done = done_of({"role": "assistant", "content": "a"}, reason)
        *_, last = events_of(stream.done(done))
        assert last["type"] == "response.incomplete"
        assert last["response"]["incomplete_details"] == {"reason": told}
        assert last["response"]["output"][0]["status"] == "incomplete"


def test_a_refusal_and_probabilities_have_their_parts() -> None:
    refused = done_of({"role": "assistant", "content": None, "refusal": "No."})
    *_, last = events_of(ResponsesStream(context_of()).done(refused))
    assert last["response"]["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]
    token = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
    done = done_of({"role": "assistant", "content": "a"})
    done.body["choices"][0]["logprobs"] = {"content": [token]}
    context = context_of(include=["message.output_text.logprobs"])
    *_, last = events_of(ResponsesStream(context).done(done))
    assert last["response"]["output"][0]["content"][0]["logprobs"] == [token]


def test_a_takeover_that_answers_otherwise_fails_the_response() -> None:
    stream = ResponsesStream(context_of())
    (first,), (other,) = as_chunks([{"content": "a"}]), as_chunks([{"content": "b"}], run=2)
    *_, last = events_of(stream.chunk(first) + stream.chunk(other))
    assert last["type"] == "response.failed"
    assert last["response"]["error"]["code"] == "stream_restarted"
    assert stream.chunk(other) == b""
