"""Words in a form that a reader doesn't know: warned of, kept, or a failure, never left out."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic_core import to_json

from tests.unit.workers.providers.test_stream_readers import PAIRS, frame, read
from workers.providers.anthropic.native import NativeBlocks
from workers.providers.anthropic.response import anthropic_answer
from workers.providers.base.dialect import MALFORMED, Answer
from workers.providers.base.json_values import json_of
from workers.providers.bedrock.response import bedrock_answer
from workers.providers.blocks.assembly import AnswerAssembly
from workers.providers.openai.response import plain_content


def sse(*bodies: dict[str, Any], raw: bool = False) -> bytes:
    return b"".join(
        b"data: " + json.dumps(b, ensure_ascii=not raw).encode() + b"\n\n" for b in bodies
    )


def anthropic(*deltas: dict[str, Any]) -> bytes:
    return sse(
        {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 3}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
        {"type": "message_stop"},
    )


def openai(*deltas: dict[str, Any]) -> bytes:
    choices = [{"index": 0, "delta": delta} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    return sse(*({"id": "1", "choices": [choice]} for choice in choices))


def bedrock(*deltas: dict[str, Any]) -> bytes:
    def event(kind: str, body: dict[str, Any]) -> bytes:
        return frame({":message-type": "event", ":event-type": kind}, json.dumps(body).encode())

    pieces = (event("contentBlockDelta", {"contentBlockIndex": 0, "delta": d}) for d in deltas)
    end = event("messageStop", {"stopReason": "end_turn"}) + event("metadata", {"usage": {}})
    return b"".join(pieces) + end


def answer(name: str, stream: bytes, size: int = 10_000) -> Any:  # noqa: ANN401 - JSON
    result = read(PAIRS[name][0], stream, size)
    assert isinstance(result, Answer), result
    return result.body["choices"][0]["message"], result.warnings


WORDS = {"text": "Hello"}
STREAMS = {"openai": openai, "anthropic": anthropic, "bedrock": bedrock}


@pytest.mark.parametrize(
    ("name", "delta"),
    [
        ("anthropic", {"type": "speech_delta", "speech": "Hello"}),
        ("anthropic", {"type": "compaction_delta", "content": "Hello"}),
        ("anthropic", {"said": {"words": "Hello"}}),
        ("anthropic", {"type": 7, "speech": "Hello"}),
        ("bedrock", {"speech": {"words": "Hello"}}),
        ("bedrock", {"image": {"source": {"bytes": "aGk="}}}),
    ],
)
def test_pieces_of_an_unknown_kind_are_warned_of_and_never_an_empty_answer(
    name: str, delta: dict[str, Any]
) -> None:
    told, warnings = answer(name, STREAMS[name](WORDS, delta))
    assert told["content"] == "Hello"
    assert len(warnings) == 1
    assert "of a kind not known" in warnings[0]
    with pytest.raises(MALFORMED):
        read(PAIRS[name][0], STREAMS[name](delta), 10_000)


@pytest.mark.parametrize(
    ("name", "delta"),
    [
        ("anthropic", {"type": "citations_delta", "citation": {"cited_text": "x"}}),
        ("bedrock", {"citation": {"title": "x"}}),
    ],
)
def test_sources_beside_the_words_are_no_words(name: str, delta: dict[str, Any]) -> None:
    told, warnings = answer(name, STREAMS[name](WORDS, delta))
    assert (told["content"], warnings) == ("Hello", ())


@pytest.mark.parametrize(
    ("block", "text", "warned"),
    [
        ({"type": "prose", "text": "Hello"}, "Hello", 0),
        ({"type": "speech", "audio": "aGk="}, "Yes", 1),
        ({"type": "web_search_tool_result", "content": []}, "Yes", 0),
        ({"type": "container_upload", "file_id": "f"}, "Yes", 0),
    ],
)
def test_whole_blocks_of_anthropic(block: dict[str, Any], text: str, warned: int) -> None:
    blocks = [block] if text == "Hello" else [{"type": "text", "text": "Yes"}, block]
    payload = json.dumps({"content": blocks, "stop_reason": "end_turn"}).encode()
    result = PAIRS["anthropic"][0].decode_answer(payload)
    assert isinstance(result, Answer)
    assert result.body["choices"][0]["message"]["content"] == text
    assert len(result.warnings) == warned


def test_cited_words_of_bedrock_are_words() -> None:
    blocks = [
        {"text": "So: "},
        {"citationsContent": {"content": [{"text": "it is "}, {"text": "four"}], "citations": []}},
        {"video": {"format": "mp4"}},
    ]
    body = {"output": {"message": {"content": blocks}}, "stopReason": "end_turn"}
    result = PAIRS["bedrock"][0].decode_answer(json.dumps(body).encode())
    assert isinstance(result, Answer)
    assert result.body["choices"][0]["message"]["content"] == "So: it is four"
    assert result.warnings == ("a part of the answer is of a kind not known: video",)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["a \ud83d", "\ude00 b"], "a 😀 b"),
        (["\ud83d", "\ude00\ud83d", "\ude80"], "😀🚀"),
        (["a\ud83d", "", "\ude00"], "a😀"),
        (["a\ude00", "b"], "a\ufffdb"),
        (["a\ud83db"], "a\ufffdb"),
    ],
)
def test_the_halves_of_a_letter_come_together(
    name: str, size: int, pieces: Sequence[str], text: str
) -> None:
    field = "content" if name == "openai" else "text"
    told, _ = answer(name, STREAMS[name](*({field: piece} for piece in pieces)), size)
    assert told["content"] == text


def test_a_half_letter_is_no_door_for_deep_nesting() -> None:
    deep = b'{"a": "\\ud83d", "b": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(ValueError):
        json_of(deep)
    assert json_of(b'{"message": "x \\ud83d"}') == {"message": "x \ufffd"}


@pytest.mark.parametrize("name", [b"\\ud800", b"a\\udc00b", b"\xc3\xa9\\ud83d"])
def test_a_half_letter_in_a_name_can_be_written_again(name: bytes) -> None:
    """What can't be encoded would break the reply, after the call was paid."""
    read = json_of(b'{"%b": [{"%b": "\\ud83d"}]}' % (name, name))
    assert "\ufffd" in next(iter(read))
    assert to_json(read)


