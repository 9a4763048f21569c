"""Streams: any chunking gives the same answer, any damage is one of the dialect's own errors."""

import json
from contextlib import suppress
from struct import pack
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dev.simulator import anthropic_wire, bedrock_wire, openai_wire
from dev.simulator.exchange import Answered, Asked, Counted, ToolCall
from dev.simulator.wire import Wire
from workers.providers.anthropic.request import AnthropicDialect
from workers.providers.base.call_outcome import ContentFiltered, StreamTruncated
from workers.providers.base.dialect import MALFORMED, Answer, Dialect
from workers.providers.base.error_report import ErrorReport
from workers.providers.bedrock.event_stream import EventStreamParser
from workers.providers.bedrock.request import BedrockDialect
from workers.providers.openai.request import OpenAiDialect

PAIRS: dict[str, tuple[Dialect, Wire]] = {
    "openai": (OpenAiDialect(), openai_wire),
    "anthropic": (AnthropicDialect(), anthropic_wire),
    "bedrock": (BedrockDialect(), bedrock_wire),
}
words = st.text('ab ü\n"{}', max_size=30).map(str.strip)
calls = st.builds(
    ToolCall, st.just("f"), st.dictionaries(st.just("x"), st.integers()).map(json.dumps)
)
answers = st.builds(
    Answered,
    words,
    st.sampled_from(["stop", "length"]),
    st.lists(calls, max_size=2).map(tuple),
    words,
)
counts = st.builds(Counted, *[st.integers(0, 10**6) for _ in range(5)])


def asked(name: str) -> Asked:
    dialect: Any = name
    return Asked(dialect, name, "m", "k", (), "q", stream=True, include_usage=True)


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """One message of an AWS event stream."""
    head = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = pack(">II", 16 + len(head) + len(payload), len(head))
    whole = prelude + pack(">I", crc32(prelude)) + head + payload
    return whole + pack(">I", crc32(whole))


def message(answer: Answer) -> dict[str, Any]:
    """What is said, without what a stream puts differently."""
    found = dict(answer.body["choices"][0]["message"])
    for call in found.get("tool_calls") or ():
        call.pop("index", None)
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return {name: value for name, value in found.items() if value}


def read(dialect: Dialect, stream: bytes, size: int) -> Any:  # noqa: ANN401 - any result
    reader = dialect.stream_reader()
    for n in range(0, len(stream), size):
        list(reader.feed(stream[n : n + size]))
    list(reader.close())
    return reader.result()


@pytest.mark.parametrize("name", PAIRS)
@given(answers, counts, st.integers(1, 80))
@settings(deadline=None)
def test_a_stream_in_any_chunking_says_what_the_whole_says(
    name: str, said: Answered, counted: Counted, size: int
) -> None:
    dialect, wire = PAIRS[name]
    whole = dialect.decode_answer(wire.whole(asked(name), said, counted, 1))
    stream = b"".join(wire.events(asked(name), said, counted, 1))
    streamed = read(dialect, stream, size)
    assert isinstance(whole, Answer)
    assert isinstance(streamed, Answer)
    assert message(streamed) == message(whole)
    assert streamed.usage == whole.usage
    assert streamed.finish_reason == whole.finish_reason


@pytest.mark.parametrize("name", PAIRS)
@given(answers, st.data())
@settings(deadline=None)
def test_a_cut_stream_is_never_taken_for_an_answer(
    name: str, said: Answered, data: st.DataObject
) -> None:
    dialect, wire = PAIRS[name]
    events = list(wire.events(asked(name), said, Counted(5, 5), 1))
    kept = data.draw(st.integers(0, len(events) - 3))
    assert isinstance(read(dialect, b"".join(events[:kept]), 999), StreamTruncated)


