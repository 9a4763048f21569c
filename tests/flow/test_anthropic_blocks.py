"""Does a stream of Anthropic's blocks reach a caller of Messages block by block, as it was told?"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gateway.answers.dialect import AnswerContext, DialectCall
from gateway.anthropic_messages.stream import MessagesStream
from producers.contract import CacheOutcome, Chunk, Done, RouteTaken, Timings, Usage
from workers.providers.anthropic.response import AnthropicReader, anthropic_answer
from workers.providers.base.dialect import Answer
from workers.providers.blocks.assembly import native_block

EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
CITED = {
    "type": "char_location", "cited_text": "x", "document_index": 0, "document_title": "d",
    "start_char_index": 0, "end_char_index": 1, "file_id": None,
}  # fmt: skip
SEARCHED = {
    "type": "web_search_tool_result", "tool_use_id": "srv", "caller": {"type": "direct"},
    "content": [
        {"type": "web_search_result", "title": "t", "url": "https://a.example", "page_age": None,
         "encrypted_content": "e"},
    ],
}  # fmt: skip
TEXT = st.text("ab é", min_size=1, max_size=6)
THOUGHTS = st.builds(
    lambda text, name: {"type": "thinking", "thinking": text, "signature": f"sig-{name}"},
    TEXT, st.text("xyz", min_size=1, max_size=3),
)  # fmt: skip
BLOCKS = st.one_of(
    THOUGHTS,
    st.just({"type": "redacted_thinking", "data": "opaque"}),
    st.builds(lambda text: {"type": "text", "text": text, "citations": None}, TEXT),
    st.builds(lambda text: {"type": "text", "text": text, "citations": [CITED]}, TEXT),
    st.just({"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"q": "é"}}),
    st.just(SEARCHED),
)
CALLS = st.builds(
    lambda n: {"type": "tool_use", "id": f"toolu_{n}", "name": "f", "input": {"n": n}},
    st.integers(0, 9),
)


def told(blocks: Sequence[Mapping[str, Any]]) -> bytes:
    """The events of a message, each text in two pieces."""
    usage = {"input_tokens": 3, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": "m", "type": "message", "role": "assistant", "model": "c", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    events: list[dict[str, Any]] = [{"type": "message_start", "message": message}]
    for index, block in enumerate(blocks):
        empty, deltas = pieces(block)
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        events += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
        events.append({"type": "content_block_stop", "index": index})
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    events.append({"type": "message_delta", "delta": ended, "usage": {"output_tokens": 4}})
    events.append({"type": "message_stop"})
    lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return "".join(lines).encode()


def pieces(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A block as it begins, and what it grows by."""
    match block["type"]:
        case "thinking":
            text = block["thinking"]
            grown = [{"type": "thinking_delta", "thinking": each} for each in (text[:1], text[1:])]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return {**block, "thinking": "", "signature": ""}, [*grown, signed]
        case "text":
            text = block["text"]
            grown = [{"type": "text_delta", "text": each} for each in (text[:1], text[1:])]
            cited = block["citations"] or ()
            grown += [{"type": "citations_delta", "citation": each} for each in cited]
            return {"type": "text", "text": ""}, grown
        case "tool_use" | "server_tool_use":
            text = json.dumps(block["input"])
            halves = (text[:3], text[3:])
            return {**block, "input": {}}, [
                {"type": "input_json_delta", "partial_json": each} for each in halves
            ]
    return dict(block), []


def chunks(reader: AnthropicReader, stream: bytes, run: int = 1) -> list[Chunk]:
    """What a worker publishes."""
    deltas = [*reader.feed(stream), *reader.close()]
    return [Chunk(id="r", run=run, seq=n, delta=delta) for n, delta in enumerate(deltas)]


def done_of(answer: object) -> Done:
    assert isinstance(answer, Answer)
    return Done(
        id="r",
        body=answer.body,
        route=RouteTaken(tier="t"),
        cache=CacheOutcome(result="miss"),
        usage=Usage(input_uncached=3, output=4),
        timings=Timings(),
    )


def context_of(*, thoughts: bool = True) -> AnswerContext:
    call = DialectCall({}, "c", stream=True, thoughts=thoughts)
    return AnswerContext(call, "r", 1_790_000_000)


def events_of(text: bytes) -> Iterator[dict[str, Any]]:
    for event in text.decode().split("\n\n")[:-1]:
        yield json.loads(event.split("\n")[1].removeprefix("data: "))


def accumulated(text: bytes) -> Message:
    """What the SDK's stream helper makes of the events."""
    snapshot, buffers = None, dict[int, bytes]()
    for event in events_of(text):
        assert event["type"] != "error"
        if event["type"] != "ping":
            parsed = EVENT.validate_python(event)
            snapshot = accumulate_event(event=parsed, current_snapshot=snapshot, json_bufs=buffers)
    assert snapshot is not None
    return snapshot


