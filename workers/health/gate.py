"""workers.health.gate."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from runtime.circuit_breaker.rules import Reason


@dataclass(frozen=True, slots=True)
class Ready:
    """May be called now. probe: it is being tried again after an outage."""

    probe: bool = False


@dataclass(frozen=True, slots=True)
class NotNow:
    """Not before `until`: its breaker is open, or its rate or concurrency limit is reached."""

    until: float
    reason: Reason | Literal["rate", "concurrency"]


Gate: TypeAlias = Ready | NotNow
