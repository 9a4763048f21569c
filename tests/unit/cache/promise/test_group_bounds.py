import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.promise.error_bound import EXACT_COMPARISON, MAX_LEVEL, ErrorBound
from cache.promise.group_bounds import (
    NO_BOUNDS,
    PromiseCell,
    cell_of,
    decode_bounds,
    encode_bounds,
    rules_of,
)


@settings(deadline=None)
@given(st.integers(0, MAX_LEVEL), st.integers(0, 999), st.integers(0, 999), st.sampled_from([0, 1]))
def test_bounds_are_read_back(level: int, checked: int, wrong: int, closed: int) -> None:
    bound = ErrorBound(level, checked, min(wrong, checked), 3, 17, is_closed=bool(closed))
    cell = cell_of("semantic", "de")
    bounds = NO_BOUNDS.changed(cell, bound)
    assert decode_bounds(encode_bounds(bounds).encode()) == bounds
    assert bounds.of(cell) == bound
    assert bounds.of(cell_of("semantic", None)) == bounds.of(cell_of("exact", "de")) == ErrorBound()


@pytest.mark.parametrize(
    "value", [None, b"", b"x", b"[]", b'{"exact.en": 7}', b'{"exact.en": [1, "x"]}', b"\xff"]
)
def test_damaged_bounds_are_new_ones(value: bytes | None) -> None:
    assert decode_bounds(value) == NO_BOUNDS


@pytest.mark.parametrize("count", [b"1e999", b"Infinity", b"1" * 400, b"10000000"])
def test_counts_that_nobody_has_counted_are_judged_at_once(count: bytes) -> None:
    half = b"0" if count == b"1e999" else count[:-1]
    value = b'{"semantic.en":[0,%b,%b,%b,0,0]}' % (count, half, half)
    bound = decode_bounds(value).of(cell_of("semantic", "en"))
    assert bound.wrong <= bound.checked <= 10_000
    rules = rules_of(cell_of("semantic", "en"), 0.05, EXACT_COMPARISON)
    assert bound.status(rules) in {"closed", "kept", "unproven"}
    assert bound.with_report(rules, 10**12).level <= MAX_LEVEL


def test_the_semantic_step_alone_can_be_made_stricter() -> None:
    levels = {
        step: rules_of(PromiseCell(step, "en"), 0.05, EXACT_COMPARISON).max_level
        for step in ("exact", "canonical", "semantic")
    }
    assert levels == {"exact": 0, "canonical": 0, "semantic": MAX_LEVEL}
