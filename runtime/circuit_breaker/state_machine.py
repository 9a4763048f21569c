"""Circuit breaker state machine: closed, open, half-open. May this be called now?

    Closed ──failures, slow calls──► Open ──until──► HalfOpen ──enough probes succeed──► Closed
       └────────── tripped ────────► Open ◄──────────── a probe fails, or is tripped

Every transition is in this file; the rules are parameters. A call ends in four ways: succeeded,
failed, ignored (cancelled, or the caller's own mistake) or tripped (somebody said to stay away, and
maybe for how long). The three endings of a call are those of Netflix's concurrency-limits; the
window is that of resilience4j.
"""

import math
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never

from runtime.circuit_breaker.rules import (
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
    """What happened in one tenth of the window."""

    index: int
    """Its number since the clock's zero."""
    calls: int = 0
    failures: int = 0
    slow: int = 0


@dataclass(frozen=True, slots=True)
class Closed:
    """Calls pass."""

    generation: int = 0
    streak: int = 0
    """Bad calls since the last good one."""
    window: tuple[Bucket, ...] = ()
    """Oldest bucket first."""


@dataclass(frozen=True, slots=True)
class Open:
    """No call passes before `until`."""

    generation: int
    until: float
    reason: Reason
    openings: int = 1
    """In a row, without a recovery between."""


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """A few probes pass."""

    generation: int
    reason: Reason
    openings: int
    successes: int = 0
    next_probe: int = 0
    leases: tuple[tuple[int, float], ...] = ()
    """Probe number, and when its place is free again whatever happens."""


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
    """The right to make one call: to be reported once."""

    generation: int
    """Of the state that gave it."""
    probe: int | None = None
    """Its number, if it is a probe."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Go ahead, and keep `state`."""

    state: State
    permit: BreakerPermit


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
            half_open = HalfOpen(state.generation + 1, state.reason, state.openings)
            return _admit_probe(half_open, now, rules)
        case HalfOpen():
            return _admit_probe(state, now, rules)
        case _:
            assert_never(state)


def report_call(
    state: State, permit: BreakerPermit, signal: BreakerSignal, now: float, rules: BreakerRules
) -> State:
    """The state after the call that `permit` allowed has ended."""
    match signal:
        case Tripped():
            return open_breaker(state, signal, now, rules)
        case Ignored() | Succeeded() | CallFailure():
            pass
        case _:
            assert_never(signal)
    # An outcome counts only for the state that admitted its call: a late answer from before an
    # outage neither closes the breaker nor reopens it, and of a burst that fails together only
    # the part up to the opening counts. What was said outright (a trip, above) always counts.
    if permit.generation != state.generation:
        return state
    match state:
        case Closed():
            return _count(state, signal, now, rules)
        case HalfOpen():
            return _probed(_released(state, permit), signal, now, rules)
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
            # the same outage: it neither counts as another opening nor starts a new generation
            until = now + rules.stay_open_s(signal, state.openings)
            return (
                replace(state, until=until, reason=signal.reason) if until > state.until else state
            )
        case Closed():
            openings = 1
        case HalfOpen():
            openings = state.openings + 1
        case _:
            assert_never(state)
    until = now + rules.stay_open_s(signal, openings)
    return Open(state.generation + 1, until, signal.reason, openings)


def close_breaker(state: State) -> State:
    """Closed with an empty window: a peer saw it recover, or an operator lifts a forced state."""
    return Closed(state.generation + 1)


def force_breaker(state: State, *, to_open: bool) -> State:
    """Held open or closed until `close_breaker`."""
    return (ForcedOpen if to_open else ForcedClosed)(state.generation + 1)


def _admit_probe(state: HalfOpen, now: float, rules: BreakerRules) -> Admitted | BreakerRefused:
    # a probe holds a lease rather than a place: one whose caller died would keep all others out
    alive = tuple(lease for lease in state.leases if lease[1] > now)
    if len(alive) >= probe_limit(state, rules):
        return BreakerRefused(now + rules.recheck_s, state.reason)
    number = state.next_probe
    leases = (*alive, (number, now + rules.probe_lease_s))
    admitted = replace(state, leases=leases, next_probe=number + 1)
    return Admitted(admitted, BreakerPermit(state.generation, number))


def probe_limit(state: HalfOpen, rules: BreakerRules) -> int:
    """Probes at once: one alone, and only after its success a few more."""
    return rules.probes if state.successes else 1


def _released(state: HalfOpen, permit: BreakerPermit) -> HalfOpen:
    leases = tuple(lease for lease in state.leases if lease[0] != permit.probe)
    return replace(state, leases=leases)


def _probed(
    state: HalfOpen, signal: Succeeded | CallFailure | Ignored, now: float, rules: BreakerRules
) -> State:
    match signal:
        case Ignored():
            return state
        case Succeeded(slow=False):
            successes = state.successes + 1
            # one answer is enough after a rate limit: the provider had said when to come back
            if state.reason == "rate_limited" or successes >= rules.successes_to_close:
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
            bad, failed, slow = signal.slow, 0, int(signal.slow)
        case CallFailure():
            bad, failed, slow = True, 1, 0
        case _:
            assert_never(signal)
    streak, window = (state.streak + 1 if bad else 0), state.window
    if rules.ratios is not None:
        window = _slide(window, int(now // (rules.ratios.window_s / _BUCKETS)), failed, slow)
    elif streak == state.streak:  # nothing to count, as with nearly every call: no new state
        return state
    counted = Closed(state.generation, streak, window)
    reason = _why_open(counted, rules, "failures" if failed else "slow")
    return counted if reason is None else open_breaker(counted, Tripped(reason), now, rules)


def _slide(window: tuple[Bucket, ...], index: int, failed: int, slow: int) -> tuple[Bucket, ...]:
    """The window with one more call in bucket `index`; a clock that steps back adds to the last."""
    last = window[-1] if window else Bucket(index)
    if last.index < index:
        window = (*(b for b in window if b.index > index - _BUCKETS), Bucket(index))
        last = window[-1]
    grown = Bucket(last.index, last.calls + 1, last.failures + failed, last.slow + slow)
    return (*window[:-1], grown)


def _why_open(state: Closed, rules: BreakerRules, latest: Reason) -> Reason | None:
    if state.streak >= rules.consecutive:
        return latest
    if rules.ratios is None:
        return None
    calls = failures = slow = 0
    for bucket in state.window:
        calls += bucket.calls
        failures += bucket.failures
        slow += bucket.slow
    if calls < rules.ratios.min_calls:
        return None
    if failures >= rules.ratios.failed * calls:
        return "failures"
    if slow >= rules.ratios.slow * calls:
        return "slow"
    return None
