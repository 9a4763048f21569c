"""Verdicts: is a candidate at most the margin worse than the baseline, better, or worse?

The pairs are cases that both were asked. With a look at the end alone, the interval is the score
interval at Holm's level; where the evaluation may stop at any look, it is a confidence sequence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from observability.evaluation.comparison.graded_answer import GradedAnswer
from observability.evaluation.results.evaluation_result import EvaluationVerdict, VerdictOutcome
from observability.evaluation.statistics.bootstrap import clustered_difference, ratio_interval
from observability.evaluation.statistics.multiple_candidates import holm_levels
from observability.evaluation.statistics.paired_shares import (
    DifferenceInterval,
    PairCounts,
    difference_interval,
    mcnemar_mid_p,
    p_not_worse,
    p_worse,
)
from observability.evaluation.statistics.sample_size import cases_not_worse
from observability.evaluation.statistics.sequential_test import confidence_sequence

ALPHA: Final = 0.025
"""The chance of a false verdict in one direction, of all candidates together."""
_LEAST_DISCORDANCE: Final = 0.01
_NEAREST: Final = 4
_FEW_GROUPS: Final = 30
"""Below so many, drawing them again and again tells too little of their spread."""


@dataclass(frozen=True, slots=True)
class VerdictRules:
    """What was declared before the run."""

    baseline: str
    margin: float
    sequential: bool
    """Whether the evaluation may stop at any look."""
    candidates: int = 1
    """That are held against the baseline, those that are settled already included."""
    seed: int = 0
    believed: bool = True
    """Whether the metric can be believed; a judge that contradicts itself can't."""


@dataclass(frozen=True, slots=True)
class _Pairs:
    candidate: str
    pairs: Sequence[tuple[GradedAnswer, GradedAnswer]]
    """(the candidate's, the baseline's)"""

    @property
    def counts(self) -> PairCounts:
        points = self.points
        return PairCounts(len(points), points.count(1), points.count(-1))

    @property
    def groups(self) -> list[str]:
        """Of each pair: cases of one group aren't independent."""
        return [mine.case.group or mine.case.id for mine, _ in self.pairs]

    @property
    def independent_counts(self) -> PairCounts:
        """Of the first pair of each group."""
        firsts = dict(zip(reversed(self.groups), reversed(self.points), strict=True)).values()
        points = list(firsts)
        return PairCounts(len(points), points.count(1), points.count(-1))

    @property
    def points(self) -> list[int]:
        """Of each pair: 1 if the candidate alone was right, -1 if the baseline was, else 0."""
        return [
            int(mine.good) - int(theirs.good) if mine.preference is None else mine.preference
            for mine, theirs in self.pairs
        ]


def verdicts_of(
    answers: Sequence[GradedAnswer], rules: VerdictRules, task: str
) -> tuple[EvaluationVerdict, ...]:
    """Of each candidate but the baseline, in the order of their names."""
    by_candidate: dict[str, dict[str, GradedAnswer]] = {}
    for answer in answers:
        by_candidate.setdefault(answer.candidate, {})[answer.case.id] = answer
    baseline = by_candidate.pop(rules.baseline, {})
    compared = [
        _Pairs(name, _paired(mine, baseline)) for name, mine in sorted(by_candidate.items())
    ]
    levels = _levels(compared, rules)
    return tuple(
        _verdict(each, rules, task, level) for each, level in zip(compared, levels, strict=True)
    )


def _paired(
    mine: Mapping[str, GradedAnswer], baseline: Mapping[str, GradedAnswer]
) -> list[tuple[GradedAnswer, GradedAnswer]]:
    return [(answer, baseline[case]) for case, answer in mine.items() if case in baseline]


