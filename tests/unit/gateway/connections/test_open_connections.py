from hypothesis import given
from hypothesis import strategies as st

from gateway.connections.open_connections import OpenConnections

MOST, MOST_BYTES = 4, 100


class Caller:
    def __init__(self) -> None:
        self.evicted = self.is_whole = False

    def evict(self) -> None:
        assert not self.is_whole
        self.evicted = True


STEPS = st.lists(
    st.tuples(st.sampled_from(["opened", "received", "whole", "answered", "closed"]),
              st.integers(0, 9), st.integers(0, 60))
)  # fmt: skip


@given(STEPS)
def test_whatever_callers_do_there_are_never_too_many(steps: list[tuple[str, int, int]]) -> None:
    connections, callers = OpenConnections(MOST, MOST_BYTES), [Caller() for _ in range(10)]
    for step, number, size in steps:
        caller = callers[number]
        if step == "opened":
            caller = callers[number] = Caller()
            connections.opened(caller)
        elif step == "received":
            connections.received(caller, size)
        else:
            caller.is_whole = step == "whole"
            getattr(connections, step)(caller)
        assert len(connections) <= MOST
        assert 0 <= connections.pending_bytes <= MOST_BYTES


def test_the_one_that_has_waited_longest_goes() -> None:
    connections, callers = OpenConnections(3, MOST_BYTES), [Caller() for _ in range(5)]
    for caller in callers[:3]:
        connections.opened(caller)
    connections.whole(callers[0])
    connections.answered(callers[1])
    connections.opened(callers[3])
    assert [caller.evicted for caller in callers[:4]] == [False, False, True, False]
    connections.opened(callers[4])
    assert [caller.evicted for caller in callers] == [False, True, True, False, False]


def test_where_all_are_served_the_newest_goes() -> None:
    connections, callers = OpenConnections(2, MOST_BYTES), [Caller() for _ in range(3)]
    for caller in callers:
        connections.opened(caller)
        connections.whole(caller)
    assert [caller.evicted for caller in callers] == [False, False, True]
