import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from cache.semantic.error_bound import (
    MAX_LEVEL,
    MAX_OBSERVATIONS,
    ErrorBound,
    Observation,
    clopper_pearson,
    decode_error_bound,
    decode_record,
    encode_error_bound,
    encode_record,
    posterior_score,
    shadow_chance,
)


@pytest.mark.parametrize(
    ("wrong", "checked", "least", "most"),
    [(0, 0, 0, 1), (0, 100, 0, 0.02951), (5, 100, 0.01991, 0.10225), (20, 20, 0.86089, 1)],
)
def test_bounds_are_those_of_clopper_and_pearson(
    wrong: int, checked: int, least: float, most: float
) -> None:
    assert clopper_pearson(wrong, checked) == pytest.approx((least, most), abs=1e-4)


@settings(deadline=None)
@given(st.integers(1, 300), st.data())
def test_bounds_enclose_the_share(checked: int, data: st.DataObject) -> None:
    wrong = data.draw(st.integers(0, checked))
    least, most = clopper_pearson(wrong, checked)
    assert 0 <= least <= wrong / checked <= most <= 1


def test_a_broken_promise_halves_the_target_until_it_is_off() -> None:
    promise, limit = ErrorBound(), 0.05
    for level in range(1, MAX_LEVEL + 2):
        while promise.level < level:
            promise = promise.with_observation(right=False, limit=limit)
        assert promise.target(0.08) == 0.08 / 2**level
    assert promise.is_off
    assert promise.status(limit) == "off"


def test_a_kept_promise_needs_proof() -> None:
    promise = ErrorBound()
    assert promise.status(0.05) == "unproven"
    for _ in range(60):
        promise = promise.with_observation(right=True, limit=0.05)
    assert promise.status(0.05) == "kept"
    assert promise.level == 0


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


@settings(deadline=None)
@given(st.integers(0, 9), st.integers(0, 999), st.integers(0, 999))
def test_a_promise_is_read_back(level: int, checked: int, wrong: int) -> None:
    promise = ErrorBound(level, checked, min(wrong, checked))
    assert decode_error_bound(encode_error_bound(promise)) == promise


def test_damaged_records_are_new_ones() -> None:
    assert decode_error_bound("x") == decode_error_bound(None) == ErrorBound()
    assert decode_record("+x") == decode_record(None) == ()


def test_a_record_keeps_the_latest() -> None:
    record = [Observation(round(at / 100, 4), right=at % 2 == 0) for at in range(40)]
    assert list(decode_record(encode_record(record))) == record[-MAX_OBSERVATIONS:]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 400), st.sampled_from([0.9, 0.95, 0.99]), st.data())
def test_bounds_are_those_of_scipy(checked: int, confidence: float, data: st.DataObject) -> None:
    wrong = data.draw(st.integers(0, checked))
    # an interval of two sides leaves half of what it leaves out on either side
    exact = binomtest(wrong, checked).proportion_ci(2 * confidence - 1, method="exact")
    assert clopper_pearson(wrong, checked, confidence) == pytest.approx(tuple(exact), abs=1e-8)