def test_a_message_of_endless_parts_is_no_answer() -> None:
    assert plain_content({"content": ["a"] * 4_096})["content"] == "a" * 4_096
    with pytest.raises(ValueError, match="more parts"):
        plain_content({"content": [""] * 4_097})


def test_an_answer_of_endless_blocks_is_no_answer() -> None:
    blocks = [{"type": "text", "text": "a"}, {"type": "thinking", "thinking": "b"}]
    message = {"id": "m", "stop_reason": "end_turn", "usage": {"output_tokens": 3}}
    assert isinstance(anthropic_answer({**message, "content": blocks * 1_024}), Answer)
    with pytest.raises(ValueError, match="more blocks"):
        anthropic_answer({**message, "content": blocks * 1_025})
    told = {"stopReason": "end_turn", "usage": {}}
    with pytest.raises(ValueError, match="more blocks"):
        bedrock_answer({**told, "output": {"message": {"content": [{"text": "a"}] * 2_049}}})
    assembly = AnswerAssembly()
    for index in range(2_048):
        assembly.begin_tool_call(index, None, "f")
    with pytest.raises(ValueError, match="more blocks"):
        assembly.begin_thought(2_048)


def test_the_citations_of_a_stream_come_whole_and_in_their_order() -> None:
    blocks, told = NativeBlocks(), {"type": "text", "text": "", "citations": ["0"]}
    blocks.begin(0, told)
    for number in range(1, 4):
        blocks.grow(0, {"type": "citations_delta", "citation": {"n": number}})
    assert blocks.blocks() == [{**told, "citations": ["0", {"n": 1}, {"n": 2}, {"n": 3}]}]
    assert told["citations"] == ["0"]


@pytest.mark.parametrize("name", ["openai", "anthropic"])
@pytest.mark.parametrize("size", [1, 3, 50, 10_000])
def test_lines_that_end_with_cr_alone_are_lines(name: str, size: int) -> None:
    field = "content" if name == "openai" else "text"
    stream = STREAMS[name]({field: "Hello"}, {field: " world"})
    told = answer(name, stream)
    for end in (b"\r", b"\r\n"):
        assert answer(name, stream.replace(b"\n", end), size) == told


@pytest.mark.parametrize("streamed", [True, False])
def test_parts_that_are_no_text_stay_in_openai_s_answers(streamed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    content = [{"type": "text", "text": "Here:"}, picture]
    if streamed:
        told, _ = answer("openai", openai({"content": content}, {"content": [{"type": "x"}]}))
        assert told["content_parts"] == [picture, {"type": "x"}]
    else:
        body = {"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}
        result = PAIRS["openai"][0].decode_answer(json.dumps(body).encode())
        assert isinstance(result, Answer)
        told = result.body["choices"][0]["message"]
        assert told["content_parts"] == [picture]
    assert told["content"] == "Here:"


def test_thoughts_in_an_object_are_passed_on_as_text() -> None:
    reader = PAIRS["openai"][0].stream_reader()
    deltas = list(reader.feed(openai({"reasoning_content": {"text": "x"}}, {"content": "y"})))
    assert deltas[0] == {"reasoning_content": "x"}
