"""Does the caller of a stream get the answer, whole and once, whoever tells it?"""

from collections.abc import Sequence
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.answers.stream_progress import (
    AnswerProgress,
    Diverged,
    Piece,
    TextPiece,
    ToolCallArguments,
    ToolCallBegin,
    whole_message,
)
from tests.unit.gateway.answers.answers import as_chunks, deltas, messages


def joined(pieces: Sequence[Piece]) -> dict[str, Any]:
    """The message that a caller makes of the pieces."""
    message: dict[str, Any] = {}
    calls: list[list[str]] = []
    for piece in pieces:
        match piece:
            case TextPiece(kind, text):
                message[kind] = message.get(kind, "") + text
            case ToolCallBegin(index, call_id, name):
                assert index == len(calls)
                calls.append([call_id, name, ""])
            case ToolCallArguments(index, text):
                calls[index][2] += text
    return {**message, "calls": calls}


def expected(message: dict[str, Any]) -> dict[str, Any]:
    texts = {k: message[k] for k in ("content", "reasoning_content") if message.get(k)}
    calls = [
        [call["id"], call["function"]["name"], call["function"]["arguments"]]
        for call in message.get("tool_calls", ())
    ]
    return {**texts, "calls": calls}


def passed_on(step: Sequence[Piece] | Diverged) -> Sequence[Piece]:
    assert not isinstance(step, Diverged)
    return step


@given(st.data(), messages())
def test_any_way_of_telling_an_answer_gives_the_answer(
    data: st.DataObject, message: dict[str, Any]
) -> None:
    told = as_chunks(data.draw(deltas(message)))
    progress = AnswerProgress()
    pieces = [piece for chunk in told for piece in passed_on(progress.advance(chunk))]
    assert joined([*pieces, *passed_on(progress.finish(message))]) == expected(message)
    assert joined(whole_message(message)) == expected(message)


@given(st.data(), messages())
def test_a_takeover_that_says_the_same_is_not_seen(
    data: st.DataObject, message: dict[str, Any]
) -> None:
    first = as_chunks(data.draw(deltas(message)))
    told = first[: data.draw(st.integers(0, len(first)))]
    told += as_chunks(data.draw(deltas(message)), run=2)
    told = told[: data.draw(st.integers(0, len(told)))]
    progress = AnswerProgress()
    pieces = [piece for chunk in told for piece in passed_on(progress.advance(chunk))]
    assert joined([*pieces, *passed_on(progress.finish(message))]) == expected(message)


@given(st.data(), messages(), messages())
def test_a_takeover_that_says_something_else_never_mixes_with_what_was_sent(
    data: st.DataObject, message: dict[str, Any], other: dict[str, Any]
) -> None:
    message.pop("reasoning_content", None)
    other.pop("reasoning_content", None)
    assume(expected(message) != expected(other))
    first = as_chunks(data.draw(deltas(message)))
    told = first[: data.draw(st.integers(0, len(first)))]
    told += as_chunks(data.draw(deltas(other)), run=2)
    progress = AnswerProgress()
    pieces: list[Piece] = []
    for chunk in told:
        step = progress.advance(chunk)
        if isinstance(step, Diverged):
            return
        pieces += step
    step = progress.finish(other)
    if not isinstance(step, Diverged):
        # an id that was already told stays: it is only a name for the call
        told_now = joined([*pieces, *step])
        assert told_now.get("content") == expected(other).get("content")
        assert [c[1:] for c in told_now["calls"]] == [c[1:] for c in expected(other)["calls"]]


def test_what_was_told_as_text_may_turn_out_to_be_a_refusal() -> None:
    progress = AnswerProgress()
    (chunk,) = as_chunks([{"content": "I can"}])
    passed_on(progress.advance(chunk))
    assert progress.finish({"content": None, "refusal": "I can't"}) == [TextPiece("content", "'t")]
