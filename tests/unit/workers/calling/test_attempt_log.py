from hypothesis import given
from hypothesis import strategies as st

from producers.contract import Attempt
from workers.calling.attempt_log import AttemptLog

NAMES = st.lists(st.sampled_from("abc"), max_size=6)


def attempts(names: list[str], outcome: str = "ok") -> tuple[Attempt, ...]:
    return tuple(Attempt(deployment=name, outcome=outcome) for name in names)


@given(NAMES, NAMES, st.integers(0, 5))
def test_all_attempts_are_those_of_others_then_ours_in_the_order_of_their_ends(
    earlier: list[str], made: list[str], tries: int
) -> None:
    log = AttemptLog(attempts(earlier), tries)
    for attempt in attempts(made):
        log.record(attempt)
    assert [attempt.deployment for attempt in log.all] == earlier + made
    assert log.made == log.all[len(earlier) :]
    assert log.tries == tries + len(made)


@given(NAMES.filter(bool), st.data())
def test_one_of_equal_attempts_is_marked_and_what_was_read_before_stays_as_it_was(
    names: list[str], data: st.DataObject
) -> None:
    log, made = AttemptLog(), attempts(names)
    for attempt in made:
        log.record(attempt)
    before = log.made
    place = data.draw(st.integers(0, len(names) - 1))
    log.mark_inadequate(made[place])
    marked = ["inadequate" if n == place else "ok" for n in range(len(names))]
    assert [attempt.outcome for attempt in log.made] == marked
    assert [attempt.outcome for attempt in before] == ["ok"] * len(names)
    assert [attempt.outcome for attempt in made] == ["ok"] * len(names)


def test_in_another_tier_nothing_was_tried_and_everything_is_still_paid() -> None:
    log = AttemptLog(tries=2)
    log.record(*attempts(["a"]))
    log.change_tier()
    assert log.tries == 0
    log.record(*attempts(["b"]))
    assert (log.tries, len(log.made)) == (1, 2)
