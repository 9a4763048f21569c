"""Circuit breaker registry: the states of one process's breakers, by name.

Whoever builds it gets every transition.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from runtime.circuit_breaker import state_machine
from runtime.circuit_breaker.rules import BreakerRules, BreakerSignal, Reason, Tripped
from runtime.circuit_breaker.state_machine import (
    Admitted,
    BreakerPermit,
    BreakerRefused,
    Closed,
    HalfOpen,
    Open,
    State,
)

Clock: TypeAlias = Callable[[], float]
TransitionOrigin: TypeAlias = Literal["here", "peer", "operator"]
_CLOSED: Final = Closed()
StateName: TypeAlias = Literal["closed", "open", "half_open", "forced_open", "forced_closed"]


@dataclass(frozen=True, slots=True)
class Transition:
    """A breaker changed its state, or an open one stays open longer."""

    breaker: str
    before: StateName
    after: StateName
    origin: TransitionOrigin
    """Who found out."""
    reason: Reason | None = None
    """Of one that is open or half-open."""
    for_s: float | None = None
    """How long it stays open, in seconds."""
    tenant: str | None = None
    """To whom alone an open one is open; None: to all."""


OnTransition: TypeAlias = Callable[[Transition], None]
"""Takes every transition as it happens: a log line, a metric, a span event. Must not raise."""


class BreakerRegistry:
    """The states of all breakers here; one of an unknown name is closed."""

    def __init__(self, rules: BreakerRules, clock: Clock, on_transition: OnTransition) -> None:
        self._rules = rules
        self._clock = clock
        self._on_transition = on_transition
        self._states: dict[str, State] = {}
        self.not_closed: Final[set[str]] = set()
        """The breakers through which not every call passes: nearly always none."""

    def state(self, key: str) -> State:
        """The breaker's state, as of the last call or news: time may have half-opened it since."""
        return self._states.get(key, _CLOSED)

    def names(self) -> Sequence[str]:
        """Every breaker that has ever had an outcome."""
        return tuple(self._states)

    def permits_if_closed(self, keys: Sequence[str]) -> tuple[BreakerPermit, ...] | None:
        """As `admit`, where all are closed, so that no state changes; None where one isn't."""
        if not self.not_closed.isdisjoint(keys):
            return None
        states = self._states
        return tuple([BreakerPermit(states.get(key, _CLOSED).generation) for key in keys])

    def preview(
        self, keys: Sequence[str], tenant: str | None = None
    ) -> tuple[BreakerPermit, ...] | BreakerRefused:
        """What `admit` would answer now; changes nothing."""
        admissions = self._admit_all(keys, tenant)
        if isinstance(admissions, BreakerRefused):
            return admissions
        return tuple([admission.permit for admission in admissions])

    def admit(
        self, keys: Sequence[str], tenant: str | None = None
    ) -> tuple[BreakerPermit, ...] | BreakerRefused:
        """One permit of each breaker for one call, or the refusal that lasts longest.

        tenant: whose call it is; some breakers are open to one only.
        """
        admissions = self._admit_all(keys, tenant)
        if isinstance(admissions, BreakerRefused):
            return admissions
        for key, admission in zip(keys, admissions, strict=True):
            self._move(key, admission.state, "here")
        return tuple(admission.permit for admission in admissions)

    def probe_limit(self, key: str) -> int:
        """How many probes the breaker takes at once."""
        state = self.state(key)
        return state_machine.probe_limit(state, self._rules) if isinstance(state, HalfOpen) else 1

    def report_call(self, key: str, permit: BreakerPermit, signal: BreakerSignal) -> None:
        """The call that `permit` allowed has ended."""
        now = self._clock()
        self._move(
            key,
            state_machine.report_call(self.state(key), permit, signal, now, self._rules),
            "here",
        )

    def open(self, key: str, signal: Tripped, origin: TransitionOrigin) -> None:
        """Open it at once: somebody else was told to stay away."""
        now = self._clock()
        self._move(
            key, state_machine.open_breaker(self.state(key), signal, now, self._rules), origin
        )

    def close(self, key: str, origin: TransitionOrigin) -> None:
        """Close it: somebody else saw it recover, or an operator lifts a forced state."""
        self._move(key, state_machine.close_breaker(self.state(key)), origin)

    def force(self, key: str, *, to_open: bool, origin: TransitionOrigin) -> None:
        """Hold it open or closed until `close`."""
        self._move(key, state_machine.force_breaker(self.state(key), to_open=to_open), origin)

    def _admit_all(
        self, keys: Sequence[str], tenant: str | None
    ) -> tuple[Admitted, ...] | BreakerRefused:
        now, refusal = self._clock(), None
        admitted: list[Admitted] = []
        for key in keys:
            state = self._states.get(key, _CLOSED)
            answer = state_machine.admit_call(state, now, self._rules, tenant)
            if isinstance(answer, Admitted):
                admitted.append(answer)
            elif refusal is None or answer.until > refusal.until:
                refusal = answer
        return tuple(admitted) if refusal is None else refusal

    def _move(self, key: str, after: State, origin: TransitionOrigin) -> None:
        before = self.state(key)
        self._states[key] = after
        if isinstance(after, Closed):
            self.not_closed.discard(key)
        else:
            self.not_closed.add(key)
        if type(before) is not type(after) or _extended(before, after):
            self._on_transition(self._transition(key, before, after, origin))

    def _transition(
        self, key: str, before: State, after: State, origin: TransitionOrigin
    ) -> Transition:
        names = state_name(before), state_name(after)
        match after:
            case Open():
                for_s = after.until - self._clock()
                return Transition(key, *names, origin, after.reason, for_s, open_to(after))
            case HalfOpen():
                return Transition(key, *names, origin, after.reason, tenant=open_to(after))
            case _:
                return Transition(key, *names, origin)


def state_name(state: State) -> StateName:
    """The state's name in logs, metrics and messages."""
    match state:
        case Closed():
            return "closed"
        case Open():
            return "open"
        case HalfOpen():
            return "half_open"
        case state_machine.ForcedOpen():
            return "forced_open"
        case state_machine.ForcedClosed():
            return "forced_closed"


def open_to(state: State) -> str | None:
    """The tenant to whom alone it is open; None: to all, or it isn't open."""
    if isinstance(state, Open | HalfOpen) and state.suspicion is not None:
        return state.suspicion.tenant
    return None


def _extended(before: State, after: State) -> bool:
    """Whether an open breaker now stays open until another time, or to others."""
    if not (isinstance(before, Open) and isinstance(after, Open)):
        return False
    return before.until != after.until or open_to(before) != open_to(after)
