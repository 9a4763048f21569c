"""Wait hints and rate headers of every provider, in one shape."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.providers.base.call_outcome import RateLimits, RateWindow
from workers.providers.errors.rate_limit_headers import rate_limits, wait_hint
from workers.providers.errors.retry_after import LONGEST_WAIT_S

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, "", 1.5),
        ({"retry-after": "7"}, "", 7),
        ({"retry-after": "0.25"}, "", 0.25),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:30 GMT"}, "", 30),
        ({"retry-after": "Tue, 24 Nov 2026 11:00:00 GMT"}, "", 0),
        ({"retry-after": "soon"}, "try again in 3s", 3),
        ({"retry-after": "  "}, "try again in 1m30.5s", 90.5),
        ({"retry-after": "-1"}, "", None),
        ({"retry-after": "30, 60"}, "", 60),
        ({"retry-after-ms": "soon", "retry-after": "7"}, "", 7),
        ({"x-ms-retry-after-ms": "1500"}, "", 1.5),
        ({"retry-after": "1795521630"}, "", 30),
        ({"retry-after": "1795521630000"}, "", 30),
        ({}, "Please try again after 30 seconds.", 30),
        ({}, "Please wait 30 seconds before trying again.", 30),
        ({}, "Expected available in 20 seconds", 20),
        ({}, "Please retry in 34.5s.", 34.5),
        ({}, "try again in -5s", None),
        ({"retry-after-ms": "nan"}, "", None),
        ({}, "Rate limit reached. Please try again in 1m2.5s.", 62.5),
        ({}, "Please try again in 20ms.", 0.02),
        ({}, "Please retry after 3 seconds.", 3),
        ({}, "No hint at all.", None),
    ],
)
def test_wait_hints(headers: dict[str, str], message: str, seconds: float | None) -> None:
    assert wait_hint(headers, message, NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("headers", "requests", "tokens"),
    [
        (
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": "59",
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-limit-tokens": "150000",
                "x-ratelimit-remaining-tokens": "149984",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            RateWindow(60, 59, 1.0),
            RateWindow(150000, 149984, 360.0),
        ),
        (
            {"x-ratelimit-remaining-requests": "9", "x-ratelimit-remaining-tokens": "-1"},
            RateWindow(None, 9, None),
            RateWindow(),
        ),
        (
            {
                "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-24T12:00:12Z",
                "anthropic-ratelimit-input-tokens-limit": "1000",
                "anthropic-ratelimit-input-tokens-remaining": "10",
                "anthropic-ratelimit-input-tokens-reset": "2026-11-24T12:01:00Z",
            },
            RateWindow(50, 0, 12.0),
            RateWindow(1000, 10, 60.0),
        ),
        (
            {
                "x-ratelimitbysize-limit-minute": "500000",
                "x-ratelimitbysize-remaining-minute": "499000",
                "ratelimitbysize-reset": "42",
            },
            RateWindow(),
            RateWindow(500000, 499000, 42.0),
        ),
        ({}, RateWindow(), RateWindow()),
    ],
)
def test_windows(headers: dict[str, str], requests: RateWindow, tokens: RateWindow) -> None:
    assert rate_limits(headers, NOW) == RateLimits(requests, tokens)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "retry-after",
                "retry-after-ms",
                "x-ratelimit-remaining-tokens",
                "ratelimitbysize-reset",
            ]
        ),
        st.text(max_size=30),
    ),
    st.text(max_size=60),
)
def test_whatever_a_provider_writes_is_read_without_a_crash(
    headers: dict[str, str], message: str
) -> None:
    wait = wait_hint(headers, message, NOW)
    assert wait is None or 0 <= wait <= LONGEST_WAIT_S
    remaining = rate_limits(headers, NOW).tokens.remaining
    assert remaining is None or remaining >= 0
