"""Waits are read from end to end, in every form that is legal, and never last."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TypeAlias

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workers.providers.errors.rate_limit_headers import rate_limits, wait_hint
from workers.providers.errors.retry_after import (
    LONGEST_WAIT_S,
    LONGEST_WINDOW_S,
    bounded,
    header_wait,
    message_wait,
    milliseconds_wait,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
Form: TypeAlias = Callable[[datetime], str]
FORMS: tuple[Form, ...] = (
    lambda at: format_datetime(at, usegmt=True),
    lambda at: at.strftime("%A, %d-%b-%y %H:%M:%S GMT"),
    lambda at: f"{at:%a %b} {at.day:2d} {at:%H:%M:%S %Y}",
)
"""IMF-fixdate, RFC 850 and asctime."""


@given(
    st.integers(1_300_000_000, 2_500_000_000).map(lambda at: datetime.fromtimestamp(at, UTC)),
    st.sampled_from(FORMS),
    st.integers(-7200, 7200),
)
def test_an_http_date_is_read_exactly(now: datetime, form: Form, ahead_s: int) -> None:
    text = form(now + timedelta(seconds=ahead_s))
    expected = min(max(0, ahead_s), LONGEST_WAIT_S)
    assert header_wait(text, now) == expected
    assert wait_hint({"retry-after": text}, "", now) == expected


@pytest.mark.parametrize("day", range(1, 32))
@pytest.mark.parametrize("month", [3, 5, 7, 12])
@pytest.mark.parametrize("form", FORMS)
def test_no_month_is_a_unit(form: Form, month: int, day: int) -> None:
    at = datetime(2026, month, day, 10, 0, 30, tzinfo=UTC)
    assert header_wait(form(at), at - timedelta(seconds=30)) == 30


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6ms", 0.006),
        ("500 milliseconds", 0.5),
        ("1h2m3s", LONGEST_WAIT_S),
        ("2m59.56s", 179.56),
        ("20 seconds", 20),
        ("1 minute and 5 seconds", 65),
        (" 2 ", 2),
        ("0.25", 0.25),
        ("120", 120),
        ("86400", LONGEST_WAIT_S),
        ("999999999999999", LONGEST_WAIT_S),  # an epoch in milliseconds, far ahead
        ("1795521630", 30),  # an epoch
        ("1795521630000", 30),
        ("1795521000", 0),
        ("2026-11-24T12:00:12Z", 12),
        ("2026-11-24T13:00:12.5+01:00", 12.5),
        ("9999-12-31T23:59:59Z", LONGEST_WAIT_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT_S),
        ("0001-01-01T00:00:00+23:59", 0),
        ("Sun, 31 Feb 2027 00:00:00 GMT", None),
        ("Sun, 06 Dec", None),
        ("06 Dec 2026", None),
        ("1 month", None),
        ("5 monkeys", None),
        ("5m or so", None),
        ("in 5s", None),
        ("1e308", None),
        ("-5", None),
        ("inf", None),
        ("nan", None),
        ("9" * 400, None),
        ("٣", None),
        ("1_0", None),
        ("", None),
        ("x", None),
    ],
)
def test_a_value_is_read_whole_or_not_at_all(text: str, seconds: float | None) -> None:
    assert header_wait(text, NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 1m2.5s.", 62.5),
        ("Please retry after 3 seconds or ask for more.", 3),
        ("Try again in 6 days.", LONGEST_WAIT_S),
        (f"try again in {'9' * 15}s", LONGEST_WAIT_S),
        (f"try again in {'9' * 400}s", None),
        ("try again in 5 monkeys", None),
        ("try again in 06 December", None),
        ("try again in 3", None),
        ("the 5s rule", None),
    ],
)
def test_an_error_text_tells_its_wait(message: str, seconds: float | None) -> None:
    assert message_wait(message) == pytest.approx(seconds)


ODD = st.one_of(
    st.text(),
    st.text("0123456789eE+-. :,smhdDecMar", max_size=80),
    st.from_regex(r"[0-9]{1,70}(\.[0-9]{1,20})? ?(ms|s|m|h|d|D|days)?"),
    st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}"),
    st.from_regex(r"[A-Z][a-z]{2}, [0-9]{2} (Dec|Mar|Jun) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"),
    st.floats().map(str),
    st.integers().map(str),
)


@given(ODD)
@example("9" * 4301)
@example("1" * 64)
@example("1s " * 10_000)
def test_whatever_is_written_never_raises_and_never_lasts(text: str) -> None:
    message = f"Please try again in {text}"
    waits = (
        header_wait(text, NOW),
        milliseconds_wait(text),
        message_wait(text),
        message_wait(message),
        wait_hint({"retry-after": text}, message, NOW),
        wait_hint({"retry-after-ms": text}, message, NOW),
    )
    assert all(wait is None or 0 <= wait <= LONGEST_WAIT_S for wait in waits)
    name = "x-ratelimit-{}-requests".format
    headers = {name("limit"): text, name("remaining"): "1", name("reset"): text}
    reset_s = rate_limits(headers, NOW).requests.reset_s
    assert reset_s is None or 0 <= reset_s <= LONGEST_WINDOW_S


@given(st.floats())
def test_a_wait_is_bounded_whoever_computed_it(wait_s: float) -> None:
    assert 0 <= bounded(wait_s) <= LONGEST_WAIT_S
    assert not math.isnan(bounded(wait_s))
