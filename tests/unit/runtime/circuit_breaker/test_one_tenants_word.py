"""What one tenant's calls say opens a breaker to that tenant; to all it takes another's."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from runtime.circuit_breaker import state_machine
from runtime.circuit_breaker.rules import (
    BreakerRules,
    BreakerSignal,
    CallFailure,
    CallOrigin,
    Cooldown,
    FailureRatios,
    Ignored,
    Succeeded,
    Tripped,
)
from runtime.circuit_breaker.state_machine import Admitted, BreakerPermit, Closed, Open, State

RULES = BreakerRules(
    consecutive=5,
    cooldown=Cooldown(0.5, 1),
    ratios=FailureRatios(window_s=10, min_calls=20, failed=0.5, slow=0.6),
    probes=3,
    successes_to_close=2,
)


@dataclass
class Deployment:
    """A breaker with its clock; every call ends at once unless it is held."""

    state: State = field(default_factory=Closed)
    now: float = 1000.0
    asked: int = 0

    def admit(self, tenant: str) -> BreakerPermit | None:
        answer = state_machine.admit_call(self.state, self.now, RULES, tenant)
        if not isinstance(answer, Admitted):
            return None
        self.state = answer.state
        return answer.permit

    def end(self, permit: BreakerPermit, signal: BreakerSignal) -> None:
        self.state = state_machine.report_call(self.state, permit, signal, self.now, RULES)

    def call(self, tenant: str, *, well: bool, request: str | None = None) -> bool:
        """Whether it was let through."""
        permit = self.admit(tenant)
        if permit is None:
            return False
        self.asked += 1
        asked = request or f"{tenant} {self.asked}"
        failure = CallFailure(CallOrigin(tenant, asked))
        self.end(permit, Succeeded(origin=CallOrigin(tenant)) if well else failure)
        return True

    def open_to(self, tenant: str) -> bool:
        answer = state_machine.admit_call(self.state, self.now, RULES, tenant)
        return not isinstance(answer, Admitted)


def opened_by(tenant: str) -> Deployment:
    deployment = Deployment()
    for _ in range(RULES.consecutive):
        deployment.call(tenant, well=False)
    assert deployment.open_to(tenant)
    return deployment


MOVES = st.tuples(st.sampled_from(["poison", "good", "wait"]), st.floats(0, 3))


@given(moves=st.lists(MOVES, max_size=300), one_request=st.booleans())
def test_no_number_of_one_tenants_failures_shuts_another_out(
    moves: list[tuple[str, float]], *, one_request: bool
) -> None:
    deployment = Deployment()
    for kind, seconds in moves:
        if kind == "wait":
            deployment.now += seconds
        elif kind == "poison":
            deployment.call("hostile", well=False, request="the same" if one_request else None)
        else:
            assert deployment.call("honest", well=True)


@given(tenants=st.lists(st.sampled_from("abc"), min_size=6, max_size=60), good_before=st.booleans())
def test_an_outage_opens_it_to_all_of_two_tenants_and_more(
    tenants: list[str], *, good_before: bool
) -> None:
    deployment = Deployment()
    for tenant in "abc" if good_before else "":
        deployment.call(tenant, well=True)
    passed = sum(deployment.call(tenant, well=False) for tenant in (*tenants, *"abc"))
    assert passed <= RULES.consecutive + 1
    assert all(deployment.open_to(tenant) for tenant in "abcd")


@given(st.lists(st.sampled_from(["failed", "slow", "good"]), max_size=80))
def test_with_one_tenant_it_opens_as_if_nobody_knew_whose_calls_they_are(ends: list[str]) -> None:
    known, unknown, opened = Deployment(), Closed(), False
    state: State = unknown
    for number, end in enumerate(ends):
        origin = CallOrigin("a", str(number))
        told: BreakerSignal = (
            CallFailure(origin) if end == "failed" else Succeeded(end == "slow", origin)
        )
        untold: BreakerSignal = CallFailure() if end == "failed" else Succeeded(end == "slow")
        if (permit := known.admit("a")) is not None:
            known.end(permit, told)
        answer = state_machine.admit_call(state, known.now, RULES)
        if isinstance(answer, Admitted):
            state = state_machine.report_call(answer.state, answer.permit, untold, known.now, RULES)
        opened = isinstance(state, Open)
        assert opened == isinstance(known.state, Open)
        assert known.open_to("a") == opened


def test_a_request_that_is_sent_again_counts_once_while_others_are_answered() -> None:
    deployment = Deployment()
    deployment.call("a", well=True)
    for _ in range(100):
        assert deployment.call("a", well=False, request="the same")
    for _ in range(RULES.consecutive - 1):
        assert not deployment.open_to("a")
        deployment.call("a", well=False)
    assert deployment.open_to("a")


def test_a_request_that_is_sent_again_is_evidence_when_nothing_is_answered() -> None:
    deployment = Deployment()
    deployment.call("a", well=True)
    deployment.now += 11
    for _ in range(RULES.consecutive):
        assert deployment.call("a", well=False, request="the same")
    assert deployment.open_to("a")


def test_what_no_request_can_cause_opens_it_to_all_at_once() -> None:
    deployment = Deployment()
    for _ in range(RULES.consecutive):
        permit = deployment.admit("a")
        assert permit is not None
        deployment.end(permit, CallFailure())
    assert deployment.open_to("a")
    assert deployment.open_to("b")


def test_the_first_failure_of_another_tenant_opens_it_to_all() -> None:
    deployment = opened_by("a")
    assert deployment.call("b", well=False)
    assert deployment.open_to("b")
    assert deployment.open_to("c")


def test_others_pass_one_at_a_time_until_one_is_answered() -> None:
    deployment = opened_by("a")
    trial = deployment.admit("b")
    assert trial is not None
    assert deployment.open_to("c")
    deployment.end(trial, Succeeded(origin=CallOrigin("b")))
    assert not any(deployment.open_to(tenant) for tenant in "bc")


def test_a_trial_that_was_cancelled_or_never_reports_frees_its_place() -> None:
    deployment = opened_by("a")
    trial = deployment.admit("b")
    assert trial is not None
    deployment.end(trial, Ignored())
    assert deployment.admit("c") is not None
    assert deployment.open_to("b")
    deployment.now += RULES.probe_lease_s
    assert not deployment.open_to("b")


def test_once_others_were_answered_it_takes_as_many_of_their_failures_as_ever() -> None:
    deployment = opened_by("a")
    deployment.call("b", well=True)
    for _ in range(RULES.consecutive):
        assert deployment.call("c", well=False)
    assert deployment.open_to("b")


def test_calls_that_were_under_way_speak_against_it_but_do_not_clear_it() -> None:
    deployment = Deployment()
    early = [deployment.admit("b") for _ in range(2)]
    for _ in range(RULES.consecutive):
        deployment.call("a", well=False)
    signals: list[BreakerSignal] = [Succeeded(), CallFailure(CallOrigin("b"))]
    for permit, signal in zip(early, signals, strict=True):
        assert permit is not None
        assert not deployment.open_to("b")
        deployment.end(permit, signal)
    assert deployment.open_to("b")


def test_the_suspects_own_probes_close_it() -> None:
    deployment = opened_by("a")
    deployment.call("b", well=True)
    deployment.now += 1
    for _ in range(RULES.successes_to_close):
        assert deployment.call("a", well=True)
    assert isinstance(deployment.state, Closed)


def test_a_suspect_that_sends_nothing_more_is_forgotten() -> None:
    deployment = opened_by("a")
    assert deployment.call("b", well=True)
    deployment.now += 1 + RULES.probe_lease_s
    assert deployment.call("b", well=True)
    assert isinstance(deployment.state, Closed)


def test_who_fails_every_probe_of_what_is_open_to_all_keeps_no_other_out() -> None:
    deployment = opened_by("a")
    deployment.call("b", well=False)
    for _ in range(2):
        assert deployment.open_to("b")
        deployment.now += 1
        assert deployment.call("a", well=False)
    assert deployment.open_to("a")
    assert deployment.call("b", well=True)
    assert not deployment.open_to("b")


def test_two_tenants_trips_are_everybodys() -> None:
    state = state_machine.open_breaker(Closed(), Tripped("overloaded", 9, "a"), 0, RULES)
    assert isinstance(state_machine.admit_call(state, 1, RULES, "b"), Admitted)
    again = state_machine.open_breaker(state, Tripped("overloaded", 2, "a"), 1, RULES)
    assert again == state
    both = state_machine.open_breaker(state, Tripped("overloaded", 2, "b"), 1, RULES)
    assert isinstance(both, Open)
    assert (both.until, both.suspicion) == (9, None)


def test_a_share_of_failures_is_laid_to_the_tenant_without_whom_there_is_none() -> None:
    deployment = Deployment()
    for _ in range(10):
        deployment.call("b", well=True)
        deployment.call("a", well=False)
    assert deployment.open_to("a")
    assert not deployment.open_to("b")


def test_a_share_of_failures_of_several_tenants_is_everybodys() -> None:
    deployment = Deployment()
    for number in range(10):
        deployment.call("a", well=True)
        deployment.call("bcd"[number % 3], well=False)
    assert all(deployment.open_to(tenant) for tenant in "abcd")
