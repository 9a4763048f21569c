"""What does one worker know of one deployment, besides its breakers?"""

from dataclasses import dataclass, field
from typing import NamedTuple

from .breaker_rules import BreakerRules
from .limits import (
    Concurrency,
    ConcurrencyRules,
    Typical,
    dropped,
    observed,
    restarted,
    sampled,
)
from .providers.outcome import Completion, Outcome
from .verdict import Verdict


class Keys(NamedTuple):
    """The names of the two breakers that a call must pass."""

    deployment: str
    provider: str


@dataclass(slots=True)
class Room:
    """no_place_until: the fleet's places for probes were taken; when to ask again."""

    keys: Keys
    concurrency: Concurrency
    typical: Typical = field(default_factory=Typical)
    in_flight: int = 0
    calls: int = 0
    failures: int = 0
    no_place_until: float = 0

    def learn(
        self, outcome: Outcome, verdict: Verdict, now: float, rules: ConcurrencyRules
    ) -> None:
        """What the end of a call says about how much may be sent, and when a call is overdue."""
        self.calls += 1
        if verdict.pressure == "drop":
            self.concurrency = dropped(self.concurrency, now, rules)
        if isinstance(outcome, Completion):
            self.concurrency = sampled(
                self.concurrency, outcome.first_token_s, self.in_flight, rules
            )
            self.typical = observed(self.typical, outcome.first_token_s)
        else:
            self.failures += 1

    def slow_after_s(self, rules: BreakerRules) -> float:
        """The time to the first token that counts as slow here."""
        if self.typical.known_s is None:
            return rules.slow_after_s
        often = max(rules.patient_s, rules.slow_factor * self.typical.known_s)
        return min(rules.slow_after_s, often)

    def restart(self, rules: ConcurrencyRules) -> None:
        """The deployment has recovered: it isn't hit by all that waited for it."""
        self.concurrency = restarted(self.concurrency, rules)
