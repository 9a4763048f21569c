"""Circuit breaker state machine: closed, open, half-open. May this be called now?

    Closed ──failures, slow calls──► Open ──until──► HalfOpen ──enough probes succeed──► Closed
       └────────── tripped ────────► Open ◄──────────── a probe fails, or is tripped

Every transition is in this file; the rules are parameters. A call ends in four ways: succeeded,
failed, ignored (cancelled, or the caller's own mistake) or tripped (somebody said to stay away, and
maybe for how long). The three endings of a call are those of Netflix's concurrency-limits; the
window is that of resilience4j; that an error of one transaction isn't one of the way there is from
Envoy's outlier detection. What only one tenant's calls say opens it to that tenant alone.
"""

import math
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, assert_never

from runtime.circuit_breaker.evidence import Evidence, evidence_after, why_open
from runtime.circuit_breaker.rules import (
    BreakerRules,
    BreakerSignal,
    CallFailure,
    CallOrigin,
    Ignored,
    Reason,
    Succeeded,
    Tripped,
)

_NOTHING: Final = Evidence()


@dataclass(frozen=True, slots=True)
class Suspicion:
    """It is open on the word of one tenant's calls alone: to the others it is closed.

    Until one of theirs was answered they pass one at a time, and the first that fails opens it to
    all. After that it takes as many failures in a row of theirs as of anybody.
    """

    tenant: str
    since: int
    """The generation of calls that counts: the closed one's."""
    left: int = 1
    """Bad calls of others in a row that still open it to all."""
    answered: bool = False
    """Whether a call of another tenant was answered since."""
    trial_until: float = 0
    """When the place of the others' one call is free again whatever happens."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Calls pass."""

    generation: int = 0
    evidence: Evidence = _NOTHING


@dataclass(frozen=True, slots=True)
class Open:
    """No call passes before `until`."""

    generation: int
    until: float
    reason: Reason
    openings: int = 1
    """In a row, without a recovery between."""
    suspicion: Suspicion | None = None
    """None: it is open to all."""
    probed_by: str | None = None
    """Whose probe failed last."""


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
    suspicion: Suspicion | None = None
    probed_by: str | None = None


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


def admit_call(
    state: State, now: float, rules: BreakerRules, tenant: str | None = None
) -> Admitted | BreakerRefused:
    """Whether one call may be made now. Asking changes nothing until the new state is kept.

    tenant: whose call it is, where that is known.
    """
    match state:
        case Closed() | ForcedClosed():
            return Admitted(state, BreakerPermit(state.generation))
        case ForcedOpen():
            return BreakerRefused(math.inf, "forced")
        case Open(suspicion=Suspicion() as of) | HalfOpen(suspicion=Suspicion() as of) if (
            tenant is not None and tenant != of.tenant
        ):
            return _admit_other(state, of, now, rules)
        case Open() if now < state.until:
            return BreakerRefused(state.until, state.reason)
        case Open():
            half_open = HalfOpen(
                state.generation + 1,
                state.reason,
                state.openings,
                suspicion=state.suspicion,
                probed_by=state.probed_by,
            )
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
    if isinstance(state, Open | HalfOpen) and permit.probe is None:
        return _heard_other(state, permit, signal, now, rules)
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
    """Open at once; when open already, the later end of the two holds, never an earlier one.

    What two tenants' calls say holds for all.
    """
    match state:
        case ForcedOpen() | ForcedClosed():
            return state
        case Open():
            # the same outage: it neither counts as another opening nor starts a new generation
            until = now + rules.stay_open_s(signal, state.openings)
            if state.suspicion is not None and state.suspicion.tenant != signal.tenant:
                until = max(until, state.until)
                return replace(state, until=until, reason=signal.reason, suspicion=None)
            return (
                replace(state, until=until, reason=signal.reason) if until > state.until else state
            )
        case Closed():
            until = now + rules.stay_open_s(signal, 1)
            suspicion = (
                None if signal.tenant is None else Suspicion(signal.tenant, state.generation)
            )
            return Open(state.generation + 1, until, signal.reason, 1, suspicion)
        case HalfOpen():
            return _reopened(state, signal, now, rules)
        case _:
            assert_never(state)


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


