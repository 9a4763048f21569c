import gc
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract.codec import MAX_ANSWER_MARKS
from producers.json_values import marks_in, read_json, too_many_values

TEXT = st.text(alphabet='ab,[]{}"\\ é', max_size=8)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def count(value: object) -> int:
    match value:
        case dict():
            return 1 + sum(count(inner) for inner in value.values())
        case list():
            return 1 + sum(count(inner) for inner in value)
        case _:
            return 1


@given(VALUE, st.sampled_from([None, 1]))
def test_the_count_is_that_of_a_parser(value: object, indent: int | None) -> None:
    raw = json.dumps(value, indent=indent, ensure_ascii=False).encode()
    number = count(value)
    assert not too_many_values(raw, number)
    assert too_many_values(raw, number - 1)


def test_lists_of_numbers_may_be_put_aside() -> None:
    raw = b'{"embeddings":{"input":[[' + b"1," * 50_000 + b"1]]}}"
    assert too_many_values(raw, 16_384)
    assert not too_many_values(raw, 16_384, numbers_aside=True)
    assert too_many_values(b"[" + b"[1]," * 50_000 + b"1]", 16_384, numbers_aside=True)


@pytest.mark.parametrize("commas", [b"a, b, " * 100_000, b'\\"a\\",' * 100_000])
def test_a_text_is_one_value_whatever_is_in_it(commas: bytes) -> None:
    assert not too_many_values(b'{"text":"' + commas + b'"}', 16)


@given(VALUE)
def test_what_is_read_is_what_was_written(value: object) -> None:
    raw = json.dumps(value).encode()
    assert read_json(raw, marks_in(raw)) == value


@pytest.mark.parametrize("raw", [b"[" * 70_000, b'["' + b"x" * 70_000, b"[]" * 40_000])
def test_what_is_no_json_leaves_the_collector_as_it_was(raw: bytes) -> None:
    with pytest.raises(ValueError):
        read_json(raw, 1_000_000)
    assert gc.isenabled()


def test_log_probabilities_of_twenty_candidates_are_read() -> None:
    candidate = {"token": " word", "logprob": -12.345678, "bytes": [32, 119, 111, 114, 100]}
    token = {**candidate, "top_logprobs": [candidate] * 20}
    raw = json.dumps({"choices": [{"logprobs": {"content": [token] * 1_000}}]}).encode()
    assert marks_in(raw) < MAX_ANSWER_MARKS
    assert marks_in(raw) == pytest.approx(1_000 * 21 * 11, rel=0.05)


def test_more_values_than_the_limit_are_not_parsed() -> None:
    with pytest.raises(ValueError, match="more than 100 marks"):
        read_json(b"[" + b"[]," * 100 + b"1]", 100)
