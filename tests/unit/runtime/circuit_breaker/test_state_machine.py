import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from runtime.circuit_breaker import state_machine
from runtime.circuit_breaker.rules import (
    BreakerRules,
    BreakerSignal,
    CallFailure,
    Cooldown,
    FailureRatios,
    Ignored,
    Reason,
    Succeeded,
    Tripped,
)
from runtime.circuit_breaker.state_machine import (
    Admitted,
    BreakerPermit,
    BreakerRefused,
    Closed,
    ForcedOpen,
    HalfOpen,
    Open,
    State,
)

RULES = BreakerRules(
    consecutive=5,
    cooldown=Cooldown(0.5, 1),
    cooldowns={"overloaded": Cooldown(1, 8)},
    ratios=FailureRatios(window_s=10, min_calls=20, failed=0.5, slow=0.6),
    probes=3,
    successes_to_close=2,
)
DEPENDENCY = BreakerRules(consecutive=5, cooldown=Cooldown(0.5, 15), probe_lease_s=0.5)


def permit_of(state: State, now: float) -> tuple[State, BreakerPermit]:
    answer = state_machine.admit_call(state, now, RULES)
    assert isinstance(answer, Admitted), answer
    return answer.state, answer.permit


def after(state: State, *signals: BreakerSignal, now: float = 0) -> State:
    for signal in signals:
        state, permit = permit_of(state, now)
        state = state_machine.report_call(state, permit, signal, now, RULES)
    return state


def test_opens_on_consecutive_failures_only() -> None:
    four: list[BreakerSignal] = [CallFailure()] * 4
    assert isinstance(after(Closed(), *four), Closed)
    assert isinstance(after(Closed(), *four, Succeeded(), *four), Closed)
    assert after(Closed(), *four, CallFailure(), now=7) == Open(1, 7.5, "failures", 1)


def test_opens_on_the_failure_ratio_once_there_were_enough_calls() -> None:
    alternating: list[BreakerSignal] = [CallFailure(), Succeeded()]
    assert isinstance(after(Closed(), *alternating * 9), Closed)
    assert isinstance(after(Closed(), *alternating * 10), Open)


def test_opens_when_most_calls_are_slow() -> None:
    mixed: list[BreakerSignal] = [*[Succeeded(slow=True)] * 3, *[Succeeded()] * 2]
    state = after(Closed(), *mixed * 3, *mixed[:3], Succeeded())
    assert isinstance(state, Closed)
    opened = after(state, Succeeded(slow=True))
    assert isinstance(opened, Open)
    assert opened.reason == "slow"


def test_opens_on_consecutive_slow_calls() -> None:
    opened = after(Closed(), *[Succeeded(slow=True)] * 5)
    assert isinstance(opened, Open)
    assert opened.reason == "slow"


def test_failures_older_than_the_window_are_forgotten() -> None:
    alternating: list[BreakerSignal] = [CallFailure(), Succeeded()]
    state = after(Closed(), *alternating * 9, now=100)
    state = after(state, *alternating * 2, now=100 + 10 + 3)
    assert isinstance(state, Closed)
    assert sum(bucket.calls for bucket in state.evidence.window) == 4


def test_a_clock_that_steps_back_loses_no_call() -> None:
    state = after(after(Closed(), Succeeded(), now=100), Succeeded(), now=50)
    assert isinstance(state, Closed)
    assert [(bucket.calls, bucket.index) for bucket in state.evidence.window] == [(2, 100)]


def test_a_rate_limit_opens_for_exactly_the_hinted_time() -> None:
    state = after(Closed(), Tripped("rate_limited", 2.5), now=10)
    assert state == Open(1, 12.5, "rate_limited")
    assert state_machine.admit_call(state, 12.49, RULES) == BreakerRefused(12.5, "rate_limited")
    assert isinstance(state_machine.admit_call(state, 12.5, RULES), Admitted)


def test_a_second_hint_only_ever_extends_the_first() -> None:
    state = state_machine.open_breaker(Closed(), Tripped("rate_limited", 10), 0, RULES)
    assert state_machine.open_breaker(state, Tripped("rate_limited", 3), 1, RULES) == state
    longer = state_machine.open_breaker(state, Tripped("quota", 60), 1, RULES)
    assert isinstance(longer, Open)
    assert (longer.until, longer.reason, longer.generation) == (61, "quota", state.generation)


