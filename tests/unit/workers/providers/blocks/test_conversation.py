"""An OpenAI chat as alternating turns."""

from base64 import b64encode
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.providers.base.shapes import UnsupportedContent
from workers.providers.blocks.conversation import conversation
from workers.providers.blocks.images import ImagePart, LinkedImage
from workers.providers.blocks.parts import (
    RedactedThinking,
    TextPart,
    Thinking,
    ToolResult,
    ToolUse,
)

texts = st.text(max_size=5)
plain = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["system", "developer", "user", "assistant"]),
    texts,
)
results = st.builds(
    lambda n, content: {"role": "tool", "tool_call_id": f"t{n}", "content": content},
    st.integers(0, 3),
    texts,
)


chats = st.lists(plain | results, max_size=12).filter(
    lambda messages: any(
        message["role"] == "tool" or (message["role"] in {"user", "assistant"} and words(message))
        for message in messages
    )
)


def words(message: dict[str, Any]) -> bool:
    return bool(message["content"].strip())


@given(chats)
def test_turns_alternate_and_nothing_that_was_said_is_lost(messages: list[dict[str, Any]]) -> None:
    said = conversation(messages)
    roles = [turn.role for turn in said.turns]
    assert all(a != b for a, b in pairwise(roles))
    assert all(turn.parts for turn in said.turns)
    spoken = [part.text for turn in said.turns for part in turn.parts if isinstance(part, TextPart)]
    # no call waits for these results, so they are words; a begun answer doesn't end in white space
    expected = [
        message["content"] if words(message) else "no result"
        for message in messages
        if message["role"] == "tool"
        or (message["role"] in {"user", "assistant"} and words(message))
    ]
    if roles[-1] == "assistant":
        expected[-1] = expected[-1].rstrip()
    assert spoken == expected
    system = [m for m in messages if m["role"] in {"system", "developer"}]
    assert list(said.system) == [message["content"] for message in system if words(message)]


@given(chats)
def test_every_message_with_words_ends_somewhere(messages: list[dict[str, Any]]) -> None:
    said = conversation(messages)
    for index, (turn, part) in said.ends.items():
        assert messages[index]["role"] not in {"system", "developer"}
        assert said.turns[turn].parts[part] is not None
    places = list(said.ends.values())
    assert places == sorted(places)


@pytest.mark.parametrize("blank", ["", " ", "\n\n", [], [{"type": "text", "text": " "}], None])
def test_white_space_is_left_out_and_a_chat_of_nothing_else_is_refused(blank: Any) -> None:  # noqa: ANN401 - JSON
    nothing = [{"role": role, "content": blank} for role in ("system", "user", "assistant")]
    with pytest.raises(UnsupportedContent, match="no words"):
        conversation(nothing)
    said = conversation([*nothing, {"role": "user", "content": "Hi"}])
    assert said.system == ()
    assert [turn.parts for turn in said.turns] == [[TextPart("Hi")]]


def test_parallel_tool_results_and_the_next_question_are_one_turn() -> None:
    call = {"id": "a", "function": {"name": "f", "arguments": '{"x": 1}'}}
    said = conversation(
        [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": None, "tool_calls": [call, {**call, "id": "b"}]},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}]},
            {"role": "user", "content": "And now?"},
        ]
    )
    assert said.turns[1].parts == [ToolUse("a", "f", {"x": 1}), ToolUse("b", "f", {"x": 1})]
    assert said.turns[2].parts == [
        ToolResult("a", (TextPart("1"),)),
        ToolResult("b", (TextPart("2"),)),
        TextPart("And now?"),
    ]


def test_thoughts_go_back_before_the_call_they_led_to() -> None:
    block = {"type": "thinking", "thinking": "hm", "signature": "s"}
    message = {"role": "assistant", "content": "Yes.", "thinking_blocks": [block]}
    (turn,) = conversation([message]).turns
    assert turn.parts == [Thinking("hm", "s"), TextPart("Yes.")]


def picture(url: object) -> Any:  # noqa: ANN401 - the only part
    content = [{"type": "image_url", "image_url": url}]
    (part,) = conversation([{"role": "user", "content": content}]).turns[0].parts
    return part


