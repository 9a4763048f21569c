from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from runtime.limits import REMEMBERED_ENDINGS
from workers.delivery.claims import FinalRecords
from workers.delivery.known_endings import KnownEndings
from workers.delivery.request_identity import Identity

KEEP_S = 60.0
SMALL = FinalRecords(b"reply", b"usage")
FIRST = Identity("key", "fingerprint")
SECOND = Identity("another key", "fingerprint")
HALF = FinalRecords(b"x" * 5_000, b"")


def endings(most_recorded: int = 100_000, most_owed: int = 100_000) -> KnownEndings:
    return KnownEndings(KEEP_S, most_recorded, most_owed)


def test_an_ending_is_known_for_as_long_as_redis_would_keep_it() -> None:
    for add in (KnownEndings.add_recorded, KnownEndings.add_owed):
        known = endings()
        add(known, FIRST, SMALL, 100.0)
        assert known.find(FIRST, 100.0 + KEEP_S - 1) == SMALL
        assert known.find(FIRST, 100.0 + KEEP_S) is None
        assert known.find(SECOND, 100.0) is None


def test_another_request_under_the_same_id_is_not_answered_with_it() -> None:
    known = endings()
    known.add_recorded(FIRST, SMALL, 0)
    assert known.find(replace(FIRST, fingerprint="another"), 0) is None


def test_a_failure_after_which_it_may_run_again_is_not_remembered() -> None:
    known, failed = endings(), replace(SMALL, retryable=True)
    known.add_recorded(FIRST, failed, 0)
    known.add_owed(SECOND, failed, 0)
    assert known.find(FIRST, 0) is None
    assert known.find(SECOND, 0) is None
    assert not known.owed_keys


def test_of_two_endings_that_redis_is_owed_the_first_counts() -> None:
    known = endings()
    known.add_owed(FIRST, SMALL, 0)
    known.add_owed(FIRST, HALF, 1)
    assert known.find(FIRST, 1) == SMALL


def test_what_is_settled_is_known_still_and_what_is_forgotten_isnt() -> None:
    known = endings()
    for identity in (FIRST, SECOND):
        known.add_owed(identity, SMALL, 0)
    known.settle(FIRST.key)
    known.forget(SECOND.key)
    known.settle("a key that nobody knows")
    assert not known.owed_keys
    assert known.owed(FIRST.key) is None
    assert known.find(FIRST, 1) == SMALL
    assert known.find(SECOND, 1) is None


def test_a_recorded_ending_takes_the_place_of_one_that_was_owed() -> None:
    known = endings()
    known.add_owed(FIRST, SMALL, 0)
    known.add_recorded(FIRST, HALF, 1)
    assert not known.owed_keys
    assert known.find(FIRST, 1) == HALF


def test_what_is_recorded_pushes_out_nothing_that_is_owed() -> None:
    known = endings(most_recorded=10_000)
    known.add_owed(FIRST, HALF, 0)
    for number in range(10):
        known.add_recorded(replace(FIRST, key=f"{number}"), HALF, 0)
    assert known.find(FIRST, 1) == HALF
    assert known.find(replace(FIRST, key="9"), 1) == HALF
    assert known.find(replace(FIRST, key="8"), 1) is None


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 4_000), st.booleans()), max_size=60))
def test_what_is_known_is_the_latest_within_the_bound(added: list[tuple[int, int, bool]]) -> None:
    most = 12_000
    known = endings(most_recorded=most, most_owed=most)
    for number, size, is_owed in added:
        add = known.add_owed if is_owed else known.add_recorded
        add(replace(FIRST, key=f"{number}"), FinalRecords(b"x" * size, b""), 0)
    found = [known.find(replace(FIRST, key=f"{number}"), 0) for number in range(21)]
    assert sum(ending.size for ending in found if ending is not None) <= 2 * most
    if added:
        assert known.find(replace(FIRST, key=f"{added[-1][0]}"), 0) is not None


def test_the_bound_holds_eight_thousand_small_endings_and_not_nine() -> None:
    known = endings(most_recorded=REMEMBERED_ENDINGS.value)
    for number in range(9_000):
        known.add_recorded(replace(FIRST, key=f"{number:04}"), SMALL, 0)
    assert known.find(replace(FIRST, key="0000"), 0) is None
    assert known.find(replace(FIRST, key="0999"), 0) == SMALL
