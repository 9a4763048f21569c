"""Deployment state: what one worker knows of one deployment, besides its breakers."""

from dataclasses import dataclass, field
from typing import NamedTuple

from runtime.speed.observed_speed import (
    ObservedSpeed,
    SpeedSample,
    speed_after,
    speed_after_silence,
)
from workers.health.health_rules import HealthRules
from workers.health.limits.concurrency_limit import (
    Concurrency,
    ConcurrencyRules,
    limit_after_answer,
    limit_after_drop,
    limit_after_recovery,
)
from workers.health.limits.latency_quantile import LatencyQuantile, quantile_after
from workers.health.outcome_policy import OutcomeVerdict
from workers.providers.base.call_outcome import CallOutcome, Completion, TimedOut


class BreakerKeys(NamedTuple):
    """The names of the two breakers that a call must pass."""

    deployment: str
    provider: str


class CallTimes(NamedTuple):
    """Of a call that has ended: how many seconds it took, and when that was."""

    took_s: float
    ended_at: float


@dataclass(slots=True)
class DeploymentState:
    """Counters and estimates of one deployment, which change with every call."""

    keys: BreakerKeys
    concurrency: Concurrency
    latency: LatencyQuantile = field(default_factory=LatencyQuantile)
    """Of the first tokens."""
    speed: ObservedSpeed = field(default_factory=ObservedSpeed)
    in_flight: int = 0
    calls: int = 0
    failures: int = 0
    probes_taken_until: float = 0
    """The fleet's places for probes were taken: when to ask again, in seconds."""

    def record_outcome(
        self,
        outcome: CallOutcome,
        verdict: OutcomeVerdict,
        call: CallTimes,
        rules: ConcurrencyRules,
    ) -> None:
        """What the end of a call says about how much may be sent, and when a call is overdue."""
        now = call.ended_at
        self.calls += 1
        if verdict.load == "drop":
            self.concurrency = limit_after_drop(self.concurrency, now, rules)
        if isinstance(outcome, Completion):
            self.concurrency = limit_after_answer(
                self.concurrency, outcome.first_token_s, self.in_flight, rules
            )
            self.latency = quantile_after(self.latency, outcome.first_token_s)
            sample = SpeedSample(outcome.first_token_s, call.took_s, outcome.usage.output_total)
            self.speed = speed_after(self.speed, sample, now)
        else:
            self.failures += 1
            if isinstance(outcome, TimedOut) and outcome.before_first_token:
                self.speed = speed_after_silence(self.speed, call.took_s, now)

    def slow_after_s(self, rules: HealthRules) -> float:
        """The time to the first token that counts as slow here."""
        if self.latency.known_s is None:
            return rules.slow_after_s
        unusual_s = max(rules.fair_wait_s, rules.slow_factor * self.latency.known_s)
        return min(rules.slow_after_s, unusual_s)

    def restart(self, rules: ConcurrencyRules) -> None:
        """The deployment has recovered: its limit starts small and grows with every answer."""
        self.concurrency = limit_after_recovery(self.concurrency, rules)
