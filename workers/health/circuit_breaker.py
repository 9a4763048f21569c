"""May this deployment be called now, and what does a call's end change about that?

    Closed ──failures, slow calls──► Open ──until──► HalfOpen ──enough probes succeed──► Closed
       └────────── tripped ────────► Open ◄──────────── a probe fails, or is tripped

Rules: every transition of a breaker is in this file. A call ends in four ways: succeeded, failed,
ignored (cancelled, or the caller's own mistake) or tripped (the provider said how long to stay
away). An outcome counts only for the generation of the state that admitted it, so a late answer
from before an outage neither closes nor reopens; a trip always counts. A probe holds a lease: one
that never reports frees its place. The three endings of a call are those of Netflix's
concurrency-limits; the window is that of resilience4j.
"""

import math
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never

from workers.health.circuit_breaker_rules import (
    BreakerRules,
    BreakerSignal,
    CallFailure,
    Ignored,
    Reason,
    Succeeded,
    Tripped,
)

_BUCKETS: Final = 10


@dataclass(frozen=True, slots=True)
class Bucket:
    """What happened in one tenth of the window; `index`: its number since the epoch."""

    index: int
    calls: int = 0
    failures: int = 0
    slow: int = 0


@dataclass(frozen=True, slots=True)
class Closed:
    """Calls pass. streak: bad calls since the last good one; window: oldest bucket first."""

    generation: int = 0
    streak: int = 0
    window: tuple[Bucket, ...] = ()


@dataclass(frozen=True, slots=True)
class Open:
    """No call passes before `until`. trips: openings in a row without a recovery between."""

    generation: int
    until: float
    reason: Reason
    trips: int = 1


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """A few probes pass. leases: probe number → when its place is free again whatever happens."""

    generation: int
    reason: Reason
    trips: int
    successes: int = 0
    next_probe: int = 0
    leases: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class ForcedOpen:
    """An operator holds it open."""

    generation: int


@dataclass(frozen=True, slots=True)
class ForcedClosed:
    """An operator holds it closed: outcomes change nothing."""

    generation: int


State: TypeAlias = Closed | Open | HalfOpen | ForcedOpen | ForcedClosed


@dataclass(frozen=True, slots=True)
class BreakerPermit:
    """The right to make one call: to be reported once. probe: its number, if it is one."""

    generation: int
    probe: int | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """Go ahead, and keep `state`."""

    state: State
    ticket: BreakerPermit


@dataclass(frozen=True, slots=True)
class BreakerRefused:
    """Not before `until` (infinity while an operator holds it open)."""

    until: float
    reason: Reason


def admit_call(state: State, now: float, rules: BreakerRules) -> Admitted | BreakerRefused:
    """Whether one call may be made now. Asking changes nothing until the new state is kept."""
    match state:
        case Closed() | ForcedClosed():
            return Admitted(state, BreakerPermit(state.generation))
        case ForcedOpen():
            return BreakerRefused(math.inf, "forced")
        case Open() if now < state.until:
            return BreakerRefused(state.until, state.reason)
        case Open():
            half_open = HalfOpen(state.generation + 1, state.reason, state.trips)
            return _admit_probe(half_open, now, rules)
        case HalfOpen():
            return _admit_probe(state, now, rules)
        case _:
            assert_never(state)


def report_call(
    state: State, ticket: BreakerPermit, signal: BreakerSignal, now: float, rules: BreakerRules
) -> State:
    """The state after the call that `ticket` allowed has ended."""
    match signal:
        case Tripped():
            return open_breaker(state, signal, now, rules)
        case Ignored() | Succeeded() | CallFailure():
            pass
        case _:
            assert_never(signal)
    if ticket.generation != state.generation:
        return state
    match state:
        case Closed():
            return _count(state, signal, now, rules)
        case HalfOpen():
            return _probed(_released(state, ticket), signal, now, rules)
        case Open() | ForcedOpen() | ForcedClosed():
            return state
        case _:
            assert_never(state)


