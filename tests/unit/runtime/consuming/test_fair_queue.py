from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from runtime.consuming.fair_queue import BATCH_SHARE, FairQueue, Lane, Ticket


def taken(admission: FairQueue[str], number: int) -> list[str]:
    """The next `number` items, each finished before the next is taken."""
    items = []
    for _ in range(number):
        ticket = admission.take()
        if ticket is None:
            break
        items.append(ticket.item)
        admission.finished(ticket)
    return items


def test_a_flood_of_one_tenant_doesnt_starve_the_other() -> None:
    admission: FairQueue[str] = FairQueue()
    for _ in range(10_000):
        admission.offer(Lane("flood"), "flood")
    for _ in range(100):
        admission.offer(Lane("small"), "small")
    shares = Counter(taken(admission, 200))
    assert shares == {"flood": 100, "small": 100}


def test_who_comes_late_has_no_credit_for_the_time_before() -> None:
    admission: FairQueue[str] = FairQueue()
    for _ in range(300):
        admission.offer(Lane("early"), "early")
    taken(admission, 100)
    for _ in range(100):
        admission.offer(Lane("late"), "late")
    assert Counter(taken(admission, 20)) == {"early": 10, "late": 10}


def test_weights_are_shares() -> None:
    admission: FairQueue[str] = FairQueue()
    for _ in range(400):
        admission.offer(Lane("heavy", weight=3), "heavy")
        admission.offer(Lane("light", weight=1), "light")
    assert Counter(taken(admission, 400)) == {"heavy": 300, "light": 100}


def test_interactive_goes_first_and_batch_still_gets_its_share() -> None:
    admission: FairQueue[str] = FairQueue()
    for _ in range(1000):
        admission.offer(Lane("t"), "interactive")
        admission.offer(Lane("t", interactive=False), "batch")
    shares = Counter(taken(admission, 10 * BATCH_SHARE))
    assert shares == {"interactive": 10 * (BATCH_SHARE - 1), "batch": 10}


def test_batch_gets_everything_when_nothing_else_waits() -> None:
    admission: FairQueue[str] = FairQueue()
    for _ in range(5):
        admission.offer(Lane("t", interactive=False), "batch")
    assert taken(admission, 9) == ["batch"] * 5


def test_a_sequence_begins_one_at_a_time_and_holds_up_nobody_else() -> None:
    admission: FairQueue[str] = FairQueue()
    for item in ("a1", "a2"):
        admission.offer(Lane("t", sequence="a"), item)
    admission.offer(Lane("t"), "free")
    first, second = admission.take(), admission.take()
    assert first is not None
    assert second is not None
    assert (first.item, second.item) == ("a1", "free")
    assert admission.take() is None
    assert len(admission) == 1
    admission.finished(first)
    assert taken(admission, 2) == ["a2"]


def test_the_same_sequence_of_two_tenants_is_two() -> None:
    admission: FairQueue[str] = FairQueue()
    for tenant in ("x", "y"):
        admission.offer(Lane(tenant, sequence="a"), tenant)
    assert {ticket.item for ticket in (admission.take(), admission.take()) if ticket} == {"x", "y"}


def test_removing_the_head_of_a_sequence_frees_the_next() -> None:
    admission: FairQueue[str] = FairQueue()
    for item in ("lost", "lost", "kept"):
        admission.offer(Lane("t", sequence="a"), item)
    running = admission.take()
    assert running is not None
    assert admission.take() is None  # the others are held now
    assert admission.remove(lambda item: item == "lost") == ["lost"]
    admission.finished(running)
    assert taken(admission, 5) == ["kept"]
    assert len(admission) == 0


LANES = st.builds(
    Lane,
    st.sampled_from("xyz"),
    weight=st.integers(1, 5),
    interactive=st.booleans(),
    sequence=st.sampled_from([None, "a", "b"]),
)


@given(
    st.lists(LANES, max_size=40),
    st.lists(st.sampled_from(["take", "finish", "remove"]), max_size=120),
    st.randoms(use_true_random=False),
)
def test_whatever_happens_each_comes_once_and_sequences_stay_in_order(
    lanes: list[Lane], steps: list[str], chance: Random
) -> None:
    admission: FairQueue[int] = FairQueue()
    for number, lane in enumerate(lanes):
        admission.offer(lane, number)
    running: list[Ticket[int]] = []
    ended: list[int] = []
    removed: list[int] = []
    for step in [*steps, *["take", "finish"] * len(lanes)]:
        if step == "take" and (ticket := admission.take()) is not None:
            running.append(ticket)
            ended.append(ticket.item)
        elif step == "finish" and running:
            admission.finished(running.pop(chance.randrange(len(running))))
        elif step == "remove":
            removed += admission.remove(lambda item: item % 7 == 3)
    assert sorted(ended + removed) == list(range(len(lanes)))
    assert len(admission) == 0
    for key in {(lane.tenant, lane.sequence) for lane in lanes if lane.sequence}:
        ours = [n for n in ended if (lanes[n].tenant, lanes[n].sequence) == key]
        assert ours == sorted(ours)
