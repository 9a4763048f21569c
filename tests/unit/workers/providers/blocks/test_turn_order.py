"""Odd histories as Claude and Converse take them: results behind their calls, words at the end."""

from typing import Any

import pytest

from workers.providers.base.parameters import AppliedParameters
from workers.providers.base.shapes import UnsupportedContent
from workers.providers.blocks.conversation import conversation
from workers.providers.blocks.images import ImagePart, image_of
from workers.providers.blocks.json_schema import claude_schema
from workers.providers.blocks.parts import TextPart, ToolResult, ToolUse
from workers.providers.blocks.tools import AnyTool, ModelChooses, NamedTool, NoTool, tools_of

ASK = {"role": "user", "content": "Hi"}
PNG = "iVBORw0KGgowMDAwMDAwMDAwMDAwMDAwMDAwMA=="
JPEG = "/9j/4Pv//vv//g=="


def calls(*ids: str) -> dict[str, Any]:
    function = {"name": "f", "arguments": "{}"}
    told = [{"id": each, "type": "function", "function": function} for each in ids]
    return {"role": "assistant", "content": None, "tool_calls": told}


def result(call_id: str, content: str = "4") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def shape(messages: list[dict[str, Any]]) -> list[list[str]]:
    def told(part: object) -> str:
        match part:
            case TextPart(text):
                return text
            case ToolUse(call_id):
                return f"call {call_id}"
            case ToolResult(call_id, (TextPart(text), *_)):
                return f"{call_id}: {text}"
        raise AssertionError(part)

    return [[told(part) for part in turn.parts] for turn in conversation(messages).turns]


@pytest.mark.parametrize(
    ("messages", "turns"),
    [
        # as it should be: nothing changes
        ([ASK, calls("a"), result("a"), ASK], [["Hi"], ["call a"], ["a: 4", "Hi"]]),
        # no result: before a question, at the end, of one of two
        ([ASK, calls("a"), ASK], [["Hi"], ["call a"], ["a: no result", "Hi"]]),
        ([ASK, calls("a")], [["Hi"], ["call a"], ["a: no result"]]),
        (
            [ASK, calls("a", "b"), result("b"), ASK],
            [["Hi"], ["call a", "call b"], ["b: 4", "a: no result", "Hi"]],
        ),
        # no call: the result is said in words
        ([ASK, result("z", "nine"), ASK], [["Hi", "nine", "Hi"]]),
        ([ASK, calls("a"), result("a"), result("a", "5")], [["Hi"], ["call a"], ["a: 4", "5"]]),
        # words between the results
        (
            [ASK, calls("a", "b"), result("b"), ASK, result("a", "3")],
            [["Hi"], ["call a", "call b"], ["b: 4", "a: 3", "Hi"]],
        ),
        ([ASK, {"role": "assistant", "content": "So \n"}], [["Hi"], ["So"]]),
    ],
)
def test_odd_histories_are_put_right(
    messages: list[dict[str, Any]], turns: list[list[str]]
) -> None:
    assert shape(messages) == turns
    chat = conversation(messages)
    assert bool(chat.warnings) == (turns != [["Hi"], ["call a"], ["a: 4", "Hi"]])
    assert all(part < len(chat.turns[turn].parts) for turn, part in chat.ends.values())


@pytest.mark.parametrize(
    ("url", "kind", "data"),
    [
        (f"data:image/png;base64, {PNG[:8]}\r\n{PNG[8:]}", "image/png", PNG),
        (f"data:image/png;base64,{PNG.rstrip('=')}", "image/png", PNG),
        (f"data:image/png;base64,{PNG.replace('=', '%3D')}", "image/png", PNG),
        ("data:image/jpeg;base64," + JPEG.replace("/", "_"), "image/jpeg", JPEG),
        (f"data:;base64,{PNG}", "image/png", PNG),
        (f"data:application/octet-stream;base64,{PNG}", "image/png", PNG),
        (f"data:image/PNG; charset=utf-8; base64,{PNG}", "image/png", PNG),
    ],
)
def test_base64_in_every_dress_is_tidied(url: str, kind: str, data: str) -> None:
    assert image_of({"image_url": {"url": url}}, "part") == ImagePart(kind, data)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("data:image/jpeg;base64,AAAAGGZ0eXBoZWljMDAw", "is image/heic"),
        ("data:image/png;base64,AAAAGGZ0eXBhdmlmMDAw", "is image/avif"),
        ("data:image/png;base64,Qk0wMDAwMDAwMDAw", "is image/bmp"),
        ("data:application/pdf;base64,JVBERi0xLjcw", "is application/pdf"),
        ("data:;base64,aGVsbG8gd29ybGQh", "of no known type"),
        ("data:image/svg+xml;utf8,<svg/>", "must be https"),
        ("data:image/png;base64,!!!!", "no valid base64"),
        ("file-abc123", "must be https"),
        ("gs://bucket/key.png", "must be https"),
        ("http://x/y.png", "must be https"),
    ],
)
def test_pictures_that_nobody_takes_are_refused(url: str, words: str) -> None:
    with pytest.raises(UnsupportedContent, match=words):
        image_of({"image_url": {"url": url}}, "part")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, ModelChooses()),
        ({"type": "none"}, NoTool()),
        ({"type": "any"}, AnyTool()),
        ({"type": "required"}, AnyTool()),
        ({"type": "tool", "name": "f"}, NamedTool("f")),
        ({"type": "function", "name": "f"}, NamedTool("f")),
        ({"name": "f"}, NamedTool("f")),
    ],
)
def test_a_choice_in_another_dialect_s_words_is_the_choice(
    choice: object, expected: object
) -> None:
    applied = AppliedParameters(shaped={"tool_choice": choice})
    assert tools_of(applied).choice == expected
    assert not applied.warnings


@pytest.mark.parametrize("choice", ["f", True, {}, {"type": "custom"}, []])
def test_a_choice_that_says_nothing_is_dropped_aloud(choice: object) -> None:
    applied = AppliedParameters(shaped={"tool_choice": choice})
    assert tools_of(applied).choice is None
    assert len(applied.warnings) == 1


def test_openapi_s_null_and_the_schema_of_anything() -> None:
    text = {"type": "string", "nullable": True}
    value = {"type": "object", "properties": {"a": text, "b": True, "c": {"items": True}}}
    schema = claude_schema(value, "s")
    properties = schema.schema["properties"]
    assert properties["a"] == {"anyOf": [{"type": "null"}, {"type": "string"}]} or properties[
        "a"
    ] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert properties["b"] == {}
