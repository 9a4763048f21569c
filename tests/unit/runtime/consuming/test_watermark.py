"""No sequence of receiving, finishing, committing, rebalancing and crashing loses a record.

The machine drives the real Watermark as a Stream does, for one partition and two members, one of
which may be a zombie: it doesn't know yet that the group has moved on.
"""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from runtime.consuming.watermark import Watermark


def test_only_the_contiguous_part_is_committed() -> None:
    watermark = Watermark()
    assert [watermark.received(offset) for offset in (5, 6, 9)] == [True, True, True]
    watermark.finished(6)
    assert watermark.committable() == 5
    watermark.committed(5)
    assert watermark.committable() is None
    watermark.finished(5)
    assert watermark.committable() == 9  # the gap of 7 and 8 is covered: they don't exist
    watermark.finished(9)
    assert (watermark.committable(), watermark.in_flight) == (10, 0)


def test_what_is_under_way_or_done_is_not_new_when_it_comes_again() -> None:
    watermark = Watermark()
    for offset in (5, 6):
        watermark.received(offset)
    watermark.finished(6)
    assert [watermark.received(offset) for offset in (5, 6, 7)] == [False, False, True]


def test_an_offset_below_all_that_is_tracked_is_a_log_that_was_cut() -> None:
    watermark = Watermark()
    assert not watermark.rewound(0)
    watermark.received(5)
    assert (watermark.rewound(4), watermark.rewound(5)) == (True, False)
    watermark.finished(5)
    assert watermark.rewound(5)


def test_nothing_received_means_nothing_to_commit() -> None:
    watermark = Watermark()
    watermark.finished(3)
    assert (watermark.committable(), watermark.in_flight) == (None, 0)


def test_what_holds_no_record_is_committed_once_all_before_it_is_done() -> None:
    watermark = Watermark()
    watermark.received(5)
    watermark.passed(8)  # the mark of a transaction, and two records that were aborted
    assert watermark.committable() == 5
    watermark.finished(5)
    assert watermark.committable() == 6
    watermark.passed(8)
    assert watermark.committable() == 8
    watermark.passed(7)  # it never goes back
    assert (watermark.committable(), watermark.received(8)) == (8, True)


@dataclass(eq=False)
class Work:
    identity: int
    offset: int
    watermark: Watermark


@dataclass(eq=False)
class Member:
    generation: int = -1
    position: int = 0
    watermark: Watermark | None = None
    works: list[Work] = field(default_factory=list)


class OnePartition(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.log: list[tuple[int, int]] = []
        self.end = 0
        self.identities = 0
        self.handled: set[int] = set()
        self.committed = 0
        self.generation = 0
        self.members = [Member(), Member()]
        self.owner = self.members[0]
        self.give(self.owner)

    def give(self, member: Member) -> None:
        """`member` joins or comes back: the generation moves, and the partition is its own."""
        self.generation += 1
        member.generation, member.position = self.generation, self.committed
        member.watermark = member.watermark or Watermark()
        self.owner = member

    def take(self, member: Member) -> None:
        """It hears that the partition isn't its own any more; what runs goes on running."""
        member.watermark = None

    @rule(count=st.integers(1, 4), gap=st.integers(0, 2))
    def append(self, count: int, gap: int) -> None:
        for _ in range(count):
            self.end += gap
            self.log.append((self.end, self.identities))
            self.identities += 1
            self.end += 1

    @rule(who=st.integers(0, 1), count=st.integers(1, 5))
    def poll(self, who: int, count: int) -> None:
        member = self.members[who]
        if member.watermark is None:
            return
        if member.position > self.end:
            member.position = 0
        coming = [record for record in self.log if record[0] >= member.position][:count]
        for offset, identity in coming:
            if member.watermark.rewound(offset):
                member.watermark = Watermark()
            if member.watermark.received(offset):
                member.works.append(Work(identity, offset, member.watermark))
            member.position = offset + 1

    @rule(who=st.integers(0, 1), which=st.integers(0, 20))
    def finish(self, who: int, which: int) -> None:
        works = self.members[who].works
        if works:
            work = works.pop(which % len(works))
            self.handled.add(work.identity)
            work.watermark.finished(work.offset)

    @rule(who=st.integers(0, 1))
    def pass_over(self, who: int) -> None:
        member = self.members[who]
        if member.watermark is not None:
            member.watermark.passed(member.position)

    @rule(who=st.integers(0, 1))
    def commit(self, who: int) -> None:
        member = self.members[who]
        if member.watermark is None:
            return
        offset = member.watermark.committable()
        if offset is not None and member.generation == self.generation:
            self.committed = offset
            member.watermark.committed(offset)

    @rule(to=st.integers(0, 1))
    def rebalance(self, to: int) -> None:
        """All are told: the owner commits, and another gets the partition, or the same again."""
        for number, member in enumerate(self.members):
            self.commit(number)
            if number != to:
                self.take(member)
        self.give(self.members[to])

    @rule()
    def expel(self) -> None:
        """The owner was silent for too long; it doesn't know yet that the other has taken over."""
        self.give(next(member for member in self.members if member is not self.owner))

    @rule()
    def crash(self) -> None:
        died, other = self.owner, next(m for m in self.members if m is not self.owner)
        died.works.clear()
        self.take(died)
        self.give(other)

    @rule(back=st.integers(1, 5))
    def reset(self, back: int) -> None:
        """An operator sets the offset back; Kafka allows it when nobody is in the group."""
        for number, member in enumerate(self.members):
            self.commit(number)
            self.take(member)
        self.committed = max(0, self.committed - back)
        self.give(self.owner)

    @invariant()
    def nothing_is_lost(self) -> None:
        lost = [r for r in self.log if r[0] < self.committed and r[1] not in self.handled]
        assert not lost, f"committed up to {self.committed}, but not handled: {lost}"

    def teardown(self) -> None:
        """Left alone, the owner comes to the end."""
        who = self.members.index(self.owner)
        self.poll(who, len(self.log) + 1)
        while self.owner.works:
            self.finish(who, 0)
        self.commit(who)
        if self.log:
            assert self.committed == self.log[-1][0] + 1
            assert {identity for _, identity in self.log} <= self.handled


TestOnePartition = OnePartition.TestCase
TestOnePartition.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