PNG = b64encode(b"\x89PNG\r\n\x1a\n....").decode()
WEBP = b64encode(b"RIFF\x00\x00\x00\x00WEBP").decode()


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("https://example.org/a.png", LinkedImage("https://example.org/a.png")),
        ("HTTPS://example.org/a.png", LinkedImage("HTTPS://example.org/a.png")),
        ("data:image/png;base64,aGk=", ImagePart("image/png", "aGk=")),
        ("data:image/jpg;base64,aGk=", ImagePart("image/jpeg", "aGk=")),
        ("data:image/pjpeg;base64,aGk=", ImagePart("image/jpeg", "aGk=")),
        ("DATA:IMAGE/PNG;BASE64,aGk=", ImagePart("image/png", "aGk=")),
        ("data:image/png;charset=utf-8;base64,aGk=", ImagePart("image/png", "aGk=")),
        (f"data:image/jpeg;base64,{PNG}", ImagePart("image/png", PNG)),
        (f"data:image/svg+xml;base64,{WEBP}", ImagePart("image/webp", WEBP)),
    ],
)
def test_pictures_come_as_data_or_as_a_link_rightly_labelled(url: str, part: object) -> None:
    assert picture({"url": url}) == part
    assert picture(url) == part


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}], "must be https://"),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64,%"}}], "valid base64"),
        ([{"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,aGk="}}], "svg"),
        ([{"type": "image_url", "image_url": {}}], "content.0..image_url.url must be a text"),
        ([{"type": "image_url"}], "content.0..image_url must be an object"),
        ([{"type": "input_audio", "input_audio": {}}], "content of type 'input_audio'"),
    ],
)
def test_what_cannot_be_said_is_explained(content: Any, words: str) -> None:  # noqa: ANN401 - JSON
    with pytest.raises(UnsupportedContent, match=words):
        conversation([{"role": "user", "content": content}])


def called(arguments: object, **more: object) -> ToolUse:
    call = {"id": "a", "function": {"name": "f", "arguments": arguments}, **more}
    (part,) = conversation([{"role": "assistant", "tool_calls": [call]}]).turns[0].parts
    assert isinstance(part, ToolUse)
    return part


@pytest.mark.parametrize("arguments", [None, "", "   ", "null", "{}", {}])
def test_no_arguments_are_an_empty_object(arguments: object) -> None:
    assert called(arguments).input == {}


@pytest.mark.parametrize("arguments", ['{"x": 1}', {"x": 1}])
def test_arguments_come_as_text_or_as_an_object(arguments: object) -> None:
    assert called(arguments).input == {"x": 1}


@pytest.mark.parametrize("arguments", ["[]", '"x"', "7", [1], 7, True])
def test_arguments_that_are_no_object_are_refused(arguments: object) -> None:
    with pytest.raises(UnsupportedContent, match=r"function\.arguments must be an object"):
        called(arguments)


def test_arguments_that_are_not_json_are_explained() -> None:
    with pytest.raises(UnsupportedContent, match="the arguments of the call of 'f' are not JSON"):
        called("{")


def test_redacted_thoughts_go_back_and_unsigned_ones_do_not() -> None:
    blocks = [
        {"type": "redacted_thinking", "data": "abc="},
        {"type": "thinking", "thinking": "hm"},
        {"type": "thinking", "thinking": "so", "signature": "s"},
    ]
    message = {"role": "assistant", "content": "Yes.", "thinking_blocks": blocks}
    (turn,) = conversation([message]).turns
    assert turn.parts == [RedactedThinking("abc="), Thinking("so", "s"), TextPart("Yes.")]


def test_a_refusal_sent_back_is_what_was_said() -> None:
    (turn,) = conversation([{"role": "assistant", "content": None, "refusal": "No."}]).turns
    assert turn.parts == [TextPart("No.")]


def test_fields_that_carry_something_are_missed_aloud() -> None:
    empty: dict[str, Any] = {"annotations": [], "refusal": None}
    message = {"role": "user", "content": "Hi", "name": "Ann", **empty}
    (warning,) = conversation([message]).warnings
    assert "name was dropped" in warning
