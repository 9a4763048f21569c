"""Retry schedule of webhooks: at once, then ever later, for three days (Standard Webhooks)."""

from dataclasses import dataclass
from typing import Final, TypeAlias

_PAUSES_S: Final = (
    *(5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000),
    86_400,
)
LONGEST_S: Final = 345_600
"""Four days: the whole schedule with its jitter."""
_JITTER: Final = 0.1
_GONE: Final = 410
_SUCCESS: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The endpoint has it."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """After so many seconds."""

    pause_s: float


@dataclass(frozen=True, slots=True)
class GiveUpNotice:
    """It is tried no more. endpoint_gone: nor is anything else for its endpoint."""

    endpoint_gone: bool = False


Verdict: TypeAlias = Delivered | TryAgain | GiveUpNotice


def after_attempt(
    number: int, status: int | None, retry_after_s: float | None, chance: float
) -> Verdict:
    """What follows an attempt.

    number: of attempts so far, this one included. status: HTTP's; None: there was no response.
    retry_after_s: the endpoint's wish. chance: 0 to 1, spreads the retries of many notices.
    """
    if status in _SUCCESS:
        return Delivered()
    if status == _GONE:
        return GiveUpNotice(endpoint_gone=True)
    if number > len(_PAUSES_S):
        return GiveUpNotice()
    pause_s = _PAUSES_S[number - 1] * (1 + _JITTER * chance)
    return TryAgain(max(pause_s, min(retry_after_s or 0, _PAUSES_S[-1])))
