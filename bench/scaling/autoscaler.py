"""Autoscaler: the HorizontalPodAutoscaler's decision, fed by KEDA's triggers.

The formulas are those of Kubernetes 1.34 (`pkg/controller/podautoscaler`: replica calculator and
the behaviour's rules) and of KEDA 2.21's Kafka scaler. All times are seconds of the simulation.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

SYNC_S: Final = 15
"""`--horizontal-pod-autoscaler-sync-period`'s default: between two decisions."""
_TOLERANCE: Final = 0.1
"""`--horizontal-pod-autoscaler-tolerance`'s default: a smaller difference changes nothing."""


@dataclass(frozen=True, slots=True)
class LagTrigger:
    """KEDA's `kafka`: a total that is divided by the replicas (AverageValue)."""

    threshold: int
    partitions: int
    """No more replicas than these are asked for (`allowIdleConsumers: false`)."""

    def metric(self, lag: float) -> float:
        """What KEDA reports of a lag: cut to what the partitions can use."""
        if lag // self.threshold > self.partitions:
            return float(self.partitions * self.threshold)
        return lag


@dataclass(frozen=True, slots=True)
class AgeTrigger:
    """KEDA's `prometheus` with `metricType: Value`: replicas grow in proportion to the excess."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Policy:
    """At most so much within `period_s`: pods, or percent of what there was at its begin."""

    kind: Literal["Pods", "Percent"]
    value: int
    period_s: int


@dataclass(frozen=True, slots=True)
class Behavior:
    """Of one direction; of several policies the one that allows the most counts."""

    window_s: int
    policies: tuple[Policy, ...]


Event: TypeAlias = tuple[int, int]
"""(second, pods more or less)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """One setting: triggers, bounds and behaviour."""

    lag: LagTrigger
    age: AgeTrigger | None
    least: int
    most: int
    up: Behavior
    down: Behavior


def by_average(metric: float, target: float, replicas: int) -> int:
    """Replicas for a metric that all of them share."""
    if replicas and abs(1 - metric / (target * replicas)) <= _TOLERANCE:
        return replicas
    return math.ceil(metric / target)


def by_value(metric: float, target: float, replicas: int) -> int:
    """Replicas for a metric that each of them has."""
    ratio = metric / target
    return replicas if abs(1 - ratio) <= _TOLERANCE else math.ceil(ratio * replicas)


@dataclass(slots=True)
class Autoscaler:
    """One HPA's memory: what it recommended, and what it did."""

    rules: Rules
    _advice: deque[Event] = field(default_factory=deque)
    _ups: list[Event] = field(default_factory=list)
    _downs: list[Event] = field(default_factory=list)

    def decide(self, now_s: int, replicas: int, lag: float, oldest_s: float) -> int:
        """The replicas from now on; called every SYNC_S."""
        rules = self.rules
        wanted = by_average(rules.lag.metric(lag), rules.lag.threshold, replicas)
        if rules.age is not None:
            wanted = max(wanted, by_value(oldest_s, rules.age.seconds, replicas))
        steady = self._stabilized(now_s, replicas, wanted)
        decided = max(rules.least, min(rules.most, self._limited(now_s, replicas, steady)))
        if decided > replicas:
            self._ups.append((now_s, decided - replicas))
        elif decided < replicas:
            self._downs.append((now_s, replicas - decided))
        return decided

    def _stabilized(self, now_s: int, replicas: int, wanted: int) -> int:
        """The least recent advice holds growth back, the greatest holds shrinking back."""
        longest = max(self.rules.up.window_s, self.rules.down.window_s)
        while self._advice and self._advice[0][0] <= now_s - longest:
            self._advice.popleft()
        self._advice.append((now_s, wanted))
        growing = [n for at, n in self._advice if at > now_s - self.rules.up.window_s] or [wanted]
        shrinking = [n for at, n in self._advice if at > now_s - self.rules.down.window_s]
        return min(max(replicas, min(growing)), max([*shrinking, wanted]))

    def _limited(self, now_s: int, replicas: int, wanted: int) -> int:
        if wanted > replicas:
            return min(
                wanted, max(self._ceiling(now_s, replicas, p) for p in self.rules.up.policies)
            )
        if wanted < replicas:
            return max(
                wanted, min(self._floor(now_s, replicas, p) for p in self.rules.down.policies)
            )
        return replicas

    def _begin(self, now_s: int, replicas: int, period_s: int) -> int:
        """How many there were when the period began."""
        more = sum(n for at, n in self._ups if at > now_s - period_s)
        fewer = sum(n for at, n in self._downs if at > now_s - period_s)
        return replicas - more + fewer

    def _ceiling(self, now_s: int, replicas: int, policy: Policy) -> int:
        begin = self._begin(now_s, replicas, policy.period_s)
        if policy.kind == "Pods":
            return begin + policy.value
        return math.ceil(begin * (1 + policy.value / 100))

    def _floor(self, now_s: int, replicas: int, policy: Policy) -> int:
        begin = self._begin(now_s, replicas, policy.period_s)
        if policy.kind == "Pods":
            return begin - policy.value
        return int(begin * (1 - policy.value / 100))