def _reopened(state: HalfOpen, signal: Tripped, now: float, rules: BreakerRules) -> Open:
    openings, suspicion, tenant = state.openings + 1, state.suspicion, signal.tenant
    if suspicion is not None and suspicion.tenant != tenant:
        suspicion = None
    elif suspicion is None and tenant is not None and tenant == state.probed_by:
        # who fails probe after probe would keep what is open to all from the others
        suspicion = Suspicion(tenant, state.generation)
    until = now + rules.stay_open_s(signal, openings)
    return Open(state.generation + 1, until, signal.reason, openings, suspicion, tenant)


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
        case Succeeded(origin=origin):
            return open_breaker(state, Tripped("slow", tenant=_tenant(origin)), now, rules)
        case CallFailure(origin=origin):
            return open_breaker(state, Tripped("failures", tenant=_tenant(origin)), now, rules)
        case _:
            assert_never(signal)


def _tenant(origin: CallOrigin | None) -> str | None:
    return None if origin is None else origin.tenant


def _count(
    state: Closed, signal: Succeeded | CallFailure | Ignored, now: float, rules: BreakerRules
) -> State:
    if isinstance(signal, Ignored):
        return state
    evidence = evidence_after(state.evidence, signal, now, rules)
    if evidence is state.evidence:
        return state
    counted = Closed(state.generation, evidence)
    tripped = why_open(evidence, signal, rules)
    return counted if tripped is None else open_breaker(counted, tripped, now, rules)


# ------------------------------------------------ open on one tenant's word: the others' calls


def _admit_other(
    state: Open | HalfOpen, suspicion: Suspicion, now: float, rules: BreakerRules
) -> Admitted | BreakerRefused:
    permit = BreakerPermit(state.generation)
    if suspicion.answered:
        return Admitted(state, permit)
    if suspicion.trial_until > now:
        return BreakerRefused(now + rules.recheck_s, state.reason)
    tried = replace(suspicion, trial_until=now + rules.probe_lease_s)
    return Admitted(replace(state, suspicion=tried), permit)


def _heard_other(
    state: Open | HalfOpen,
    permit: BreakerPermit,
    signal: Succeeded | CallFailure | Ignored,
    now: float,
    rules: BreakerRules,
) -> State:
    """The state after the end of a call that is no probe: another tenant's, or an early one."""
    suspicion = state.suspicion
    if suspicion is None or permit.generation < suspicion.since:
        return state
    during = permit.generation > suspicion.since
    match signal:
        case Ignored():
            return replace(state, suspicion=replace(suspicion, trial_until=0)) if during else state
        case _ if _tenant(signal.origin) == suspicion.tenant:
            return state
        case Succeeded(slow=False) if during and _idle(state, now, rules):
            return Closed(state.generation + 1)
        case Succeeded(slow=False):
            # an answer from before shows that it answers others, but not that it goes on to
            left = rules.consecutive if during else suspicion.left
            answered = replace(suspicion, left=left, answered=True, trial_until=0)
            return state if answered == suspicion else replace(state, suspicion=answered)
        case Succeeded() | CallFailure():
            return _against(state, suspicion, signal, now, rules)
        case _:
            assert_never(signal)


def _against(
    state: Open | HalfOpen,
    suspicion: Suspicion,
    signal: Succeeded | CallFailure,
    now: float,
    rules: BreakerRules,
) -> State:
    if suspicion.left > 1:
        return replace(state, suspicion=replace(suspicion, left=suspicion.left - 1))
    reason: Reason = "failures" if isinstance(signal, CallFailure) else "slow"
    return open_breaker(state, Tripped(reason), now, rules)


def _idle(state: Open | HalfOpen, now: float, rules: BreakerRules) -> bool:
    """Whether the suspect has no probe under way, and hasn't sent any though it might have."""
    match state:
        case Open(until=until):
            return now >= until + rules.probe_lease_s
        case HalfOpen(leases=leases):
            return all(ends <= now for _, ends in leases)