def contents(message: Message) -> list[dict[str, Any]]:
    """Its blocks, however their missing fields are told."""
    return [
        {name: value for name, value in block.to_dict().items() if value is not None}
        for block in message.content
    ]


@given(st.lists(BLOCKS, max_size=6), st.lists(CALLS, max_size=2), st.booleans(), st.booleans())
def test_every_block_arrives_in_its_place(
    blocks: list[Any],
    calls: list[Any],
    thoughts: bool,  # noqa: FBT001 Hypothesis gives it
    streamed: bool,  # noqa: FBT001 Hypothesis gives it
) -> None:
    whole = told([*blocks, *calls])
    reader, stream = AnthropicReader(), MessagesStream(context_of(thoughts=thoughts))
    text = b""
    for chunk in chunks(reader, whole):
        text += stream.chunk(chunk) if streamed else b""
    text += stream.done(done_of(reader.result()))
    assert contents(accumulated(text)) == contents(accumulated(whole))


@given(st.lists(BLOCKS, max_size=5), st.lists(CALLS, max_size=2))
def test_a_whole_answer_is_streamed_as_its_blocks(blocks: list[Any], calls: list[Any]) -> None:
    body = {"content": [*blocks, *calls], "stop_reason": "end_turn", "usage": {}}
    text = MessagesStream(context_of()).done(done_of(anthropic_answer(body)))
    assert contents(accumulated(text)) == contents(accumulated(told([*blocks, *calls])))


def test_thoughts_are_told_while_they_are_thought() -> None:
    thought = {"type": "thinking", "thinking": "Hm, well.", "signature": "sig"}
    redacted = {"type": "redacted_thinking", "data": "opaque"}
    stream = MessagesStream(context_of())
    answered = {"type": "text", "text": "42", "citations": None}
    told_chunks = chunks(AnthropicReader(), told([thought, redacted, answered]))
    events = events_of(b"".join(map(stream.chunk, told_chunks)))
    kinds = [(each.get("delta") or each.get("content_block") or each)["type"] for each in events]
    assert kinds == [
        *("message_start", "thinking", "thinking_delta", "thinking_delta", "signature_delta"),
        *("content_block_stop", "redacted_thinking", "content_block_stop", "text"),
        *("text_delta", "text_delta"),
    ]


@pytest.mark.parametrize(
    ("sent", "signatures"), [(1, ["two"]), (3, ["", "two"]), (4, ["one", "two"]), (5, ["one"])]
)
def test_a_takeover_that_thinks_otherwise_begins_its_thoughts_anew(
    sent: int, signatures: list[str]
) -> None:
    """What the caller has seen stays without a signature, unless it was whole."""
    first = {"type": "thinking", "thinking": "First I", "signature": "one"}
    other = {"type": "thinking", "thinking": "Second, we", "signature": "two"}
    answered = {"type": "text", "text": "42", "citations": None}
    stream, reader = MessagesStream(context_of()), AnthropicReader()
    told_first = chunks(AnthropicReader(), told([first, answered]))[:sent]
    text = b"".join(map(stream.chunk, told_first))
    text += b"".join(map(stream.chunk, chunks(reader, told([other, answered]), run=2)))
    text += stream.done(done_of(reader.result()))
    *thoughts, last = contents(accumulated(text))
    assert last["text"] == "42"
    assert [thought["signature"] for thought in thoughts] == signatures


def test_a_takeover_that_thinks_the_same_is_not_seen() -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "Hm, well.", "signature": "sig"},
        {"type": "text", "text": "42", "citations": None},
    ]
    for sent in range(7):
        stream, reader = MessagesStream(context_of()), AnthropicReader()
        text = b"".join(map(stream.chunk, chunks(AnthropicReader(), told(blocks))[:sent]))
        text += b"".join(map(stream.chunk, chunks(reader, told(blocks), run=2)))
        text += stream.done(done_of(reader.result()))
        assert contents(accumulated(text)) == contents(accumulated(told(blocks)))


def of_the_version_before(told_chunks: Sequence[Chunk]) -> list[Chunk]:
    """What a worker of it publishes: no native blocks."""
    deltas = [{k: v for k, v in c.delta.items() if k != "anthropic"} for c in told_chunks]
    return [
        chunk.model_copy(update={"delta": delta})
        for chunk, delta in zip(told_chunks, deltas, strict=True)
        if delta
    ]


@given(st.lists(BLOCKS, max_size=6), st.lists(CALLS, max_size=2))
def test_a_worker_of_the_version_before_tells_the_words_and_the_calls(
    blocks: list[Any], calls: list[Any]
) -> None:
    whole = told([*blocks, *calls])
    reader, stream = AnthropicReader(), MessagesStream(context_of())
    text = b"".join(map(stream.chunk, of_the_version_before(chunks(reader, whole))))
    message = accumulated(text + stream.done(done_of(reader.result())))
    made, wanted = contents(message), contents(accumulated(whole))
    for kind, field in (("text", "text"), ("tool_use", "input")):
        had = [block[field] for block in made if block["type"] == kind]
        want = [block[field] for block in wanted if block["type"] == kind]
        assert had == want or "".join(had) == "".join(want)