def test_a_throttled_deployment_is_probed_by_one_call_and_closes_on_its_success() -> None:
    state, probe = permit_of(Open(1, 5, "rate_limited"), 5)
    assert state_machine.admit_call(state, 5, RULES) == BreakerRefused(
        5 + RULES.recheck_s, "rate_limited"
    )
    assert isinstance(state_machine.report_call(state, probe, Succeeded(), 6, RULES), Closed)


def test_half_open_admits_one_then_a_few_and_closes_after_enough_of_them() -> None:
    state, first = permit_of(Open(1, 5, "failures"), 5)
    assert isinstance(state_machine.admit_call(state, 5, RULES), BreakerRefused)
    state = state_machine.report_call(state, first, Succeeded(), 5, RULES)
    assert isinstance(state, HalfOpen)
    for _ in range(RULES.probes):
        state, probe = permit_of(state, 5)
    assert isinstance(state_machine.admit_call(state, 5, RULES), BreakerRefused)
    assert isinstance(state_machine.report_call(state, probe, Succeeded(), 5, RULES), Closed)


def test_a_failed_probe_reopens_for_longer_each_time() -> None:
    state: State = after(Closed(), Tripped("overloaded"), now=0)
    lengths = []
    now = 0.0
    for _ in range(5):
        assert isinstance(state, Open)
        lengths.append(state.until - now)
        now = state.until
        state, probe = permit_of(state, now)
        state = state_machine.report_call(state, probe, Tripped("overloaded"), now, RULES)
    assert lengths == [1, 2, 4, 8, 8]


def test_a_slow_probe_is_no_recovery() -> None:
    state, probe = permit_of(Open(1, 5, "slow"), 5)
    assert isinstance(state_machine.report_call(state, probe, Succeeded(slow=True), 6, RULES), Open)


def test_a_cancelled_probe_frees_its_place() -> None:
    state, probe = permit_of(Open(1, 5, "rate_limited"), 5)
    state = state_machine.report_call(state, probe, Ignored(), 5.1, RULES)
    assert isinstance(state, HalfOpen)
    assert isinstance(state_machine.admit_call(state, 5.1, RULES), Admitted)


def test_a_probe_that_never_reports_frees_its_place_when_its_lease_ends() -> None:
    state, _ = permit_of(Open(1, 5, "rate_limited"), 5)
    assert isinstance(
        state_machine.admit_call(state, 5 + RULES.probe_lease_s - 0.1, RULES), BreakerRefused
    )
    assert isinstance(state_machine.admit_call(state, 5 + RULES.probe_lease_s, RULES), Admitted)


def test_an_outcome_from_before_the_outage_changes_nothing() -> None:
    state, early = permit_of(Closed(), 0)
    state = after(state, Tripped("overloaded", 5), now=1)
    assert state_machine.report_call(state, early, Succeeded(), 2, RULES) == state
    half_open, _ = permit_of(state, 6)
    assert state_machine.report_call(half_open, early, CallFailure(), 6, RULES) == half_open
    assert state_machine.report_call(half_open, early, Succeeded(), 6, RULES) == half_open


def test_a_forced_breaker_obeys_nobody_but_the_operator() -> None:
    held_open = state_machine.force_breaker(Closed(), to_open=True)
    assert state_machine.admit_call(held_open, 1e9, RULES) == BreakerRefused(math.inf, "forced")
    held_closed = state_machine.force_breaker(Open(1, 100, "quota"), to_open=False)
    signals: list[BreakerSignal] = [Tripped("quota", 99), *[CallFailure()] * 50]
    assert after(held_closed, *signals) == held_closed
    assert state_machine.open_breaker(held_open, Tripped("quota", 9), 0, RULES) == held_open
    assert isinstance(state_machine.close_breaker(held_open), Closed)


