"""What do a response's headers say of the account's limits, and how long should we wait?

Sources: the official SDKs (retry-after-ms before retry-after), OpenAI's `x-ratelimit-*` ("6ms",
"1m30s"), Anthropic's `anthropic-ratelimit-*` (RFC 3339), Mistral's `x-ratelimitbysize-*`. Readers
are lenient: a value that can't be read is as good as absent. Names are lower case.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from .outcome import RateLimits, RateWindow

_PARTS: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_IN_TEXT: Final = re.compile(
    r"(?:try again in|retry after|retry in)\s+((?:\d+(?:\.\d+)?\s?(?:ms|s|m|h|d)[a-z]*\s?)+)",
    re.IGNORECASE,
)
_UNTOLD: Final = RateLimits()

_REQUESTS: Final = (
    ("x-ratelimit-{}-requests", "x-ratelimit-reset-requests"),
    ("anthropic-ratelimit-requests-{}", "anthropic-ratelimit-requests-reset"),
    ("x-ratelimit-{}-req-minute", "x-ratelimit-reset-req-minute"),
)
_TOKENS: Final = (
    ("x-ratelimit-{}-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-tokens-{}", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-{}", "anthropic-ratelimit-input-tokens-reset"),
    ("x-ratelimitbysize-{}-minute", "ratelimitbysize-reset"),
    ("x-ratelimit-{}-tokens-minute", "x-ratelimit-reset-tokens-minute"),
)


def rate_limits(headers: Mapping[str, str], now: datetime) -> RateLimits:
    """The account's windows; all None where the provider tells nothing."""
    requests, tokens = _window(_REQUESTS, headers, now), _window(_TOKENS, headers, now)
    if requests is None and tokens is None:
        return _UNTOLD
    return RateLimits(requests or RateWindow(), tokens or RateWindow())


def wait_hint(headers: Mapping[str, str], message: str, now: datetime) -> float | None:
    """Seconds to wait, from `retry-after-ms`, `retry-after` or the message ("try again in 20s")."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    after = headers.get("retry-after")
    if after is not None:
        return _retry_after(after, now)
    told = _IN_TEXT.search(message)
    return duration(told[1]) if told else None


def duration(text: str) -> float | None:
    """Seconds in "6ms", "1m30s", "20 seconds" or "0.5"; None when it says no time."""
    plain = _number(text)
    if plain is not None:
        return plain
    parts = _PARTS.findall(text.replace(" ", "").lower())
    return sum(float(amount) * _SECONDS[unit] for amount, unit in parts) if parts else None


def _retry_after(text: str, now: datetime) -> float | None:
    seconds = duration(text)
    if seconds is not None:
        return max(0.0, seconds)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return _until(at, now)


def _window(
    names: tuple[tuple[str, str], ...], headers: Mapping[str, str], now: datetime
) -> RateWindow | None:
    for pattern, reset in names:
        limit = _count(headers.get(pattern.format("limit")))
        remaining = _count(headers.get(pattern.format("remaining")))
        if limit is not None or remaining is not None:
            return RateWindow(limit, remaining, _reset(headers.get(reset), now))
    return None


def _reset(text: str | None, now: datetime) -> float | None:
    if text is None:
        return None
    try:
        return _until(datetime.fromisoformat(text), now)
    except ValueError:
        return duration(text)


def _until(at: datetime, now: datetime) -> float:
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and abs(value) < float("inf") else None


def _count(text: str | None) -> int | None:
    value = _number(text)
    return int(value) if value is not None and value >= 0 else None
