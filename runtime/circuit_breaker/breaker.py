"""One circuit breaker: its rules, and its state as it moves on with every call.

For a single thing that is called, such as Redis or an embedder. Whoever holds many breakers by name
keeps the states and uses the state machine.
"""

from runtime.circuit_breaker import state_machine
from runtime.circuit_breaker.rules import SUCCEEDED, BreakerRules, BreakerSignal, Tripped
from runtime.circuit_breaker.state_machine import (
    Admitted,
    BreakerPermit,
    BreakerRefused,
    Closed,
    State,
)


class CircuitBreaker:
    """Closed at first. `now`: seconds of one monotonic clock."""

    def __init__(self, rules: BreakerRules) -> None:
        self._rules = rules
        self._state: State = Closed()
        self._permit = BreakerPermit(self._state.generation)
        """For every call while it is closed."""

    @property
    def _counts_nothing(self) -> bool:
        """Whether a success changes nothing: as nearly always."""
        state = self._state
        return (
            isinstance(state, Closed) and not state.evidence.streak and self._rules.ratios is None
        )

    @property
    def closed(self) -> bool:
        """Whether calls pass without being probes."""
        return isinstance(self._state, Closed)

    def refuses(self, now: float) -> bool:
        """Whether `admit` would refuse now; takes no probe's place."""
        if isinstance(self._state, Closed):
            return False
        admission = state_machine.admit_call(self._state, now, self._rules)
        return isinstance(admission, BreakerRefused)

    def admit(self, now: float) -> BreakerPermit | BreakerRefused:
        """A permit for one call, whose end is to be reported."""
        if isinstance(self._state, Closed):  # as nearly always, and its state stays
            if self._permit.generation != self._state.generation:
                self._permit = BreakerPermit(self._state.generation)
            return self._permit
        admission = state_machine.admit_call(self._state, now, self._rules)
        if isinstance(admission, Admitted):
            self._state = admission.state
            return admission.permit
        return admission

    def report(self, permit: BreakerPermit, signal: BreakerSignal, now: float) -> None:
        """The call that `permit` allowed has ended."""
        if signal is SUCCEEDED and permit is self._permit and self._counts_nothing:
            return
        self._state = state_machine.report_call(self._state, permit, signal, now, self._rules)

    def open(self, signal: Tripped, now: float) -> None:
        """Open at once: somebody else found out."""
        self._state = state_machine.open_breaker(self._state, signal, now, self._rules)

    def close(self) -> None:
        """Closed, and nothing counted: somebody else saw it recover."""
        if not self.closed:
            self._state = state_machine.close_breaker(self._state)