def test_an_answer_goes_on_from_words_whose_native_blocks_come_with_its_end() -> None:
    """Whoever finished it told no chunks: what was sent is a part of it."""
    blocks: list[dict[str, Any]] = [
        {"type": "text", "text": "Let me see.", "citations": None},
        {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"q": "é"}},
        SEARCHED,
        {"type": "text", "text": "42", "citations": [CITED]},
    ]
    for sent in (0, 1, 2):
        stream, reader = MessagesStream(context_of()), AnthropicReader()
        text = b"".join(map(stream.chunk, chunks(reader, told(blocks))[:sent]))
        text += stream.done(done_of(reader.result()))
        assert contents(accumulated(text)) == contents(accumulated(told(blocks)))


def test_thoughts_that_no_chunk_told_are_never_words_of_the_answer() -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "Hm, well.", "signature": "one"},
        {"type": "text", "text": "42 is", "citations": None},
        {"type": "thinking", "thinking": "More.", "signature": "two"},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"n": 1}},
    ]
    whole = told(blocks)
    for sent in range(len(chunks(AnthropicReader(), whole))):
        stream, reader = MessagesStream(context_of()), AnthropicReader()
        text = b"".join(map(stream.chunk, chunks(reader, whole)[:sent]))
        made = contents(accumulated(text + stream.done(done_of(reader.result()))))
        assert [block["text"] for block in made if block["type"] == "text"] == ["42 is"]
        assert made[-1]["input"] == {"n": 1}


@pytest.mark.parametrize("thoughts", [True, False])
def test_thoughts_that_belong_before_what_was_sent_are_left_out(
    thoughts: bool,  # noqa: FBT001 pytest gives it
) -> None:
    """The first worker's model thought nothing, or nothing that was told."""
    thought = {"type": "thinking", "thinking": "Hm, well.", "signature": "sig"}
    answered = {"type": "text", "text": "42 it is", "citations": None}
    stream, reader = MessagesStream(context_of(thoughts=thoughts)), AnthropicReader()
    text = b"".join(map(stream.chunk, chunks(AnthropicReader(), told([answered]))[:1]))
    text += b"".join(map(stream.chunk, chunks(reader, told([thought, answered]), run=2)))
    text += stream.done(done_of(reader.result()))
    assert contents(accumulated(text)) == [{"type": "text", "text": "42 it is"}]


@pytest.mark.parametrize(
    "begun", [{}, native_block({"type": "thinking", "thinking": "", "signature": ""})]
)
def test_thoughts_that_nobody_signed_are_shown_to_those_who_asked(begun: dict[str, Any]) -> None:
    """Models that always think begin a block where the provider tells of blocks."""
    told_chunks = [
        Chunk(id="r", run=1, seq=n, delta=delta)
        for n, delta in enumerate([{"reasoning_content": "Hm.", **begun}, {"content": "42"}])
    ]
    message = {"role": "assistant", "content": "42", "reasoning_content": "Hm."}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    for thoughts in (True, False):
        stream = MessagesStream(context_of(thoughts=thoughts))
        text = b"".join(map(stream.chunk, told_chunks))
        text += stream.done(done_of(Answer(body, Usage(), "stop")))
        kinds = [block["type"] for block in contents(accumulated(text))]
        assert kinds == (["thinking", "text"] if thoughts else ["text"])


SEARCH: dict[str, Any] = {
    "type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"q": "é"},
}  # fmt: skip


@pytest.mark.parametrize("said", [[], ["Let me see."], ["Let me see. It is 42."], ["42"]])
def test_a_takeover_that_runs_no_tool_leaves_none_without_its_result(said: list[str]) -> None:
    """Anthropic refuses a conversation in which a tool's call has no result."""
    begun: list[dict[str, Any]] = [
        {"type": "text", "text": "Let me see.", "citations": None},
        SEARCH,
        SEARCHED,
        {"type": "text", "text": "42", "citations": [CITED]},
    ]
    other: list[dict[str, Any]] = [
        {"type": "text", "text": text, "citations": None} for text in said
    ]
    told_first = chunks(AnthropicReader(), told(begun))
    sent = next(n for n, chunk in enumerate(told_first, 1) if "block" in str(chunk.delta))
    stream, reader = MessagesStream(context_of()), AnthropicReader()
    text = b"".join(map(stream.chunk, told_first[:sent]))
    assert b"server_tool_use" in text
    text += b"".join(map(stream.chunk, chunks(reader, told(other), run=2)))
    if not stream.ended:
        text += stream.done(done_of(reader.result()))
    assert [event["type"] for event in events_of(text)][-1] == "error"
