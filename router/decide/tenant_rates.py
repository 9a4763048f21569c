"""Tenant rates: has a tenant sent more than its limits allow, and when may it go on?

The virtual scheduling algorithm (GCRA, ITU-T I.371): what was admitted moves a due time ahead by
what it costs, and more is admitted while the due time lies within one window. It is a token bucket
of one window's grant with one number to keep. What costs more than a window has, waits for all.
Times are seconds of any monotonic clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from runtime.config.catalog import TenantLimits

RateUnit: TypeAlias = Literal["requests/s", "bytes/s", "tokens/min"]
_WINDOW_S: Final[dict[RateUnit, float]] = {"requests/s": 1.0, "bytes/s": 1.0, "tokens/min": 60.0}


@dataclass(frozen=True, slots=True)
class RateExceeded:
    """Which limit refuses, and how long until the same request would pass."""

    unit: RateUnit
    limit: float
    wait_s: float

    def message(self, account: str) -> str:
        """For the one who sent it."""
        whose = "all tenants without a section" if account == "*" else f"tenant {account!r}"
        return f"{whose} has used its {self.limit:g} {self.unit}: try again in {self.wait_s:.1f} s"


class TenantRates:
    """What every account has sent lately, to this process."""

    def __init__(self) -> None:
        self._due_s: dict[tuple[str, RateUnit], float] = {}

    def admit_request(
        self, account: str, limits: TenantLimits, size: int, now_s: float
    ) -> RateExceeded | None:
        """Whether one more request of `size` bytes may pass; if so it is counted."""
        wanted: list[tuple[RateUnit, float | None, float]] = [
            ("requests/s", limits.requests_s, 1),
            ("bytes/s", limits.bytes_s, size),
        ]
        return self._admit(account, wanted, now_s)

    def admit_tokens(
        self, account: str, limits: TenantLimits, tokens: int, now_s: float
    ) -> RateExceeded | None:
        """Whether so many tokens, of prompt and answer, may pass; if so they are counted."""
        return self._admit(account, [("tokens/min", limits.tokens_min, tokens)], now_s)

    def _admit(
        self,
        account: str,
        wanted: Sequence[tuple[RateUnit, float | None, float]],
        now_s: float,
    ) -> RateExceeded | None:
        due: dict[tuple[str, RateUnit], float] = {}
        for unit, limit, amount in wanted:
            if limit is None:
                continue
            window_s = _WINDOW_S[unit]
            begins_s = max(now_s, self._due_s.get((account, unit), now_s))
            ends_s = begins_s + amount * window_s / limit
            over_s = min(begins_s, ends_s - window_s) - now_s
            if over_s > 0:
                return RateExceeded(unit, limit, over_s)
            due[account, unit] = ends_s
        self._due_s.update(due)
        return None
