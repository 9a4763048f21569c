"""Rater agreement: how far is a judge to be believed, held against labels by hand?

Raw agreement flatters: of answers that are right in 91 of 100, two raters who toss coins with that
bias agree on 84. Cohen's kappa (1960) is what is left of agreement beyond chance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Literal, TypeAlias

import numpy as np

_NORMAL: Final = NormalDist()
USABLE: Final = 0.4
"""Kappa below which a judge isn't used."""
TRUSTED: Final = 0.6
"""Kappa from which on its verdicts count, corrected by the labels."""
LEAST_LABELS: Final = 100

JudgeStanding: TypeAlias = Literal["trusted", "for ranking only", "not usable", "unknown"]


@dataclass(frozen=True, slots=True)
class RaterAgreement:
    """Of two raters who called the same answers good or not."""

    labels: int
    agreement: float
    """The share of labels that agree, chance included."""
    kappa: float
    low: float
    high: float

    @property
    def standing(self) -> JudgeStanding:
        """What the judge may be used for."""
        if self.labels < LEAST_LABELS:
            return "unknown"
        if self.kappa < USABLE:
            return "not usable"
        return "trusted" if self.kappa > TRUSTED else "for ranking only"


@dataclass(frozen=True, slots=True)
class CorrectedMean:
    """A mean with the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


def rater_agreement(pairs: Sequence[tuple[bool, bool]]) -> RaterAgreement:
    """Of (judge, person) about each answer; its interval has 95 %."""
    number = len(pairs)
    if not number:
        return RaterAgreement(0, 0.0, 0.0, -1.0, 1.0)
    seen = sum(judge == person for judge, person in pairs) / number
    judged = sum(judge for judge, _ in pairs) / number
    labelled = sum(person for _, person in pairs) / number
    chance = judged * labelled + (1 - judged) * (1 - labelled)
    if chance >= 1:
        return RaterAgreement(number, seen, 0.0, -1.0, 1.0)
    kappa = (seen - chance) / (1 - chance)
    error = math.sqrt(seen * (1 - seen) / number) / (1 - chance)
    reach = _NORMAL.inv_cdf(0.975) * error
    return RaterAgreement(number, seen, kappa, max(-1.0, kappa - reach), min(1.0, kappa + reach))


def prediction_powered_mean(
    judged: Sequence[float], labelled: Sequence[tuple[float, float]]
) -> CorrectedMean:
    """The mean that people would find, by a judge of all cases and people of some.

    judged: the judge's figure for each case without a label. labelled: (judge, person) of the
    others, a random part of the same cases, at least two. The judge counts with the weight that
    makes the interval narrowest (PPI++, Angelopoulos and others, 2023), which is 0 for a useless
    one. Raises ValueError for fewer than two labels.
    """
    if len(labelled) < 2:  # noqa: PLR2004 a variance needs two
        raise ValueError("at least two labelled cases are needed")
    by_judge = np.array([judge for judge, _ in labelled], dtype=float)
    by_person = np.array([person for _, person in labelled], dtype=float)
    others = np.array(judged, dtype=float)
    if len(others) < 2:  # noqa: PLR2004 as above: nothing to correct
        weight, mean, variance = 0.0, 0.0, 0.0
    else:
        covariance = float(np.cov(by_judge, by_person)[0, 1])
        spread = float(np.concatenate([by_judge, others]).var(ddof=1))
        share = len(labelled) / len(others)
        weight = 0.0 if spread == 0 else min(1.0, max(0.0, covariance / ((1 + share) * spread)))
        mean = weight * float(others.mean())
        variance = weight * weight * float(others.var(ddof=1)) / len(others)
    rest = by_person - weight * by_judge
    mean += float(rest.mean())
    reach = _NORMAL.inv_cdf(0.975) * math.sqrt(variance + float(rest.var(ddof=1)) / len(rest))
    return CorrectedMean(mean, mean - reach, mean + reach)
