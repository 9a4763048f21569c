import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.promise.observations import (
    MAX_OBSERVATIONS,
    Observation,
    decode_record,
    encode_record,
    posterior_score,
    sample_chance,
    shadow_chance,
)


def test_what_was_observed_shifts_the_verifier() -> None:
    right, wrong = Observation(0.8, right=True), Observation(0.9, right=False)
    assert posterior_score(0.85, []) == pytest.approx(0.85)
    assert posterior_score(0.85, [right] * 6) > 0.9
    assert posterior_score(0.85, [wrong] * 2) < 0.7


def test_only_monotone_evidence_counts() -> None:
    right_above = Observation(0.95, right=True)
    wrong_below = Observation(0.6, right=False)
    assert posterior_score(0.8, [right_above, wrong_below]) == pytest.approx(0.8)


@settings(deadline=None)
@given(st.floats(0, 1), st.lists(st.builds(Observation, st.floats(0, 1), right=st.booleans())))
def test_it_stays_a_probability(score: float, record: list[Observation]) -> None:
    assert 0 <= posterior_score(score, record) <= 1


def test_an_unknown_entry_is_checked_more_often() -> None:
    known = [Observation(0.9, right=True)] * 30
    assert shadow_chance(0.02, []) > 0.02 > shadow_chance(0.02, known)
    assert shadow_chance(1, []) == 1


def test_what_is_proven_is_checked_less_and_what_is_closed_more() -> None:
    assert sample_chance(0.02, "kept") < sample_chance(0.02, "unproven") == 0.02
    assert sample_chance(0.02, "closed") == pytest.approx(0.2)
    assert {sample_chance(1, status) for status in ("kept", "unproven", "closed")} == {1}
    assert {sample_chance(0, status) for status in ("kept", "unproven", "closed")} == {0}


def test_damaged_records_are_new_ones() -> None:
    assert decode_record("+x") == decode_record(None) == ()


def test_a_record_keeps_the_latest() -> None:
    record = [Observation(round(at / 100, 4), right=at % 2 == 0) for at in range(40)]
    assert list(decode_record(encode_record(record))) == record[-MAX_OBSERVATIONS:]
