import math

from runtime.circuit_breaker.breaker import CircuitBreaker
from runtime.circuit_breaker.rules import BreakerRules, CallFailure, Cooldown, Succeeded, Tripped
from runtime.circuit_breaker.state_machine import BreakerPermit, BreakerRefused

RULES = BreakerRules(consecutive=5, cooldown=Cooldown(0.5, 15), probe_lease_s=0.5)


def permit(breaker: CircuitBreaker, now: float) -> BreakerPermit:
    admission = breaker.admit(now)
    assert isinstance(admission, BreakerPermit)
    return admission


def opened() -> CircuitBreaker:
    breaker = CircuitBreaker(RULES)
    for _ in range(RULES.consecutive):
        assert breaker.closed
        breaker.report(permit(breaker, 0), CallFailure(), 0)
    return breaker


def test_a_few_failures_open_it_and_time_half_opens_it() -> None:
    breaker = opened()
    assert not breaker.closed
    assert breaker.admit(0.49) == BreakerRefused(0.5, "failures")
    permit(breaker, 0.5)


def test_one_probes_and_the_others_wait_even_if_it_never_reports() -> None:
    breaker = opened()
    permit(breaker, 0.5)
    assert isinstance(breaker.admit(0.5), BreakerRefused)
    assert isinstance(breaker.admit(0.99), BreakerRefused)
    permit(breaker, 1)


def test_to_ask_takes_no_probes_place() -> None:
    breaker = opened()
    assert breaker.refuses(0.49)
    assert [breaker.refuses(0.5) for _ in range(3)] == [False] * 3
    permit(breaker, 0.5)
    assert breaker.refuses(0.5)


def test_a_failed_probe_doubles_the_pause_up_to_a_limit() -> None:
    breaker, now, pauses = opened(), 0.0, list[float]()
    for _ in range(7):
        refusal = breaker.admit(now)
        assert isinstance(refusal, BreakerRefused)
        pauses.append(refusal.until - now)
        now = refusal.until
        breaker.report(permit(breaker, now), CallFailure(), now)
    assert pauses == [0.5, 1, 2, 4, 8, 15, 15]


def test_one_answer_closes_it() -> None:
    breaker = opened()
    breaker.report(permit(breaker, 0.5), Succeeded(), 0.6)
    assert breaker.closed


def test_what_only_somebody_else_can_see_recover_never_probes() -> None:
    breaker = CircuitBreaker(BreakerRules(consecutive=1, cooldown=Cooldown(math.inf, math.inf)))
    breaker.open(Tripped("failures"), 0)
    assert isinstance(breaker.admit(1e12), BreakerRefused)
    breaker.close()
    assert breaker.closed
    permit(breaker, 0)
