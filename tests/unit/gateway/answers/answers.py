"""Generated answers, and the chunks in which a provider may tell them."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from producers.contract import Chunk

TEXT = st.text(max_size=12)
NAME = st.text("abcdef", min_size=1, max_size=4)


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    """An assistant's message: text, reasoning, tool calls, or a refusal."""
    calls = [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": draw(NAME), "arguments": draw(TEXT)},
        }
        for number in range(draw(st.integers(0, 3)))
    ]
    message: dict[str, Any] = {"role": "assistant", "content": draw(TEXT) or None}
    if calls:
        message["tool_calls"] = calls
    if reasoning := draw(TEXT):
        message["reasoning_content"] = reasoning
    return message


@st.composite
def deltas(draw: st.DrawFn, message: dict[str, Any]) -> list[dict[str, Any]]:
    """Of the whole message: in pieces, its calls numbered with gaps, their ids repeated or not."""
    told: list[dict[str, Any]] = []
    for kind in ("reasoning_content", "content"):
        told += [{kind: piece} for piece in draw(pieces(message.get(kind) or ""))]
    place = 0
    for call in message.get("tool_calls", ()):
        place += draw(st.integers(1, 3))
        function = call["function"]
        begin = {**call, "index": place, "function": {"name": function["name"], "arguments": ""}}
        told.append({"tool_calls": [begin]})
        again = {"id": call["id"]} if draw(st.booleans()) else {}
        told += [
            {"tool_calls": [{"index": place, **again, "function": {"arguments": piece}}]}
            for piece in draw(pieces(function["arguments"]))
        ]
    return told


@st.composite
def pieces(draw: st.DrawFn, text: str) -> list[str]:
    """The text, cut anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def as_chunks(told: Sequence[dict[str, Any]], run: int = 1) -> list[Chunk]:
    """The chunks of one run."""
    return [Chunk(id="r", run=run, seq=n, delta=delta) for n, delta in enumerate(told)]