@pytest.mark.parametrize("name", PAIRS)
@given(answers, st.integers(0, 10**6), st.binary(min_size=1, max_size=8))
@settings(deadline=None)
def test_damage_is_one_of_the_errors_that_the_shell_knows(
    name: str, said: Answered, place: int, noise: bytes
) -> None:
    dialect, wire = PAIRS[name]
    stream = b"".join(wire.events(asked(name), said, Counted(5, 5), 1))
    at = place % len(stream)
    whole = wire.whole(asked(name), said, Counted(5, 5), 1)
    with suppress(*MALFORMED):
        read(dialect, stream[:at] + noise + stream[at + len(noise) :], 64)
    with suppress(*MALFORMED):
        dialect.decode_answer(whole[: at % len(whole)] + noise)


KEYS = [
    *("choices", "message", "delta", "usage", "content", "type", "output", "error", "index"),
    *("id", "function", "name", "arguments", "tool_calls", "finish_reason", "object", "code"),
    *("text", "thinking", "content_block", "stop_reason", "partial_json", "contentBlockIndex"),
    *("toolUse", "input", "stopReason", "prompt_tokens", "output_tokens", "signature", "data"),
]
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["text", "stop", "tool_use", "error"])
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)


def events_of(name: str, said: Answered) -> list[Any]:
    """The parsed events of a good stream: JSON, or for Bedrock (headers, JSON)."""
    raw = list(PAIRS[name][1].events(asked(name), said, Counted(5, 5), 1))
    if name == "bedrock":
        messages = EventStreamParser().feed(b"".join(raw))
        return [(dict(each.headers), json.loads(each.payload)) for each in messages]
    data = (part for event in raw for part in event.split(b"\n") if part.startswith(b"data: {"))
    return [json.loads(part[6:]) for part in data]


def on_the_wire(name: str, event: Any) -> bytes:  # noqa: ANN401 - JSON
    if name == "bedrock":
        return frame(event[0], json.dumps(event[1]).encode())
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def changed(data: st.DataObject, value: Any) -> Any:  # noqa: ANN401 - JSON
    """`value` with other JSON in one place inside, or instead of all of it."""
    names: list[Any] = []
    if isinstance(value, dict | list):
        names = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not names or data.draw(st.integers(0, 3)) == 0:
        return data.draw(json_values)
    name = data.draw(st.sampled_from(names))
    copy = value.copy()
    copy[name] = changed(data, value[name])
    return copy


@pytest.mark.parametrize("name", PAIRS)
@given(answers, st.data())
@settings(deadline=None, max_examples=150)
def test_any_json_anywhere_in_a_stream_is_borne(
    name: str, said: Answered, data: st.DataObject
) -> None:
    events = events_of(name, said)
    at = data.draw(st.integers(0, len(events) - 1))
    if name == "bedrock":
        events[at] = (events[at][0], changed(data, events[at][1]))
    else:
        events[at] = changed(data, events[at])
    reader = PAIRS[name][0].stream_reader()
    deltas: list[Any] = []
    with suppress(*MALFORMED):
        for event in events:
            for delta in reader.feed(on_the_wire(name, event)):
                json.dumps(delta)
                deltas.append(delta)
        deltas += reader.close()
        found = reader.result()
        if isinstance(found, Answer):
            text = found.body["choices"][0]["message"].get("content") or ""
            assert text == "".join(delta.get("content") or "" for delta in deltas)
    assert reader.usage is None or reader.usage.output >= 0
    assert all(isinstance(delta.get("content", ""), str) for delta in deltas)


@pytest.mark.parametrize("name", PAIRS)
@given(json_values)
def test_any_json_is_an_answer_an_error_or_malformed(name: str, body: object) -> None:
    with suppress(*MALFORMED):
        found = PAIRS[name][0].decode_answer(json.dumps(body).encode())
        assert isinstance(found, Answer | ErrorReport | ContentFiltered)


def test_an_error_told_with_status_200_is_an_error() -> None:
    told = b'{"error": {"code": "rate_limit_exceeded", "message": "slow"}}'
    found = OpenAiDialect().decode_answer(told)
    assert isinstance(found, ErrorReport)
    assert found.status == 429
