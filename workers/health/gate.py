"""Gate of a deployment: ready, or not now. What the plan knows of a deployment's health."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from runtime.circuit_breaker.rules import Reason


@dataclass(frozen=True, slots=True)
class Ready:
    """May be called now."""

    probe: bool = False
    """It is being tried again after an outage."""


@dataclass(frozen=True, slots=True)
class NotNow:
    """Not before `until` (seconds): its breaker is open, or one of its limits is reached."""

    until: float
    reason: Reason | Literal["rate", "concurrency"]


Gate: TypeAlias = Ready | NotNow
