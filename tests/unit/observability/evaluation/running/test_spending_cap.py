from decimal import Decimal

from observability.evaluation.running.spending_cap import SpendingCap
from tests.unit.observability.evaluation.evaluation_fakes import call


def test_a_bill_takes_the_place_of_what_was_held() -> None:
    cap = SpendingCap(Decimal(10))
    assert cap.reserve("a", Decimal(8))
    assert not cap.reserve("b", Decimal(3))
    cap.settle(call("a", cost_micro_usd=Decimal(2)))
    assert (int(cap.spent), int(cap.held)) == (2, 0)
    assert cap.reserve("b", Decimal(8))


def test_what_may_yet_be_billed_stays_booked() -> None:
    cap = SpendingCap(Decimal(10))
    for name in "abc":
        assert cap.reserve(name, Decimal(3))
    cap.settle(call("a", outcome="no reply", cost_micro_usd=None))
    cap.settle(call("b", late_batch=True, cost_micro_usd=Decimal(1)))
    cap.settle(call("c", cost_micro_usd=None))
    assert (int(cap.spent), int(cap.held)) == (6, 3)


def test_what_a_dead_worker_may_have_spent_stays_booked_beside_the_bill() -> None:
    cap = SpendingCap(Decimal(10))
    assert cap.reserve("a", Decimal(3))
    cap.settle(call("a", redelivered=True, cost_micro_usd=Decimal(1)))
    assert (int(cap.spent), int(cap.held)) == (4, 0)


def test_a_journal_restores_it() -> None:
    cap = SpendingCap(Decimal(10))
    cap.restore({"a": Decimal(4), "b": Decimal(5)}, {"a": call("a", cost_micro_usd=Decimal(1))})
    assert (int(cap.spent), int(cap.held)) == (1, 5)
    assert not cap.reserve("c", Decimal(5))
