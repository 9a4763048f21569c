"""What goes wrong in each scenario, for how long, and what would be ideal meanwhile?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

PRIMARY: Final = "mistral-small-2501"
SECONDARY: Final = "gpt-4o-mini"
TERTIARY: Final = "claude-haiku-4-5"
UPPER: Final = "gpt-4o"
TIER: Final = (PRIMARY, SECONDARY, TERTIARY)

PER_S: Final = 20.0
DEADLINE_S: Final = 8.0
WARM_UP_S: Final = 8.0
USUAL: Final[Mapping[str, Any]] = {"target": "*", "latency_ms": 300, "jitter": 0.2}

Waste: TypeAlias = Literal["all calls", "failed calls"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A fault of `fault_s` seconds, and `after_s` seconds to return to the primary.

    faults: control messages to the simulator; primary_share: what the primary could serve
    meanwhile. waste: what counts as wasted on the primary after its first failure. returns:
    whether the primary is meant to be used again afterwards.
    """

    name: str
    faults: tuple[Mapping[str, Any], ...]
    fault_s: float
    after_s: float = 10
    workers: int = 2
    primary_share: float = 0
    ideal: str = SECONDARY
    waste: Waste = "all calls"
    returns: bool = True
    redis_down: bool = False
    undo: tuple[Mapping[str, Any], ...] = field(default=({"target": PRIMARY, "faults": {}},))

    @property
    def seconds(self) -> float:
        """The whole load, from the first request to the last."""
        return WARM_UP_S + self.fault_s + self.after_s


def _share(rpm: int, seconds: float) -> float:
    """Of the load, what a token bucket of `rpm` lets through in `seconds`, full at first."""
    return min(1.0, (rpm + rpm / 60 * seconds) / (PER_S * seconds))


_FIFTH: Final = int(PER_S * 60 / 5)
_DEAD: Final = {"target": PRIMARY, "faults": {"reset": 1.0}}

SCENARIOS: Final = (
    Scenario(
        "1 limited to 20 %",
        ({"target": PRIMARY, "rpm": _FIFTH},),
        60,
        primary_share=_share(_FIFTH, 60),
        waste="failed calls",
        undo=({"target": PRIMARY, "rpm": 100_000},),
    ),
    Scenario("2 dead for 60 s", (_DEAD,), 60),
    Scenario(
        "3 latency of 10 s",
        ({"target": PRIMARY, "latency_ms": 10_000},),
        20,
        undo=({"target": PRIMARY, "latency_ms": 300},),
    ),
    Scenario(
        "4 500s at random, 30 %",
        ({"target": PRIMARY, "faults": {"server_error": 0.3}},),
        20,
        primary_share=1,
        waste="failed calls",
    ),
    Scenario(
        "5 quota exhausted",
        ({"target": PRIMARY, "faults": {"quota_exhausted": 1.0}},),
        20,
        after_s=0,
        returns=False,
    ),
    Scenario(
        "6 the whole tier down",
        tuple({"target": name, "faults": {"server_error": 1.0}} for name in TIER),
        20,
        ideal=UPPER,
        undo=tuple({"target": name, "faults": {}} for name in TIER),
    ),
    Scenario("7 dead, and Redis down", (_DEAD,), 20, redis_down=True),
    Scenario("8 dead, 4 processes", (_DEAD,), 20, workers=4),
)
