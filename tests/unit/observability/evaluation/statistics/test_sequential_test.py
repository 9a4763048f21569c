import math

import numpy as np
import pytest

from observability.evaluation.statistics.paired_shares import PairCounts, difference_interval
from observability.evaluation.statistics.sequential_test import (
    confidence_sequence,
    log_e_above,
    log_e_below,
)

ALPHA = 0.05
RUNS = 150
CASES = 600


def ever(true: float, disagree: float, against: float, *, above: bool) -> float:
    """The share of evaluations in which a look after any ten cases would have given a verdict."""
    chance, verdicts = np.random.default_rng(7), 0
    test = log_e_above if above else log_e_below
    shares = [(disagree + true) / 2, (disagree - true) / 2, 1 - disagree]
    for _ in range(RUNS):
        drawn = chance.choice([1, -1, 0], size=CASES, p=shares)
        for looked in range(10, CASES + 1, 10):
            seen = drawn[:looked]
            counts = PairCounts(looked, int((seen == 1).sum()), int((seen == -1).sum()))
            if test(counts, against) >= math.log(1 / ALPHA):
                verdicts += 1
                break
    return verdicts / RUNS


def test_sixty_looks_keep_the_error_rate() -> None:
    assert ever(-0.05, 0.15, -0.05, above=True) <= ALPHA
    assert ever(0.0, 0.15, 0.0, above=False) <= ALPHA


def test_what_is_true_is_seen() -> None:
    assert ever(0.0, 0.05, -0.05, above=True) > 0.9
    assert ever(-0.15, 0.2, -0.05, above=False) > 0.9


def test_looking_always_costs_a_wider_interval() -> None:
    counts = PairCounts(1000, 25, 25)
    once, always = difference_interval(counts, 0.95), confidence_sequence(counts, 0.95)
    assert always.low < once.low < 0 < once.high < always.high


def test_of_nothing_everything_is_possible() -> None:
    interval = confidence_sequence(PairCounts(0, 0, 0), 0.95)
    assert (interval.low, interval.high) == pytest.approx((-1, 1))
    assert log_e_above(PairCounts(0, 0, 0), 0.0) == pytest.approx(0)


def test_the_extremes_are_numbers() -> None:
    for counts in (PairCounts(10**6, 0, 10**6), PairCounts(10**6, 10**6, 0)):
        interval = confidence_sequence(counts, 0.95)
        assert -1 <= interval.low < interval.high <= 1
