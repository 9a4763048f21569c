"""Rate limit headers: the account's limits as a response tells them, and the wait it asks for.

Sources: the official SDKs (retry-after-ms before retry-after), OpenAI's `x-ratelimit-*` ("6ms",
"1m30s"), Anthropic's `anthropic-ratelimit-*` (RFC 3339), Mistral's `x-ratelimitbysize-*`. Readers
are lenient: a value that can't be read is as good as absent. Names are lower case.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from workers.providers.base.call_outcome import RateLimits, RateWindow
from workers.providers.errors.retry_after import (
    LONGEST_WINDOW_S,
    header_wait,
    message_wait,
    milliseconds_wait,
)

_UNTOLD: Final = RateLimits()
_MILLISECONDS: Final = ("retry-after-ms", "x-ms-retry-after-ms")
"""OpenAI's and Azure's."""

_Names: TypeAlias = tuple[str, str, str]
"""The headers of a window's limit, of what remains of it, and of its reset."""


def _names(pattern: str, reset: str) -> _Names:
    return pattern.format("limit"), pattern.format("remaining"), reset


_REQUESTS: Final = (
    _names("x-ratelimit-{}-requests", "x-ratelimit-reset-requests"),
    _names("anthropic-ratelimit-requests-{}", "anthropic-ratelimit-requests-reset"),
    _names("x-ratelimit-{}-req-minute", "x-ratelimit-reset-req-minute"),
)
_TOKENS: Final = (
    _names("x-ratelimit-{}-tokens", "x-ratelimit-reset-tokens"),
    _names("anthropic-ratelimit-tokens-{}", "anthropic-ratelimit-tokens-reset"),
    _names("anthropic-ratelimit-input-tokens-{}", "anthropic-ratelimit-input-tokens-reset"),
    _names("x-ratelimitbysize-{}-minute", "ratelimitbysize-reset"),
    _names("x-ratelimit-{}-tokens-minute", "x-ratelimit-reset-tokens-minute"),
)


def rate_limits(headers: Mapping[str, str], now: datetime) -> RateLimits:
    """The account's windows; all None where the provider tells nothing."""
    requests, tokens = _window(_REQUESTS, headers, now), _window(_TOKENS, headers, now)
    if requests is None and tokens is None:
        return _UNTOLD
    return RateLimits(requests or RateWindow(), tokens or RateWindow())


def wait_hint(headers: Mapping[str, str], message: str, now: datetime) -> float | None:
    """Seconds to wait, from `retry-after-ms`, `retry-after` or the message ("try again in 20s").

    What can't be read is as good as absent: the next of them counts.
    """
    for name in _MILLISECONDS:
        if (milliseconds := milliseconds_wait(headers.get(name, ""))) is not None:
            return milliseconds
    after = header_wait(headers.get("retry-after", ""), now)
    return message_wait(message) if after is None else after


def _window(
    names: Sequence[_Names], headers: Mapping[str, str], now: datetime
) -> RateWindow | None:
    for limits, remains, reset in names:
        if limits not in headers and remains not in headers:
            continue
        limit, remaining = _count(headers.get(limits)), _count(headers.get(remains))
        if limit is not None or remaining is not None:
            return RateWindow(limit, remaining, _reset(headers.get(reset), now))
    return None


def _reset(text: str | None, now: datetime) -> float | None:
    return None if text is None else header_wait(text, now, LONGEST_WINDOW_S)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and abs(value) < float("inf") else None


def _count(text: str | None) -> int | None:
    value = _number(text)
    return int(value) if value is not None and value >= 0 else None
