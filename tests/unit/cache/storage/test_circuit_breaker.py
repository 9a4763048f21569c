from cache.storage.circuit_breaker import (
    FAILURES_TO_OPEN,
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    DependencyBreaker,
)


def opened() -> DependencyBreaker:
    patience = DependencyBreaker()
    for _ in range(FAILURES_TO_OPEN):
        assert patience.allows(0)
        patience = patience.after_failure(0)
    return patience


def test_a_few_failures_open_it_and_time_half_opens_it() -> None:
    patience = opened()
    assert not patience.allows(FIRST_PAUSE_S - 0.01)
    assert patience.allows(FIRST_PAUSE_S)


def test_one_probes_and_the_others_wait_even_if_it_never_reports() -> None:
    probing = opened().after_call(FIRST_PAUSE_S)
    assert not probing.allows(FIRST_PAUSE_S)
    assert probing.allows(2 * FIRST_PAUSE_S)


def test_a_failed_probe_doubles_the_pause_up_to_a_limit() -> None:
    patience = opened()
    for _ in range(20):
        patience = patience.after_failure(0)
    assert patience.open_until == LONGEST_PAUSE_S


def test_an_answer_closes_it() -> None:
    assert opened().after_success() == DependencyBreaker()
    assert DependencyBreaker().after_failure(0).after_success() == DependencyBreaker()
