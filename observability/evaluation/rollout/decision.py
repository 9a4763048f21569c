"""Rollout decision: does the candidate's share grow, stay, or fall to nothing?

Each guard is Wald's sequential test of "worse than the control by the margin" against "as good", on
the candidate's requests, with the control's rate of the same time: what hits both, such as a
provider's bad hour, speaks against neither. Below a tenth of the traffic the test runs until it has
a verdict: the share goes beyond only when success was shown to be as good. From there on it runs as
a CUSUM: what speaks for the candidate isn't saved up, so a model that gets worse later is seen.
"""

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

from observability.evaluation.rollout.rollout_record import (
    ArmEvidence,
    GuardState,
    RecentRates,
    RolloutDecision,
    RolloutRecord,
    RolloutRules,
    RolloutStatus,
)

PROVEN_FROM: Final = 0.1
"""Of the traffic: a larger share is given only to a candidate that was shown to be as good."""
MISSED: Final = 0.02
"""How often a candidate that is worse by the margin passes for as good."""
FALSE_ALARM: Final = 0.02
"""How often each guard sends an equal candidate back before it is shown to be as good."""
WORSE: Final = math.log((1 - MISSED) / FALSE_ALARM)
AS_GOOD: Final = math.log(MISSED / (1 - FALSE_ALARM))
CUSUM_ALARM: Final = 6.0
"""At 93 % success and 5 points: a false alarm in about 30,000 requests."""
MIN_CONTROL: Final = 50
"""Rated answers, or requests, of the control below which its rate isn't known."""
_SLOW_SHARE: Final = 0.05
"""Of the control's answers lie beyond its 95th percentile."""
_MORE_SLOW: Final = 0.1
"""That many more of the candidate's are too many."""
_HALF_LIFE: Final = 2_000
"""Requests of the control after which older ones count half: its rate must be known better than the
candidate's, and follow what changes for all."""
_LEAST_RATE: Final = 0.002
_MOST_DECISIONS: Final = 100
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Stay:
    """The share stays; why: what is waited for."""

    why: str


@dataclass(frozen=True, slots=True)
class Advance:
    """The share grows to that of the next step."""

    why: str


@dataclass(frozen=True, slots=True)
class Promote:
    """The last step is done."""

    why: str


@dataclass(frozen=True, slots=True)
class RollBack:
    """The share falls to 0."""

    why: str


RolloutVerdict: TypeAlias = Stay | Advance | Promote | RollBack


def with_evidence(
    rollout: RolloutRecord,
    control: ArmEvidence,
    candidate: ArmEvidence,
    latencies: dict[int, int],
    newest_ms: int,
) -> RolloutRecord:
    """The rollout after what has come since the last look."""
    recent = _faded(rollout.recent, control)
    merged = dict(rollout.latencies)
    for bucket, count in latencies.items():
        merged[bucket] = merged.get(bucket, 0) + count
    return rollout.model_copy(
        update={
            "control": _sum(rollout.control, control),
            "recent": recent,
            "candidate_evidence": _sum(rollout.candidate_evidence, candidate),
            "step_requests": rollout.step_requests + candidate.requests,
            "guards": _guards(rollout, recent, candidate),
            "latencies": merged,
            "seen_ms": max(rollout.seen_ms, newest_ms),
        }
    )


def decide(rollout: RolloutRecord, now_ms: int) -> RolloutVerdict:
    """What follows from the evidence."""
    alarm = _alarm(rollout)
    if alarm is not None:
        return RollBack(alarm)
    rules = rollout.rules
    if rollout.step_requests < rules.min_requests:
        return Stay(f"{rollout.step_requests} of {rules.min_requests} requests in this step")
    minutes = (now_ms - rollout.since_ms) / _MINUTE_MS
    if minutes < rules.min_minutes:
        return Stay(f"{minutes:.0f} of {rules.min_minutes:g} minutes in this step")
    last = rollout.step + 1 >= len(rules.steps)
    if not last and rollout.share < PROVEN_FROM <= rules.steps[rollout.step + 1]:
        unproven = _unproven(rollout)
        if unproven is not None:
            return Stay(unproven)
    shown = _in_words(rollout)
    return Promote(shown) if last else Advance(shown)


def after(rollout: RolloutRecord, verdict: RolloutVerdict, now_ms: int) -> RolloutRecord:
    """The rollout once the verdict is carried out."""
    match verdict:
        case Stay():
            return rollout
        case Advance(why=why):
            step = rollout.step + 1
            share = rollout.rules.steps[step]
            changes: dict[str, object] = {"step": step, "step_requests": 0, "since_ms": now_ms}
            if rollout.share < PROVEN_FROM <= share:
                # as a CUSUM the guards begin at nothing
                changes["guards"] = GuardState()
            return _decided(rollout.model_copy(update=changes), "running", share, why, now_ms)
        case Promote(why=why):
            return _decided(rollout, "promoted", rollout.share, why, now_ms)
        case RollBack(why=why):
            return _decided(rollout, "rolled back", 0.0, why, now_ms)


def stopped(rollout: RolloutRecord, now_ms: int) -> RolloutRecord:
    """The rollout once the operator has stopped it."""
    return _decided(rollout, "stopped", 0.0, "stopped by the operator", now_ms)


