"""Expected speed: when would a deployment's answer begin, and when would it be there?

From what was measured of it, else from what the operator says (`speed` of the deployment), else
from the public class of its model. Between them by weight: the assumption counts as two calls.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from runtime.config.catalog import Catalog
from runtime.known.tables import KnownTables
from runtime.speed.observed_speed import HALF_LIFE_S, ObservedSpeed

ENOUGH_CALLS: Final = 5.0
"""From so many on, of which one is no older than a half-life, a speed counts as measured: a request
may be refused for it. So a refusal heals by itself, however many workers have measured."""
_ASSUMED_CALLS: Final = 2.0
_PATIENCE_S: Final = 30.0
_SLOWEST_TOKENS_PER_S: Final = 20.0
_UNMEASURED: Final = ObservedSpeed()


@dataclass(frozen=True, slots=True)
class AssumedSpeed:
    """Of a deployment that nobody has measured."""

    first_token_s: float
    tokens_per_s: float
    origin: str
    """Whose assumption it is, in words."""


@dataclass(frozen=True, slots=True)
class ExpectedSpeed:
    """What to expect of a deployment's next call."""

    first_token_s: float
    tokens_per_s: float
    usual_tokens: float | None
    """Of its answers lately; None: not measured."""
    measured: bool
    """Whether it rests on enough calls of late to be held against a request."""
    origin: str

    def answer_s(self, most_tokens: int) -> float:
        """Seconds until the whole answer. most_tokens: that it may have."""
        usual = self.usual_tokens
        tokens = most_tokens if usual is None else min(most_tokens, usual)
        return self.first_token_s + tokens / self.tokens_per_s

    def soonest_s(self, most_tokens: int) -> float:
        """Seconds before which the whole answer isn't to be expected, to hold against a limit.

        How long the answers of an unmeasured deployment are nobody knows: only that they begin.
        """
        return self.answer_s(most_tokens) if self.measured else self.first_token_s


def is_far(left_s: float, most_tokens: int) -> bool:
    """Whether a deadline is so far away that no speed is held against it.

    Most callers' time-outs are: they cost no look at the deployments.
    """
    return left_s > _PATIENCE_S + most_tokens / _SLOWEST_TOKENS_PER_S


def expected_speed(assumed: AssumedSpeed, observed: ObservedSpeed | None) -> ExpectedSpeed:
    """Both together."""
    seen = observed or _UNMEASURED
    share = seen.calls / (seen.calls + _ASSUMED_CALLS)
    rate = seen.tokens_per_s
    measured = seen.calls >= ENOUGH_CALLS and seen.age_s <= HALF_LIFE_S
    return ExpectedSpeed(
        first_token_s=share * seen.first_token_s + (1 - share) * assumed.first_token_s,
        tokens_per_s=assumed.tokens_per_s
        if rate is None
        # the time of a token is what is averaged
        else 1 / (share / rate + (1 - share) / assumed.tokens_per_s),
        usual_tokens=seen.tokens if measured and seen.tokens else None,
        measured=measured,
        origin=f"measured, {seen.calls:.0f} calls lately" if measured else assumed.origin,
    )


SpeedByName: TypeAlias = Callable[[str], ExpectedSpeed]
"""By deployment."""


class _SpeedTable:
    """Each deployment's speed, reckoned when it is first asked for."""

    def __init__(
        self, assumed: Mapping[str, AssumedSpeed], observed: Mapping[str, ObservedSpeed]
    ) -> None:
        self.observed: Final = observed
        self._assumed = assumed
        self._expected: dict[str, ExpectedSpeed] = {}

    def speed_of(self, deployment: str) -> ExpectedSpeed:
        known = self._expected.get(deployment)
        if known is None:
            known = expected_speed(self._assumed[deployment], self.observed.get(deployment))
            self._expected[deployment] = known
        return known


class ExpectedSpeeds:
    """Of one configuration: reckoned once for each look at the fleet, not for each request."""

    def __init__(self, catalog: Catalog, known: KnownTables) -> None:
        self._assumed = assumed_speeds(catalog, known)
        self._table = _SpeedTable(self._assumed, {})

    def by(self, observed: Mapping[str, ObservedSpeed]) -> SpeedByName:
        """observed: by deployment; the same mapping as long as nothing has changed."""
        if self._table.observed is not observed:
            self._table = _SpeedTable(self._assumed, observed)
        return self._table.speed_of


def assumed_speeds(catalog: Catalog, known: KnownTables) -> Mapping[str, AssumedSpeed]:
    """By deployment."""
    speeds: dict[str, AssumedSpeed] = {}
    for name, deployment in catalog.deployments.items():
        own = deployment.speed
        of_class = catalog.models[deployment.model].quality_class
        usual = known.speeds[of_class or "unknown"]
        whose = f"of its class, {of_class}" if of_class else "of a model that nobody knows"
        speeds[name] = AssumedSpeed(
            own.first_token_s or usual.first_token_s,
            own.tokens_per_s or usual.tokens_per_s,
            "assumed: the operator's figure" if own.said else f"assumed: usual {whose}",
        )
    return speeds
