"""Sequential test: may one look at a running evaluation after every case, and stop?

A test made for one look gives a fifth of false verdicts when it is looked at twenty times. An
e-value may be looked at whenever one likes: it is what a gambler has made of 1 by betting on each
pair against the null hypothesis, and under it the chance that he ever owns 1/alpha is at most alpha
(Ville). The bets here are a mixture over a grid of stakes (Waudby-Smith and Ramdas, 2024), so an
e-value depends on three counts alone. A confidence sequence holds all differences not yet refuted.
"""

import math
from collections.abc import Callable
from typing import Final

from observability.evaluation.statistics.paired_shares import DifferenceInterval, PairCounts

_STAKES: Final = tuple(0.004 * 1.25**step for step in range(25))
"""Shares of the largest stake that can't ruin the gambler, 0.004 to 0.85."""
_HALVINGS: Final = 40
_LEAST: Final = 1e-9


def log_e_above(counts: PairCounts, difference: float) -> float:
    """The natural logarithm of the e-value against "the difference is at most `difference`"."""
    return _log_wealth(counts.only_candidate, counts.only_baseline, counts.pairs, difference)


def log_e_below(counts: PairCounts, difference: float) -> float:
    """The natural logarithm of the e-value against "the difference is at least `difference`"."""
    return _log_wealth(counts.only_baseline, counts.only_candidate, counts.pairs, -difference)


def confidence_sequence(counts: PairCounts, confidence: float) -> DifferenceInterval:
    """The differences not refuted so far; holds at all looks together with this confidence."""
    threshold = math.log(2 / (1 - confidence))
    seen = counts.difference
    low = _refuted_until(lambda at: log_e_above(counts, at) >= threshold, seen, -1.0)
    high = _refuted_until(lambda at: log_e_below(counts, at) >= threshold, seen, 1.0)
    return DifferenceInterval(low, high)


def _refuted_until(is_refuted: Callable[[float], bool], inside: float, outside: float) -> float:
    """The boundary between what isn't refuted and what is; evidence grows with the distance."""
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if is_refuted(middle):
            outside = middle
        else:
            inside = middle
    return outside


def _log_wealth(gains: int, losses: int, pairs: int, difference: float) -> float:
    """Of stakes on each pair's outcome (1, -1 or 0) less `difference`."""
    most = 1 / max(1 + difference, _LEAST)
    ties = pairs - gains - losses
    logs = [
        gains * math.log1p(stake * (1 - difference))
        + losses * math.log1p(stake * (-1 - difference))
        + ties * math.log1p(-stake * difference)
        for stake in (share * most for share in _STAKES)
    ]
    highest = max(logs)
    return highest + math.log(sum(math.exp(each - highest) for each in logs) / len(logs))