def _decided(
    rollout: RolloutRecord, status: RolloutStatus, share: float, why: str, now_ms: int
) -> RolloutRecord:
    decision = RolloutDecision(at_ms=now_ms, share=share, why=why)
    decisions = (*rollout.decisions, decision)[-_MOST_DECISIONS:]
    return rollout.model_copy(update={"status": status, "share": share, "decisions": decisions})


# ------------------------------------------------------------------------------------- the guards


def _guards(rollout: RolloutRecord, recent: RecentRates, candidate: ArmEvidence) -> GuardState:
    """What the guards know after the candidate's latest requests."""
    margin, before = rollout.rules.margin, rollout.guards
    answered = candidate.requests - candidate.errors
    slow = _SLOW_SHARE if recent.requests >= MIN_CONTROL else None
    guards = GuardState(
        success=_moved(
            before.success, candidate.rated, candidate.bad, _rate(recent.rated, recent.bad), margin
        ),
        errors=_moved(
            before.errors,
            candidate.requests,
            candidate.errors,
            _rate(recent.requests, recent.errors),
            margin,
        ),
        latency=_moved(before.latency, answered, candidate.slow, slow, _MORE_SLOW),
    )
    if rollout.share < PROVEN_FROM:
        return guards
    return GuardState(
        success=max(0.0, guards.success),
        errors=max(0.0, guards.errors),
        latency=max(0.0, guards.latency),
    )


def _moved(ratio: float, requests: int, bad: int, rate: float | None, margin: float) -> float:
    """A guard's log likelihood ratio after so many requests of the candidate, `bad` ones in them.

    rate: of bad ones with the control; None: it isn't known yet.
    """
    if rate is None:
        return ratio
    worse = min(1 - _LEAST_RATE, rate + margin)
    gain, loss = math.log(worse / rate), math.log((1 - worse) / (1 - rate))
    return ratio + bad * gain + (requests - bad) * loss


def _rate(requests: float, bad: float) -> float | None:
    """The control's rate of bad ones; None: too few to tell."""
    if requests < MIN_CONTROL:
        return None
    return min(1 - 2 * _LEAST_RATE, max(_LEAST_RATE, (bad + 0.5) / (requests + 1)))


def _faded(recent: RecentRates, control: ArmEvidence) -> RecentRates:
    left = 0.5 ** (control.requests / _HALF_LIFE)
    return RecentRates(
        requests=recent.requests * left + control.requests,
        errors=recent.errors * left + control.errors,
        rated=recent.rated * left + control.rated,
        bad=recent.bad * left + control.bad,
    )


def _alarm(rollout: RolloutRecord) -> str | None:
    limit = CUSUM_ALARM if rollout.share >= PROVEN_FROM else WORSE
    guards, rules = rollout.guards, rollout.rules
    if rules.success and guards.success >= limit:
        return f"its answers are worse: {_bad_words(rollout)}"
    if guards.errors >= limit:
        ours, theirs = rollout.candidate_evidence, rollout.control
        failed = f"{ours.errors} of {ours.requests} calls failed"
        return f"{failed}, {theirs.errors} of {theirs.requests} of the control's"
    if guards.latency >= limit:
        ours = rollout.candidate_evidence
        slow = (
            f"{ours.slow} of {ours.requests} answers took longer than {rules.slow_factor:g} times"
        )
        return f"{slow} the control's 95th percentile"
    return None


def _unproven(rollout: RolloutRecord) -> str | None:
    """What keeps the candidate from a larger share; None: nothing."""
    if not rollout.rules.success or rollout.guards.success <= AS_GOOD:
        return None
    rated = rollout.candidate_evidence.rated
    return f"{rated} answers are rated; whether they are as good can't be told yet"


def _in_words(rollout: RolloutRecord) -> str:
    if rollout.rules.success:
        return f"as good: {_bad_words(rollout)}"
    return f"{rollout.candidate_evidence.requests} requests without an alarm"


def _bad_words(rollout: RolloutRecord) -> str:
    ours, theirs = rollout.candidate_evidence, rollout.control
    own = f"{ours.bad} of {ours.rated} rated answers were bad"
    return f"{own}, {theirs.bad} of {theirs.rated} of the control's"


def _sum(first: ArmEvidence, second: ArmEvidence) -> ArmEvidence:
    return ArmEvidence(
        requests=first.requests + second.requests,
        errors=first.errors + second.errors,
        slow=first.slow + second.slow,
        rated=first.rated + second.rated,
        bad=first.bad + second.bad,
    )


def started(
    name: str, tier: str, candidate: str, rules: RolloutRules, now_ms: int
) -> RolloutRecord:
    """A rollout at its first step."""
    first = rules.steps[0]
    decision = RolloutDecision(at_ms=now_ms, share=first, why="started by the operator")
    return RolloutRecord(
        name=name,
        tier=tier,
        candidate=candidate,
        rules=rules,
        share=first,
        salt=f"{name}:{now_ms}",
        since_ms=now_ms,
        seen_ms=now_ms,
        decisions=(decision,),
    )
