import numpy as np
import pytest
from scipy.stats import binomtest

from observability.evaluation.statistics.paired_shares import (
    PairCounts,
    difference_interval,
    mcnemar_exact,
    mcnemar_mid_p,
    p_not_worse,
    p_worse,
)


@pytest.mark.parametrize(
    ("candidate", "baseline", "exact", "mid"),
    [(10, 22, 0.0501, 0.0351), (1, 6, 0.125, 0.0703), (0, 0, 1, 1), (5, 5, 1, 1)],
)
def test_mcnemar(candidate: int, baseline: int, exact: float, mid: float) -> None:
    counts = PairCounts(1000, candidate, baseline)
    assert mcnemar_exact(counts) == pytest.approx(exact, abs=1e-4)
    assert mcnemar_mid_p(counts) == pytest.approx(mid, abs=1e-4)


def test_the_exact_test_is_scipys() -> None:
    for candidate, baseline in [(0, 3), (7, 9), (40, 71), (300, 260)]:
        counts = PairCounts(2000, candidate, baseline)
        expected = binomtest(candidate, candidate + baseline).pvalue
        assert mcnemar_exact(counts) == pytest.approx(expected, rel=1e-9)


def test_no_disagreement_in_150_cases_doesnt_prove_equality() -> None:
    interval = difference_interval(PairCounts(150, 0, 0), 0.95)
    assert interval.high == pytest.approx(0.025, abs=0.0005)
    assert interval.low == pytest.approx(-0.025, abs=0.0005)


def test_a_thousand_cases_settle_two_points_only_where_few_disagree() -> None:
    few, many = PairCounts(1000, 24, 25), PairCounts(1000, 50, 50)
    assert difference_interval(few, 0.95).low > -0.02
    assert difference_interval(PairCounts(1000, 49, 51), 0.95).low < -0.02
    assert p_not_worse(few, 0.02) < 0.025
    assert p_worse(many, 0.0) == pytest.approx(0.5)


def test_the_interval_covers_what_is_true() -> None:
    chance, covered = np.random.default_rng(3), 0
    for _ in range(400):
        drawn = chance.choice([1, -1, 0], size=300, p=[0.02, 0.04, 0.94])
        counts = PairCounts(300, int((drawn == 1).sum()), int((drawn == -1).sum()))
        interval = difference_interval(counts, 0.95)
        covered += interval.low <= -0.02 <= interval.high
    assert 0.92 <= covered / 400 <= 0.98


def test_of_nothing_everything_is_possible() -> None:
    interval = difference_interval(PairCounts(0, 0, 0), 0.95)
    assert (interval.low, interval.high) == (-1, 1)
    assert p_not_worse(PairCounts(0, 0, 0), 0.02) == p_worse(PairCounts(0, 0, 0), 0.02) == 1
