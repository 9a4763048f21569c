"""JSON in turns: the same value, or the same refusal, as of a parser that reads it at once."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from producers.json_values import TooManyMarksError
from workers.providers.base import json_in_turns
from workers.providers.base.json_in_turns import read_answer_json

texts = st.text('ab"\\[]{},: \n\u00e9\U0001f600', max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=30,
)
PARTS = (*b'",:[]{}\\1 \xff', 0)


@pytest.fixture(autouse=True)
def every_text_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_in_turns, "LARGE", 0)
    monkeypatch.setattr(json_in_turns, "_AT_ONCE", 0)
    monkeypatch.setattr(json_in_turns, "_PIECE", 24)


def told(read: Callable[[bytes], object], raw: bytes) -> str:
    try:
        return repr(read(raw))
    except ValueError:
        return "refused"


def in_turns(raw: bytes) -> object:
    return read_answer_json(b"[" + raw + b"]", 10**6)


def at_once(raw: bytes) -> object:
    return from_json(b"[" + raw + b"]")


@settings(deadline=None, max_examples=300)
@given(values, st.booleans(), st.sampled_from([None, 1]))
def test_it_is_the_same_value(value: object, ascii_only: bool, indent: int | None) -> None:  # noqa: FBT001 drawn
    raw = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert told(in_turns, raw) == told(at_once, raw)


@settings(deadline=None, max_examples=300)
@given(values, st.lists(st.tuples(st.integers(0, 200), st.sampled_from(PARTS)), max_size=3))
def test_damage_is_refused_as_at_once(value: object, damage: list[tuple[int, int]]) -> None:
    raw = bytearray(json.dumps(value).encode())
    for place, part in damage:
        at = place % (len(raw) + 1)
        if part:
            raw[at:at] = bytes([part])
        else:
            del raw[at : at + 1]
    assert told(in_turns, bytes(raw)) == told(at_once, bytes(raw))


@pytest.mark.parametrize("depth", [196, 197, 198, 199, 200, 201, 5_000])
@pytest.mark.parametrize(("opens", "closes"), [(b"[", b"]"), (b'{"a":', b"}"), (b"[0,[", b"]]")])
def test_it_is_as_deep_as_at_once(depth: int, opens: bytes, closes: bytes) -> None:
    raw = opens * depth + b"1" + closes * depth
    assert told(in_turns, raw) == told(at_once, raw)


def test_a_text_of_more_marks_is_told_as_such() -> None:
    with pytest.raises(TooManyMarksError):
        read_answer_json(b"[" + b"[]," * 9 + b"[]]", 9)
