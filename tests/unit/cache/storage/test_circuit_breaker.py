from cache.storage.circuit_breaker import DEPENDENCY_RULES
from runtime.circuit_breaker.breaker import CircuitBreaker
from runtime.circuit_breaker.rules import CallFailure, Succeeded
from runtime.circuit_breaker.state_machine import BreakerPermit, BreakerRefused


def fail(breaker: CircuitBreaker, now: float) -> None:
    permit = breaker.admit(now)
    assert isinstance(permit, BreakerPermit)
    breaker.report(permit, CallFailure(), now)


def test_five_failures_open_it_and_failed_probes_double_the_pause_up_to_a_limit() -> None:
    breaker, now, pauses = CircuitBreaker(DEPENDENCY_RULES), 0.0, list[float]()
    for _ in range(5):
        assert breaker.closed
        fail(breaker, now)
    for _ in range(7):
        refusal = breaker.admit(now)
        assert isinstance(refusal, BreakerRefused)
        pauses.append(refusal.until - now)
        now = refusal.until
        fail(breaker, now)
    assert pauses == [0.5, 1, 2, 4, 8, 15, 15]


def test_one_probes_for_half_a_second_and_its_answer_closes_it() -> None:
    breaker = CircuitBreaker(DEPENDENCY_RULES)
    for _ in range(5):
        fail(breaker, 0)
    probe = breaker.admit(0.5)
    assert isinstance(probe, BreakerPermit)
    assert breaker.refuses(0.99)
    assert not breaker.refuses(1)
    breaker.report(probe, Succeeded(), 1)
    assert breaker.closed