def open_breaker(state: State, signal: Tripped, now: float, rules: BreakerRules) -> State:
    """Open at once; when open already, the later end of the two holds, never an earlier one."""
    match state:
        case ForcedOpen() | ForcedClosed():
            return state
        case Open():
            until = now + _stay_away_s(signal, state.trips, rules)
            return (
                replace(state, until=until, reason=signal.reason) if until > state.until else state
            )
        case Closed():
            trips = 1
        case HalfOpen():
            trips = state.trips + 1
        case _:
            assert_never(state)
    until = now + _stay_away_s(signal, trips, rules)
    return Open(state.generation + 1, until, signal.reason, trips)


def close_breaker(state: State) -> State:
    """Closed with an empty window: a peer saw it recover, or an operator lifts a forced state."""
    return Closed(state.generation + 1)


def force_breaker(state: State, *, to_open: bool) -> State:
    """Held open or closed until `reset`."""
    return (ForcedOpen if to_open else ForcedClosed)(state.generation + 1)


def _admit_probe(state: HalfOpen, now: float, rules: BreakerRules) -> Admitted | BreakerRefused:
    alive = tuple(lease for lease in state.leases if lease[1] > now)
    if len(alive) >= probe_limit(state, rules):
        return BreakerRefused(now + rules.recheck_s, state.reason)
    number = state.next_probe
    leases = (*alive, (number, now + rules.probe_lease_s))
    kept = replace(state, leases=leases, next_probe=number + 1)
    return Admitted(kept, BreakerPermit(state.generation, number))


def probe_limit(state: HalfOpen, rules: BreakerRules) -> int:
    """Probes at once: one call tests the water, and only its success lets a few more follow."""
    return rules.probes if state.successes else 1


def _released(state: HalfOpen, ticket: BreakerPermit) -> HalfOpen:
    leases = tuple(lease for lease in state.leases if lease[0] != ticket.probe)
    return replace(state, leases=leases)


def _probed(
    state: HalfOpen, signal: Succeeded | CallFailure | Ignored, now: float, rules: BreakerRules
) -> State:
    match signal:
        case Ignored():
            return state
        case Succeeded(slow=False):
            successes = state.successes + 1
            throttled = state.reason == "rate_limited"  # it has said when to come back
            if throttled or successes >= rules.successes_to_close:
                return Closed(state.generation + 1)
            return replace(state, successes=successes)
        case Succeeded():
            return open_breaker(state, Tripped("slow"), now, rules)
        case CallFailure():
            return open_breaker(state, Tripped("failures"), now, rules)
        case _:
            assert_never(signal)


def _count(
    state: Closed, signal: Succeeded | CallFailure | Ignored, now: float, rules: BreakerRules
) -> State:
    match signal:
        case Ignored():
            return state
        case Succeeded():
            streak, failed, slow = (state.streak + 1 if signal.slow else 0), 0, int(signal.slow)
        case CallFailure():
            streak, failed, slow = state.streak + 1, 1, 0
        case _:
            assert_never(signal)
    window = _slide(state.window, int(now // (rules.window_s / _BUCKETS)), failed, slow)
    counted = Closed(state.generation, streak, window)
    reason = _why_open(counted, rules, "failures" if failed else "slow")
    return counted if reason is None else open_breaker(counted, Tripped(reason), now, rules)


def _slide(window: tuple[Bucket, ...], index: int, failed: int, slow: int) -> tuple[Bucket, ...]:
    """The window with one more call in bucket `index`; a clock that steps back adds to the last."""
    last = window[-1] if window else Bucket(index)
    if last.index < index:
        window = (*(kept for kept in window if kept.index > index - _BUCKETS), Bucket(index))
        last = window[-1]
    grown = Bucket(last.index, last.calls + 1, last.failures + failed, last.slow + slow)
    return (*window[:-1], grown)


def _why_open(state: Closed, rules: BreakerRules, latest: Reason) -> Reason | None:
    if state.streak >= rules.consecutive:
        return latest
    calls = sum(bucket.calls for bucket in state.window)
    if calls < rules.min_calls:
        return None
    if sum(bucket.failures for bucket in state.window) >= rules.failure_ratio * calls:
        return "failures"
    if sum(bucket.slow for bucket in state.window) >= rules.slow_ratio * calls:
        return "slow"
    return None


def _stay_away_s(signal: Tripped, trips: int, rules: BreakerRules) -> float:
    return rules.cooldowns[signal.reason].after(trips) if signal.for_s is None else signal.for_s
