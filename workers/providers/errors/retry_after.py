"""Retry-After parsing: HTTP dates, delay seconds, epochs and durations, read whole and bounded.

A value is read from end to end or not at all: "Sun, 06 Dec 2026 10:00:30 GMT" holds "06 D", which
is no six days. HTTP dates come in the three forms of RFC 9110, section 5.6.7. No wait lasts longer
than `LONGEST_WAIT_S`: after an hour a deployment is worth another look, whatever it said.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_WAIT_S: Final = 3600.0
LONGEST_WINDOW_S: Final = 31 * 86_400.0
"""Of a rate limit: a monthly one."""
_LONGEST_VALUE: Final = 64
_LONGEST_MESSAGE: Final = 2_000
_FIRST_EPOCH: Final = 1e9
"""From here on a number is a moment (2001 and later) and no delay of thirty years."""
_FIRST_EPOCH_MS: Final = 1e12

_AMOUNT: Final = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
_UNIT: Final = (
    r"(?:milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-z])"
)
_DURATION: Final = rf"(?:{_AMOUNT} ?{_UNIT}(?:,? and |,? )?){{1,8}}"
_UNIT_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_IGNORE: Final = re.ASCII | re.IGNORECASE

_NUMBER: Final = re.compile(_AMOUNT)
_NUMBERS: Final = re.compile(rf"{_AMOUNT}(?:, ?{_AMOUNT}){{1,8}}")
_WHOLE_DURATION: Final = re.compile(_DURATION, _IGNORE)
_PART: Final = re.compile(rf"({_AMOUNT}) ?(ms|milli|[smhd])", _IGNORE)
_IN_TEXT: Final = re.compile(
    rf"(?:(?:again|retry|available) (?:in|after)|please wait) {{1,4}}({_DURATION})", _IGNORE
)

_CLOCK: Final = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
_DAY: Final = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY: Final = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_MONTH: Final = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_ZONE: Final = "(?:GMT|UTC|[+-][0-9]{4})"
"""RFC 9110 knows GMT only; mail's dates, which some servers send, have the others."""
_HTTP_DATE: Final = re.compile(
    rf"{_DAY}, [0-9]{{1,2}} {_MONTH} [0-9]{{4}} {_CLOCK} {_ZONE}"
    rf"|{_LONG_DAY}, [0-9]{{2}}-{_MONTH}-[0-9]{{2}} {_CLOCK} GMT"
    rf"|{_DAY} {_MONTH} [0-9 ][0-9] {_CLOCK} [0-9]{{4}}"
)
_OFFSET: Final = "(?:Z|[+-][0-9]{2}:[0-9]{2})"
_RFC_3339: Final = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}(?:\.[0-9]{{1,9}})?{_OFFSET}?"
)


def header_wait(text: str, now: datetime, longest_s: float = LONGEST_WAIT_S) -> float | None:
    """Seconds from `now` that a header's value says, in 0..longest_s; None when it says no time."""
    text = text.strip() if len(text) <= _LONGEST_VALUE else ""
    if _NUMBER.fullmatch(text):
        return _clamped(_from_now(float(text), now), longest_s)
    if _WHOLE_DURATION.fullmatch(text):
        return _clamped(_length(text), longest_s)
    if _NUMBERS.fullmatch(text):  # several headers of the name, joined by a proxy: all are heeded
        numbers = map(float, text.split(","))
        return _clamped(max(_from_now(number, now) for number in numbers), longest_s)
    at = _moment(text)
    return None if at is None else seconds_until(at, now, longest_s)


def milliseconds_wait(text: str) -> float | None:
    """Seconds that a plain number of milliseconds makes, bounded; None when it is no number."""
    text = text.strip() if len(text) <= _LONGEST_VALUE else ""
    return _clamped(float(text) / 1000, LONGEST_WAIT_S) if _NUMBER.fullmatch(text) else None


def message_wait(message: str) -> float | None:
    """Seconds in "Please try again in 1m2.5s.", bounded; None when the message tells none."""
    wait = _IN_TEXT.search(message[:_LONGEST_MESSAGE])
    return _clamped(_length(wait[1]), LONGEST_WAIT_S) if wait else None


def seconds_until(at: datetime, now: datetime, longest_s: float = LONGEST_WAIT_S) -> float:
    """Seconds from `now` until `at` (UTC if it names no zone), in 0..longest_s."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return _clamped((aware - now).total_seconds(), longest_s)


def bounded(wait_s: float) -> float:
    """`wait_s` in 0..LONGEST_WAIT_S, whoever computed it; what isn't a number is no wait."""
    return _clamped(wait_s, LONGEST_WAIT_S)


def _clamped(seconds: float, longest_s: float) -> float:
    return min(seconds, longest_s) if seconds > 0 else 0.0


def _from_now(number: float, now: datetime) -> float:
    if number < _FIRST_EPOCH:
        return number
    return (number / 1000 if number >= _FIRST_EPOCH_MS else number) - now.timestamp()


def _length(duration: str) -> float:
    parts = _PART.findall(duration.lower())
    return sum(float(amount) * _UNIT_S["ms" if unit == "milli" else unit] for amount, unit in parts)


def _moment(text: str) -> datetime | None:
    try:
        if _HTTP_DATE.fullmatch(text):
            # a leap second, which RFC 9110 allows and Python has no word for
            return parsedate_to_datetime(text.replace(":60 ", ":59 "))
        return datetime.fromisoformat(text) if _RFC_3339.fullmatch(text) else None
    except (ValueError, OverflowError):
        return None