def _levels(compared: Sequence[_Pairs], rules: VerdictRules) -> tuple[float, ...]:
    """One-sided, of each candidate."""
    if rules.sequential:
        return (ALPHA / max(1, rules.candidates),) * len(compared)

    def decides(place: int, level: float) -> bool:
        interval = _interval(compared[place], rules, level)
        return verdict_outcome(interval, rules.margin) != "can't tell"

    all_counts = [each.counts for each in compared]
    p_values = [
        min(p_not_worse(each, rules.margin), p_worse(each, rules.margin)) for each in all_counts
    ]
    return holm_levels(p_values, decides, ALPHA)


def _verdict(each: _Pairs, rules: VerdictRules, task: str, level: float) -> EvaluationVerdict:
    counts = each.counts
    interval = _interval(each, rules, level)
    outcome = verdict_outcome(interval, rules.margin) if rules.believed else "can't tell"
    enough = _enough(counts, rules, level) if outcome == "can't tell" and rules.believed else None
    if outcome == "not worse" and not any(theirs.good for _, theirs in each.pairs):
        # as bad as what is never good: that speaks of the metric, or of failures
        outcome = "can't tell"
    ratio = _cost_ratio(each, rules)
    return EvaluationVerdict(
        candidate=each.candidate,
        baseline=rules.baseline,
        task=task,
        outcome=outcome,
        margin=rules.margin,
        pairs=counts.pairs,
        only_candidate=counts.only_candidate,
        only_baseline=counts.only_baseline,
        difference=counts.difference,
        low=interval.low,
        high=interval.high,
        confidence=1 - 2 * level,
        cost_ratio=ratio[0],
        cost_ratio_low=ratio[1],
        cost_ratio_high=ratio[2],
        p_equal=max(0.0, mcnemar_mid_p(counts)),
        cases_needed=enough,
    )


def _enough(counts: PairCounts, rules: VerdictRules, level: float) -> int:
    """Cases that would tell, by what was seen so far."""
    discordance = max(counts.discordance, _LEAST_DISCORDANCE)
    # as far from the margin as it looks now, but never hopelessly near
    distance = max(abs(rules.margin + counts.difference), rules.margin / _NEAREST)
    return max(cases_not_worse(discordance, distance, alpha=level), counts.pairs + 1)


def verdict_outcome(interval: DifferenceInterval, margin: float) -> VerdictOutcome:
    """What an interval of the difference says."""
    if interval.low > 0:
        return "better"
    if interval.low > -margin:
        return "not worse"
    return "worse" if interval.high < -margin else "can't tell"


def _interval(each: _Pairs, rules: VerdictRules, level: float) -> DifferenceInterval:
    """The widest that the cases ask for: those of one group aren't independent."""
    confidence = 1 - 2 * level
    if rules.sequential:
        interval, seen = confidence_sequence(each.independent_counts, confidence), each.counts
        low, high = min(interval.low, seen.difference), max(interval.high, seen.difference)
        return DifferenceInterval(low, high)
    interval, groups = difference_interval(each.counts, confidence), each.groups
    number = len(set(groups))
    if number == len(groups):
        return interval
    if number < _FEW_GROUPS:
        other = difference_interval(each.independent_counts, confidence)
    else:
        generator = np.random.default_rng(rules.seed)
        other = clustered_difference(each.points, groups, generator, level)
    return DifferenceInterval(min(interval.low, other.low), max(interval.high, other.high))


def _cost_ratio(
    each: _Pairs, rules: VerdictRules
) -> tuple[float | None, float | None, float | None]:
    costs = [
        (float(mine.call.cost_micro_usd), float(theirs.call.cost_micro_usd))
        for mine, theirs in each.pairs
        if mine.call.cost_micro_usd is not None and theirs.call.cost_micro_usd is not None
    ]
    paid = sum(theirs for _, theirs in costs)
    if len(costs) < len(each.pairs) or not paid:
        return None, None, None
    mine_all, theirs_all = zip(*costs, strict=True)
    low, high = ratio_interval(mine_all, theirs_all, np.random.default_rng(rules.seed))
    return sum(mine_all) / paid, low, high
