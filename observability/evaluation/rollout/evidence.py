"""Rollout evidence: how does a usage event, or a word on an answer, count for its arm?"""

import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from observability.evaluation.rollout.rollout_record import ArmEvidence, RolloutRecord
from producers.contract import UsageEvent
from producers.contract.feedback import Feedback
from producers.contract.route import RolloutArmName

MAX_ANSWERS: Final = 100_000
"""Answers of a rollout whose ratings are still waited for."""
LATENCY_STEP: Final = math.log(1.05)
_LONGEST_MS: Final = 86_400_000
_CALLERS_FAULT: Final = frozenset(
    {
        *("cancelled", "budget_exceeded", "invalid_request", "not_in_cache", "content_filtered"),
        *("rate_limited", "forbidden", "unknown_tenant", "context_too_long"),
    }
)
"""Failures that say nothing of a deployment."""

_Key: TypeAlias = tuple[str, str]
"""(tenant, request id)."""


@dataclass(slots=True)
class _Counts:
    requests: int = 0
    errors: int = 0
    slow: int = 0
    rated: int = 0
    bad: int = 0

    def evidence(self) -> ArmEvidence:
        return ArmEvidence(
            requests=self.requests,
            errors=self.errors,
            slow=self.slow,
            rated=self.rated,
            bad=self.bad,
        )


@dataclass(slots=True)
class RecentEvidence:
    """What has come since the last look at a rollout, and the answers still without a rating."""

    arms: dict[RolloutArmName, _Counts] = field(
        default_factory=lambda: {"control": _Counts(), "candidate": _Counts()}
    )
    latencies: dict[int, int] = field(default_factory=dict)
    """Of the control, by their bucket."""
    newest_ms: int = 0
    _unrated: OrderedDict[_Key, RolloutArmName] = field(default_factory=OrderedDict)
    _early: OrderedDict[_Key, bool] = field(default_factory=OrderedDict)
    """Ratings that came before their answer's account: whether it was good."""

    def add(self, event: UsageEvent, rollout: RolloutRecord, slow_ms: float) -> None:
        """One request's account. slow_ms: an answer is slow beyond."""
        assigned = event.rollout
        if assigned is None or assigned.name != rollout.name or event.aside is not None:
            return
        if event.cache.result == "hit" or event.outcome in _CALLERS_FAULT:
            return
        counts = self.arms[assigned.arm]
        self.newest_ms = max(self.newest_ms, event.at_ms)
        counts.requests += 1
        failed = _first_call_failed(event, assigned.arm, rollout.candidate)
        counts.errors += failed
        if event.outcome == "done" and not failed:
            took_ms = max(1.0, event.timings.total_ms - event.timings.queued_ms)
            counts.slow += took_ms > slow_ms
            if assigned.arm == "control":
                bucket = latency_bucket(took_ms)
                self.latencies[bucket] = self.latencies.get(bucket, 0) + 1
        self._rate_later(event, assigned.arm, counts)

    def _rate_later(self, event: UsageEvent, arm: RolloutArmName, counts: _Counts) -> None:
        key = event.tenant, event.id
        if any(attempt.outcome == "inadequate" for attempt in event.attempts):
            counts.rated, counts.bad = counts.rated + 1, counts.bad + 1
            return
        good = self._early.pop(key, None)
        if good is not None:
            counts.rated, counts.bad = counts.rated + 1, counts.bad + (not good)
            return
        self._unrated[key] = arm
        if len(self._unrated) > MAX_ANSWERS:
            self._unrated.popitem(last=False)

    def rate(self, feedback: Feedback) -> None:
        """A word on an answer: the first one counts."""
        key, good = (feedback.tenant, feedback.id), feedback.good >= 0.5  # noqa: PLR2004 (half good)
        arm = self._unrated.pop(key, None)
        if arm is None:
            self._early[key] = good
            if len(self._early) > MAX_ANSWERS:
                self._early.popitem(last=False)
            return
        counts = self.arms[arm]
        counts.rated, counts.bad = counts.rated + 1, counts.bad + (not good)

    def take(self) -> tuple[ArmEvidence, ArmEvidence, dict[int, int]]:
        """(control, candidate, the control's latencies) since the last call."""
        control, candidate = self.arms["control"].evidence(), self.arms["candidate"].evidence()
        latencies = self.latencies
        self.arms = {"control": _Counts(), "candidate": _Counts()}
        self.latencies = {}
        return control, candidate, latencies


def _first_call_failed(event: UsageEvent, arm: RolloutArmName, candidate: str) -> bool:
    """Fallbacks hide what the arm's own deployment did: its first call tells."""
    if not event.attempts:
        return event.outcome != "done"
    first = event.attempts[0]
    if arm == "candidate" and first.deployment != candidate:
        return True  # its breaker was open, or its limit reached
    # a hedge that was quicker says nothing against the call that it overtook
    return first.outcome not in {"ok", "inadequate", "overtaken"}


def latency_bucket(took_ms: float) -> int:
    """The number of the step of 5 % that a time lies in."""
    return round(math.log(min(_LONGEST_MS, max(1.0, took_ms))) / LATENCY_STEP)


def slow_beyond_ms(latencies: dict[int, int], factor: float) -> float:
    """The control's 95th percentile, times `factor`; infinite where nothing is known."""
    total = sum(latencies.values())
    return next(
        (math.exp(bucket * LATENCY_STEP) * factor for bucket in _upper(latencies, total * 0.95)),
        math.inf,
    )


def _upper(latencies: dict[int, int], below: float) -> Iterator[int]:
    """The buckets from the one on that holds the `below`-th answer."""
    seen = 0
    for bucket in sorted(latencies):
        seen += latencies[bucket]
        if seen >= below:
            yield bucket
