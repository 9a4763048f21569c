"""Does a slot stay for whoever comes next, and does each tenant keep to its share?"""

import pytest

from runtime.consuming.fair_queue import FairQueue, Lane, Ticket
from runtime.consuming.tenant_shares import ShareRules, TenantShares


@pytest.mark.parametrize(
    ("slots", "tenants", "own", "alone", "contested"),
    [
        (64, 2, None, 61, 32),
        (64, 1, None, 64, 64),
        (8, 3, None, 7, 4),
        (2, 2, None, 1, 1),
        (1, 2, None, 1, 1),
        (64, 2, 10, 10, 10),
        (64, 2, 50, 50, 32),
        (64, 1, 10, 10, 10),
    ],
)
def test_the_most_a_tenant_may_hold(
    slots: int, tenants: int, own: int | None, alone: int, contested: int
) -> None:
    rules = ShareRules(slots, 0.5, tenants)
    assert rules.most(own, contested=False) == alone
    assert rules.most(own, contested=True) == contested


class Pool:
    """A pool of slots whose calls never end by themselves."""

    def __init__(self, slots: int, **own: int) -> None:
        self.slots = slots
        self.shares = TenantShares(lambda name: (ShareRules(slots, 0.5, 3), own.get(name)))
        self.queue: FairQueue[str] = FairQueue()
        self.running: list[Ticket[str]] = []

    def send(self, tenant: str, number: int) -> None:
        for _ in range(number):
            self.queue.offer(Lane(tenant), tenant)

    def fill(self) -> dict[str, int]:
        """What each holds once nothing more can begin."""
        while len(self.running) < self.slots and (ticket := self.queue.take(self.shares)):
            self.shares.began(ticket.lane.tenant)
            self.running.append(ticket)
        tenants = [ticket.item for ticket in self.running]
        return {tenant: tenants.count(tenant) for tenant in sorted(set(tenants))}

    def end(self, tenant: str) -> None:
        ticket = next(ticket for ticket in self.running if ticket.item == tenant)
        self.running.remove(ticket)
        self.queue.finished(ticket)
        self.shares.ended(tenant)


def test_slow_calls_of_one_tenant_leave_a_slot_for_the_next() -> None:
    pool = Pool(8)
    pool.send("slow", 100)
    assert pool.fill() == {"slow": 7}
    pool.send("other", 1)
    assert pool.fill() == {"other": 1, "slow": 7}


def test_while_others_wait_a_tenant_gets_no_more_than_its_share() -> None:
    pool = Pool(8)
    pool.send("slow", 100)
    pool.fill()
    pool.send("other", 100)
    for _ in range(7):
        pool.end("slow")
        pool.fill()
    assert pool.fill() == {"other": 4, "slow": 4}


def test_nobody_loses_a_turn_or_a_record_by_being_passed_over() -> None:
    pool = Pool(8, slow=1)
    pool.send("slow", 3)
    pool.send("other", 3)
    assert pool.fill() == {"other": 3, "slow": 1}
    assert len(pool.queue) == 2
    for _ in range(2):
        pool.end("slow")
        assert pool.fill() == {"other": 3, "slow": 1}
    assert len(pool.queue) == 0


def test_batch_records_keep_to_it_too() -> None:
    pool = Pool(8)
    for _ in range(10):
        pool.queue.offer(Lane("slow", interactive=False), "slow")
    assert pool.fill() == {"slow": 7}
