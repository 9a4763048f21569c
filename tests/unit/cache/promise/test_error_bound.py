import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from cache.promise.error_bound import (
    MAX_LEVEL,
    BoundRules,
    ComparisonError,
    ErrorBound,
    clopper_pearson,
    corrected_share,
)

RULES = BoundRules(limit=0.05, max_level=MAX_LEVEL)
RIGHT, WRONG = [True], [False]


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


def observed(bound: ErrorBound, *rights: bool, rules: BoundRules = RULES) -> ErrorBound:
    for right in rights:
        bound = bound.with_observation(right=right, rules=rules)
    return bound


def test_a_broken_promise_halves_the_target_until_the_step_is_closed() -> None:
    bound = ErrorBound()
    for level in range(1, MAX_LEVEL + 1):
        while bound.level < level:
            bound = observed(bound, *WRONG)
        assert bound.target(0.08) == 0.08 / 2**level
    bound = observed(bound, *WRONG * 2)
    assert (bound.is_closed, bound.level) == (True, MAX_LEVEL)
    assert bound.status(RULES) == "closed"


def test_a_step_without_a_target_closes_at_once_but_not_for_one_wrong_hit() -> None:
    plain = BoundRules(limit=0.01)
    assert not observed(ErrorBound(), *WRONG, rules=plain).is_closed
    assert observed(ErrorBound(), *WRONG * 2, rules=plain).is_closed


def test_a_closed_step_opens_at_its_strictest_when_its_would_be_hits_are_right() -> None:
    closed = ErrorBound(MAX_LEVEL, is_closed=True)
    assert observed(closed, *RIGHT * 57).is_closed
    assert observed(closed, *RIGHT * 60) == ErrorBound(MAX_LEVEL, 1)
    assert observed(closed, *RIGHT * 30, *WRONG, *RIGHT * 50).is_closed


def test_a_strict_step_gets_looser_when_it_has_proved_itself() -> None:
    assert observed(ErrorBound(level=2), *RIGHT * 59).level == 1


def test_a_kept_promise_needs_proof() -> None:
    assert ErrorBound().status(RULES) == "unproven"
    proven = observed(ErrorBound(), *RIGHT * 60)
    assert (proven.status(RULES), proven.level) == ("kept", 0)


def test_old_observations_fade_so_that_a_change_shows() -> None:
    bound = observed(ErrorBound(), *RIGHT * 1000)
    assert bound.checked < 401
    bound = observed(bound, *WRONG * 40)
    assert bound.level > 0


def test_reports_are_held_against_all_hits_and_prove_nothing_good() -> None:
    bound = ErrorBound()
    for _ in range(5):
        bound = bound.with_report(RULES, hits=1000)
    assert (bound.level, bound.reported, bound.status(RULES)) == (0, 5, "unproven")
    few = ErrorBound(hits_before=990)
    for _ in range(3):
        few = few.with_report(RULES, hits=1000)
    assert few.level == 1
    assert few.hits_before == 1000


def test_the_comparisons_own_error_enters_the_bound() -> None:
    error = ComparisonError(false_alarm=(0.02, 0.08), miss=(0.1, 0.3))
    lowest, highest = corrected_share((0.10, 0.20), error)
    assert lowest == pytest.approx((0.10 - 0.08) / (1 - 0.08 - 0.1))
    assert highest == pytest.approx((0.20 - 0.02) / (1 - 0.02 - 0.3))
    assert corrected_share((0.0, 0.01), error) == (0.0, 0.0)
    useless = ComparisonError(false_alarm=(0.5, 0.6), miss=(0.5, 0.6))
    assert corrected_share((0.1, 0.2), useless) == (1.0, 1.0)


@settings(deadline=None)
@given(st.integers(0, 80), st.data())
def test_an_erring_comparison_never_narrows_what_is_known(
    checked: int, data: st.DataObject
) -> None:
    wrong = data.draw(st.integers(0, checked))
    plain, erring = clopper_pearson(wrong, checked), ComparisonError((0.0, 0.1), (0.0, 0.4))
    lowest, highest = corrected_share(plain, erring)
    assert lowest <= plain[0] + 1e-12
    assert highest >= plain[1] - 1e-12


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 400), st.sampled_from([0.9, 0.95, 0.99]), st.data())
def test_bounds_are_those_of_scipy(checked: int, confidence: float, data: st.DataObject) -> None:
    wrong = data.draw(st.integers(0, checked))
    # an interval of two sides leaves half of what it leaves out on either side
    exact = binomtest(wrong, checked).proportion_ci(2 * confidence - 1, method="exact")
    assert clopper_pearson(wrong, checked, confidence) == pytest.approx(tuple(exact), abs=1e-8)
