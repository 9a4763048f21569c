"""Paired shares: two candidates on the same cases, right or wrong.

Only the pairs on which they disagree say anything of the difference. McNemar's test asks whether
both are equally good, which a small sample never refutes; that a candidate isn't worse is shown by
an interval of the difference that stays above the margin. The interval is Tango's score interval
(Statistics in Medicine 17, 1998), which holds its level where few pairs disagree.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

_NORMAL: Final = NormalDist()
_HALVINGS: Final = 60


@dataclass(frozen=True, slots=True)
class PairCounts:
    """How often each of the two was right; the pairs that agree count in `pairs` alone."""

    pairs: int
    only_candidate: int
    only_baseline: int

    @property
    def difference(self) -> float:
        """The candidate's share less the baseline's; 0 of nothing."""
        return (self.only_candidate - self.only_baseline) / self.pairs if self.pairs else 0.0

    @property
    def discordance(self) -> float:
        """The share of pairs that disagree; 0 of nothing."""
        return (self.only_candidate + self.only_baseline) / self.pairs if self.pairs else 0.0


@dataclass(frozen=True, slots=True)
class DifferenceInterval:
    """The ends of an interval of a difference of shares, -1..1."""

    low: float
    high: float


def mcnemar_exact(counts: PairCounts) -> float:
    """Two-sided p of "equally good", by the binomial of the pairs that disagree; conservative."""
    number = counts.only_candidate + counts.only_baseline
    fewer = min(counts.only_candidate, counts.only_baseline)
    tail = sum(_binomial_half(each, number) for each in range(fewer + 1))
    return min(1.0, 2 * tail)


def mcnemar_mid_p(counts: PairCounts) -> float:
    """As `mcnemar_exact`, with half the weight of what was seen: it holds its level in practice."""
    number = counts.only_candidate + counts.only_baseline
    fewer = min(counts.only_candidate, counts.only_baseline)
    if counts.only_candidate == counts.only_baseline:
        return 1.0
    return mcnemar_exact(counts) - _binomial_half(fewer, number)


def difference_interval(counts: PairCounts, confidence: float) -> DifferenceInterval:
    """Tango's score interval of the difference; all of -1..1 of nothing."""
    if not counts.pairs:
        return DifferenceInterval(-1.0, 1.0)
    z, seen = _NORMAL.inv_cdf((1 + confidence) / 2), counts.difference
    low = _boundary(counts, inside=seen, outside=-1.0, z=z)
    high = _boundary(counts, inside=seen, outside=1.0, z=z)
    return DifferenceInterval(low, high)


def p_not_worse(counts: PairCounts, margin: float) -> float:
    """One-sided p of "the candidate is worse by the margin or more"."""
    return 1.0 if not counts.pairs else 1 - _NORMAL.cdf(_score(counts, -margin))


def p_worse(counts: PairCounts, margin: float) -> float:
    """One-sided p of "the candidate is worse by the margin at most"."""
    return 1.0 if not counts.pairs else _NORMAL.cdf(_score(counts, -margin))


def _boundary(counts: PairCounts, *, inside: float, outside: float, z: float) -> float:
    """Where the score passes z, between a difference that is inside and the end of the scale."""
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if abs(_score(counts, middle)) <= z:
            inside = middle
        else:
            outside = middle
    return inside


def _score(counts: PairCounts, difference: float) -> float:
    """How far what was seen lies from `difference`, in standard errors under it."""
    b, c, n = counts.only_candidate, counts.only_baseline, counts.pairs
    linear = -b - c + (2 * n - b + c) * difference
    constant = -c * difference * (1 - difference)
    # the likeliest share of pairs that the baseline alone gets right, if `difference` is true
    share = (math.sqrt(max(0.0, linear * linear - 8 * n * constant)) - linear) / (4 * n)
    variance = n * (2 * share + difference * (1 - difference))
    distance = b - c - n * difference
    if variance <= 0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def _binomial_half(successes: int, number: int) -> float:
    """Of `number` fair coins: the probability of so many heads."""
    ways = (
        math.lgamma(number + 1) - math.lgamma(successes + 1) - math.lgamma(number - successes + 1)
    )
    return math.exp(ways - number * math.log(2))
