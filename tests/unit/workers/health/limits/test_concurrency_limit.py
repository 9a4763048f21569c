import pytest

from workers.health.limits.concurrency_limit import (
    Concurrency,
    ConcurrencyRules,
    limit_after_answer,
    limit_after_drop,
    limit_after_recovery,
)

RULES = ConcurrencyRules()


def test_concurrency_grows_while_it_is_used_and_answers_come_as_usual() -> None:
    c = Concurrency(8)
    for _ in range(100):
        c = limit_after_answer(c, 0.5, in_flight=int(c.limit), r=RULES)
    assert c.limit > 50
    idle = limit_after_answer(c, 0.5, in_flight=1, r=RULES)
    assert idle.limit == c.limit


def test_concurrency_shrinks_when_answers_get_slower() -> None:
    c = Concurrency(100)
    for _ in range(200):
        c = limit_after_answer(c, 0.5, in_flight=100, r=RULES)
    before = c.limit
    for _ in range(20):
        c = limit_after_answer(c, 5, in_flight=100, r=RULES)
    assert c.limit < before / 2


def test_the_drops_of_one_burst_cut_once() -> None:
    c = Concurrency(100)
    for _ in range(50):
        c = limit_after_drop(c, 10, RULES)
    assert c.limit == 70
    assert limit_after_drop(c, 12, RULES).limit == pytest.approx(49)
    low = Concurrency(1)
    assert limit_after_drop(low, 10, RULES).limit == RULES.least


def test_a_recovered_deployment_starts_small() -> None:
    assert limit_after_recovery(Concurrency(100, 1, 9, 5), RULES) == Concurrency(RULES.restart)
    assert limit_after_recovery(Concurrency(3), RULES) == Concurrency(3)
