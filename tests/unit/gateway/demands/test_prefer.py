import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demands.prefer import MOST_WAIT_S, Preference, read_preference, read_wait


@pytest.mark.parametrize(
    ("header", "preference"),
    [
        (None, Preference()),
        ("respond-async", Preference(respond_async=True)),
        ("respond-async, wait=10", Preference(respond_async=True, wait_s=10)),
        ('Wait="5" , Respond-Async; x=y', Preference(respond_async=True, wait_s=5)),
        ("wait=999999", Preference(wait_s=MOST_WAIT_S)),
        ("wait=-1, return=minimal", Preference()),
    ],
)
def test_what_a_caller_prefers(header: str | None, preference: Preference) -> None:
    assert read_preference(header) == preference


@given(st.text(max_size=50))
def test_anything_else_is_ignored(header: str) -> None:
    assert 0 <= read_preference(header).wait_s <= MOST_WAIT_S


def test_the_query_goes_before_the_header() -> None:
    assert read_wait(b"a=1&wait=7", "wait=3") == 7
    assert read_wait(b"await=7", "wait=3") == 3
    assert read_wait(b"wait=x", None) == 0
