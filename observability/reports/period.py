"""Grammar of `--since` and `--until`, the same for every command. Unix milliseconds, UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_UNITS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_AGO: Final = re.compile(r"(\d+)([smhdw])")

IN_PERIOD: Final = "at_ms >= $start AND at_ms < $end"
"""In SQL: the row is of the period whose `parameters` are given."""


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """From `start_ms` up to, but without, `end_ms`."""

    start_ms: int
    end_ms: int

    @property
    def days(self) -> float:
        """Its length in days."""
        return (self.end_ms - self.start_ms) / _UNITS_MS["d"]

    @property
    def parameters(self) -> dict[str, str | int | float]:
        """The values that IN_PERIOD asks for."""
        return {"start": self.start_ms, "end": self.end_ms}


def period(since: str, until: str | None, now_ms: int) -> ReportPeriod:
    """ValueError, with the right forms, for anything that isn't a time."""
    end = now_ms if until is None else moment(until, now_ms)
    start = moment(since, now_ms)
    if start >= end:
        raise ValueError(f"the period is empty: it begins at {since} and ends at {until or 'now'}")
    return ReportPeriod(start, end)


def moment(text: str, now_ms: int) -> int:
    """The Unix milliseconds of `30d` (ago), `2026-03-01` or `2026-03-01T12:00:00Z`.

    Ago: a whole number of `s`, `m`, `h`, `d` or `w`. A time without a zone is UTC.
    Raises ValueError, with the right forms, for anything else.
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now_ms - int(ago[1]) * _UNITS_MS[ago[2]]
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no time: write 45s, 90m, 24h, 30d, 4w (ago), 2026-03-01 or"
            " 2026-03-01T12:00Z"
        ) from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
