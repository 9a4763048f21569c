"""Streamed tool calls, numbered by their server well, badly, or not at all."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.providers.openai.tool_call_pieces import OpenObject, ToolCallPieces


def put_together(pieces: list[Any]) -> tuple[list[tuple[str, str]], list[dict[str, Any]]]:
    """(name, arguments) of each call, and the pieces that were passed on."""
    calls = ToolCallPieces()
    told = [part for piece in pieces for part in calls.add([piece])]
    whole = [(call["function"]["name"], call["function"]["arguments"]) for call in calls.whole()]
    return whole, told


def piece(arguments: object = "", name: str | None = None, **head: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    function: dict[str, Any] = {"arguments": arguments}
    return {**head, "function": function | ({"name": name} if name is not None else {})}


F = ("f", '{"x":1}')
G = ("g", '{"y":2}')


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        pytest.param(
            [piece("", "f", id="a"), piece('{"x":'), piece("1}")], [F], id="no index at all"
        ),
        pytest.param(
            [piece('{"x":', "f", id="a", index=None), piece("1}", index=None)], [F], id="null index"
        ),
        pytest.param(
            [piece('{"x":1}', "f", id="a", index=None), piece('{"y":2}', "g", id="b", index=0)],
            [F, G],
            id="null, then 0",
        ),
        pytest.param(
            [piece("", "f", id="a"), piece('{"x":', index=0), piece("1}", index=0)],
            [F],
            id="index from the second piece on",
        ),
        pytest.param(
            [
                piece("", "f", index=0, id="a"),
                piece('{"x":', "f", index=0),
                piece("1}", "f", index=0, id="a"),
            ],
            [F],
            id="the name again in each piece",
        ),
        pytest.param(
            [piece('{"x":1}', "f", index=0, id="a"), piece('{"y":2}', "g", index=0, id="b")],
            [F, G],
            id="two calls at one index",
        ),
        pytest.param(
            [piece("", "f", index=0, id="a"), *(piece(c, index=0, id=c) for c in F[1])],
            [F],
            id="a fresh id in every piece",
        ),
        pytest.param(
            [piece('{"x":1}', "f"), piece('{"x":1}', "f")], [F, F], id="neither id nor index"
        ),
        pytest.param([piece({"x": 1}, "f", id="a")], [F], id="arguments as an object"),
        pytest.param(
            [piece("", "get_", index=0, id="a"), piece("{}", "weather", index=0)],
            [("get_weather", "{}")],
            id="a name in pieces",
        ),
        pytest.param(
            [
                piece("", "f", index=1, id="a"),
                piece("", "g", index=7, id="b"),
                piece(F[1], index=1),
                piece(G[1], index=7),
            ],
            [F, G],
            id="interleaved, numbered with gaps",
        ),
        pytest.param([None, 7, {}, piece(F[1], "f", id="a")], [("f", F[1])], id="no pieces at all"),
    ],
)
def test_calls_are_put_together_and_passed_on_with_an_index(
    pieces: list[Any], calls: list[tuple[str, str]]
) -> None:
    whole, told = put_together(pieces)
    assert [call for call in whole if call != ("", "")] == calls
    assert rebuilt(told) == whole


def rebuilt(told: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What a client makes of the deltas that trusts their index, as OpenAI's own does."""
    calls: dict[int, list[str]] = {}
    for part in told:
        name, arguments = part["function"].get("name", ""), part["function"]["arguments"]
        call = calls.setdefault(part["index"], ["", ""])
        call[0] += name
        call[1] += arguments
    return [(name, arguments) for name, arguments in calls.values()]


names = st.sampled_from(["f", "get_weather", "g"])
arguments = st.dictionaries(st.sampled_from("xy"), st.integers(0, 9), min_size=1).map(json.dumps)


@given(st.lists(st.tuples(names, arguments), min_size=1, max_size=4), st.data())
def test_any_cut_of_calls_with_any_subset_of_marks_gives_the_calls(
    calls: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Marks that servers leave out: the index everywhere, ids behind the first piece, types."""
    indexed, ids_again = data.draw(st.booleans()), data.draw(st.booleans())
    names_again = data.draw(st.booleans())
    pieces = []
    for number, (name, text) in enumerate(calls):
        at = data.draw(st.integers(0, len(text)))
        for n, part in enumerate((text[:at], text[at:])):
            made = piece(part, name if n == 0 or names_again else None)
            if n == 0 or ids_again or names_again:
                made["id"] = f"call-{number}"
            if indexed:
                made["index"] = number
            pieces.append(made)
    whole, told = put_together(pieces)
    assert whole == calls
    assert rebuilt(told) == calls


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["index", "id", "function", "name", "arguments"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.lists(json_values, max_size=4))
def test_any_pieces_at_all_are_borne(pieces: list[Any]) -> None:
    whole, told = put_together(pieces)
    assert rebuilt(told) == whole


def test_further_fields_of_a_call_are_kept() -> None:
    signature = {"google": {"thought_signature": "abc="}}
    calls = ToolCallPieces()
    (told,) = calls.add([piece("{}", "f", index=0, id="a", extra_content=signature, note="a")])
    calls.add([piece("", index=0, note="b")])
    assert told["extra_content"] == signature
    (call,) = calls.whole()
    assert call["extra_content"] == signature
    assert call["note"] == "ab"


TEXT = st.text(alphabet='ab{}[]"\\\\ \u00e9', max_size=8)


@given(st.dictionaries(TEXT, TEXT | st.lists(TEXT, max_size=2)), st.lists(st.integers(1, 5)))
def test_an_object_is_closed_at_its_end_however_it_is_cut(
    value: dict[str, Any], sizes: list[int]
) -> None:
    text, state, begin = json.dumps(value), OpenObject(), 0
    for size in sizes:
        end = min(begin + size, len(text) - 1)
        state.add(text[begin:end])
        assert not state.closed
        begin = end
    state.add(text[begin:])
    assert state.closed


def test_a_piece_is_looked_at_once() -> None:
    """Or a stream of many pieces without an index would take quadratic time."""
    calls, looked = ToolCallPieces(), list[str]()
    calls.add(piece('{"x":"', "f"))
    call = calls._calls[0]  # noqa: SLF001

    class Watched(OpenObject):
        def add(self, piece: str) -> None:
            looked.append(piece)
            super().add(piece)

    call._object = Watched()  # noqa: SLF001
    for _ in range(50):
        calls.add(piece("}", "f"))
    assert looked == ['{"x":"', *["}"] * 49]


def test_a_name_without_an_end_is_no_tool() -> None:
    calls = ToolCallPieces()
    with pytest.raises(ValueError, match="no end"):
        calls.add([piece("", f"{number}" * 50, index=0) for number in range(1_000)])