def test_an_open_breaker_ignores_reports_of_its_own_generation() -> None:
    state = Open(3, 9, "failures")
    assert state_machine.report_call(state, BreakerPermit(3), Succeeded(), 1, RULES) == state
    forced = ForcedOpen(3)
    assert state_machine.report_call(forced, BreakerPermit(3), CallFailure(), 1, RULES) == forced


def test_without_ratios_only_failures_in_a_row_open_it() -> None:
    state: State = Closed()
    for _ in range(100):
        signals: list[BreakerSignal] = [*[CallFailure()] * 4, Succeeded()]
        for signal in signals:
            state = state_machine.report_call(state, BreakerPermit(0), signal, 1, DEPENDENCY)
    assert state == Closed()


def test_a_success_that_changes_nothing_makes_no_new_state() -> None:
    state = Closed()
    assert state_machine.report_call(state, BreakerPermit(0), Succeeded(), 1, DEPENDENCY) is state


def test_a_burst_that_fails_together_opens_it_once() -> None:
    state: State = Closed()
    for _ in range(50):
        state = state_machine.report_call(state, BreakerPermit(0), CallFailure(), 1, DEPENDENCY)
    assert state == Open(1, 1.5, "failures", 1)


REASONS: list[Reason] = ["rate_limited", "overloaded", "quota", "misconfigured"]
SIGNALS = st.one_of(
    st.builds(Succeeded, st.booleans()),
    st.just(CallFailure()),
    st.just(Ignored()),
    st.builds(Tripped, st.sampled_from(REASONS), st.none() | st.floats(0, 100)),
)


class BreakerUnderConcurrency(RuleBasedStateMachine):
    """Calls start, end in any way and order, or never report, while time passes."""

    calls = Bundle("calls")
    breaker_rules = RULES

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.state: State = Closed()
        self.probes: dict[BreakerPermit, float] = {}

    @rule(seconds=st.floats(0, 50))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=calls)
    def start(self) -> BreakerPermit | None:
        before = self.state
        answer = state_machine.admit_call(before, self.now, self.breaker_rules)
        match answer:
            case BreakerRefused(until=until):
                assert not isinstance(before, Closed)
                assert until > self.now
                return None
            case Admitted(state=state, permit=permit):
                assert not (isinstance(before, Open) and self.now < before.until)
                self.state = state
                if permit.probe is not None:
                    self.probes[permit] = self.now + self.breaker_rules.probe_lease_s
                return permit

    @rule(permit=consumes(calls), signal=SIGNALS)
    def end(self, permit: BreakerPermit | None, signal: BreakerSignal) -> None:
        if permit is None:
            return
        self.probes.pop(permit, None)
        before = self.state
        self.state = state_machine.report_call(before, permit, signal, self.now, self.breaker_rules)
        stale = permit.generation != before.generation
        assert not (stale and not isinstance(signal, Tripped) and self.state != before)
        assert self.state.generation >= before.generation

    @rule(to_open=st.booleans())
    def force_and_lift(self, *, to_open: bool) -> None:
        self.state = state_machine.close_breaker(
            state_machine.force_breaker(self.state, to_open=to_open)
        )

    @invariant()
    def probes_in_flight_are_few(self) -> None:
        state = self.state
        if isinstance(state, HalfOpen):
            alive = [
                permit
                for permit, ends in self.probes.items()
                if permit.generation == state.generation and ends > self.now
            ]
            assert len(alive) <= (self.breaker_rules.probes if state.successes else 1)

    @invariant()
    def time_alone_always_lets_a_call_through_again(self) -> None:
        later = self.now + self.breaker_rules.probe_lease_s
        if isinstance(self.state, Open):
            later = max(later, self.state.until)
        assert isinstance(state_machine.admit_call(self.state, later, self.breaker_rules), Admitted)


class DependencyUnderConcurrency(BreakerUnderConcurrency):
    """The same with one probe at a time and no window."""

    breaker_rules = DEPENDENCY


TestBreakerUnderConcurrency = BreakerUnderConcurrency.TestCase
TestBreakerUnderConcurrency.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None
)
TestDependencyUnderConcurrency = DependencyUnderConcurrency.TestCase
TestDependencyUnderConcurrency.settings = TestBreakerUnderConcurrency.settings
