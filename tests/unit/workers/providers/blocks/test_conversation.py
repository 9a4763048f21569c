"""An OpenAI chat as alternating turns."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.providers.blocks.conversation import (
    ImagePart,
    LinkedImage,
    TextPart,
    Thinking,
    ToolResult,
    ToolUse,
    UnsupportedContent,
    conversation,
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


@given(st.lists(plain | results, max_size=12))
def test_turns_alternate_and_nothing_that_was_said_is_lost(messages: list[dict[str, Any]]) -> None:
    said = conversation(messages)
    roles = [turn.role for turn in said.turns]
    assert all(a != b for a, b in pairwise(roles))
    assert all(turn.parts for turn in said.turns)
    spoken = [part.text for turn in said.turns for part in turn.parts if isinstance(part, TextPart)]
    expected = [
        message["content"]
        for message in messages
        if message["role"] in {"user", "assistant"} and message["content"]
    ]
    assert spoken == expected
    system = [m["content"] for m in messages if m["role"] in {"system", "developer"}]
    assert list(said.system) == [text for text in system if text]


@given(st.lists(plain | results, max_size=12))
def test_every_message_with_words_ends_somewhere(messages: list[dict[str, Any]]) -> None:
    said = conversation(messages)
    for index, (turn, part) in said.ends.items():
        assert messages[index]["role"] not in {"system", "developer"}
        assert said.turns[turn].parts[part] is not None
    places = list(said.ends.values())
    assert places == sorted(places)


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


def test_pictures_come_as_data_or_as_a_link() -> None:
    def parts(url: str) -> list[Any]:
        content = [{"type": "image_url", "image_url": {"url": url}}]
        return list(conversation([{"role": "user", "content": content}]).turns[0].parts)

    assert parts("data:image/png;base64,aGk=") == [ImagePart("image/png", "aGk=")]
    assert parts("https://example.org/a.png") == [LinkedImage("https://example.org/a.png")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}], "must be https://"),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64,%"}}], "valid base64"),
        ([{"type": "input_audio", "input_audio": {}}], "content of type 'input_audio'"),
    ],
)
def test_what_cannot_be_said_is_explained(content: Any, words: str) -> None:  # noqa: ANN401 - JSON
    with pytest.raises(UnsupportedContent, match=words):
        conversation([{"role": "user", "content": content}])


def test_arguments_that_are_not_json_are_explained() -> None:
    call = {"id": "a", "function": {"name": "f", "arguments": "{"}}
    with pytest.raises(UnsupportedContent, match="the arguments of the call of 'f' are not JSON"):
        conversation([{"role": "assistant", "tool_calls": [call]}])
