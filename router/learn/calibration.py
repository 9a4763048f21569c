"""Calibration of success estimates: how do the rates that came compare with those promised?

A straight line in logits (Platt scaling) over all outcomes of a tenant at a tier, and a shift for
each task. The line is pulled towards `_SLOPE`, because over our recorded prompts text alone
separates good answers from bad ones that weakly. A task's shift is pulled towards none, by as much
as the tasks seen so far are alike (empirical Bayes).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from router.learn.estimate import logit, sigmoid

CENTRES: Final = tuple(-2 + 0.75 * number for number in range(10))
"""The logits of promised success that outcomes are counted at, from 12 % to 99 %."""

_STEP: Final = CENTRES[1] - CENTRES[0]
_LEVEL_SPREAD: Final = 2.0
_SLOPE, _SLOPE_SPREAD = 0.2, 0.2
_STEPS: Final = 8
_LONGEST_STEP: Final = 2.0
_LEAST_CAUTION, _MOST_CAUTION = 2.0, 200.0


@dataclass(frozen=True, slots=True)
class OutcomeEvidence:
    """Outcomes so far, older ones faded, in bins by what was promised (`CENTRES`)."""

    good_counts: tuple[float, ...] = (0.0,) * len(CENTRES)
    """Weight of the good outcomes, a bin each; a half-good one counts half."""

    counts: tuple[float, ...] = (0.0,) * len(CENTRES)
    """Weight of all outcomes, a bin each."""

    age: float = 0.0
    """Half-lives of fading up to now."""

    first_age: float = 0.0
    """`age` before the first outcome: a task that begins late starts at the age of its tier."""

    @property
    def total(self) -> float:
        """The weight of all outcomes."""
        return sum(self.counts)

    def with_outcome(
        self, share: float, promised: float, memory: int, weight: float = 1.0
    ) -> "OutcomeEvidence":
        """With one more outcome. share: how good it was, 0..1; memory: outcomes to half weight."""
        keep, place = 0.5 ** (weight / memory), _bin(promised)
        return replace(
            self,
            good_counts=_faded(self.good_counts, keep, place, share * weight),
            counts=_faded(self.counts, keep, place, weight),
            age=self.age + weight / memory,
        )

    def without_outcome(
        self, share: float, promised: float, weight: float, age: float
    ) -> "OutcomeEvidence":
        """With an outcome taken back, as far as it hasn't faded. age: ours after it was taken."""
        if age <= self.first_age:
            return self
        place = _bin(promised)
        count, good = self.counts[place], self.good_counts[place]
        # what is left of it by now; rounding must leave no more good outcomes than outcomes
        weight_left = min(count, weight * 0.5 ** (self.age - age))
        good_left = max(0.0, min(count - weight_left, good - share * weight_left))
        return replace(
            self,
            good_counts=_faded(self.good_counts, 1.0, place, good_left - good),
            counts=_faded(self.counts, 1.0, place, -weight_left),
        )


@dataclass(frozen=True, slots=True)
class CalibrationLine:
    """logit(success) = level + slope · logit(promised success)."""

    level: float
    slope: float

    def predict(self, promised_logit: float) -> float:
        """The logit of success."""
        return self.level + self.slope * promised_logit


def fit_line(evidence: OutcomeEvidence) -> CalibrationLine:
    """The likeliest line given the evidence and our caution, by Newton's method."""
    level, slope = 0.0, _SLOPE
    for _ in range(_STEPS):
        up, turn = _newton_step(evidence, level, slope)
        # bounded: far from the maximum a full step overshoots. A slope below 0 would turn the
        # ranking of prompts round.
        level += max(-_LONGEST_STEP, min(_LONGEST_STEP, up))
        slope = max(0.0, slope + max(-1.0, min(1.0, turn)))
    return CalibrationLine(level, slope)


@dataclass(frozen=True, slots=True)
class CalibrationFit:
    """What all outcomes of a tenant at a tier say."""

    line: CalibrationLine
    """Shared by all tasks."""

    caution: float
    """How many outcomes of a task count as much as the line."""

    def predict(self, promised: float, task: OutcomeEvidence | None) -> float:
        """The success rate to expect where `promised` was promised, at a task with outcomes."""
        centre = self.line.predict(logit(promised))
        return sigmoid(centre if task is None else centre + self.task_shift(task))

    def task_shift(self, task: OutcomeEvidence) -> float:
        """How much better (above 0) or worse a task does than the line says, in logits."""
        if not task.total:
            return 0.0
        expected = _expected(task, self.line)
        weighted = sum(task.good_counts) + self.caution * expected
        return logit(weighted / (task.total + self.caution)) - logit(expected)


def fit_calibration(
    everything: OutcomeEvidence, tasks: Iterable[OutcomeEvidence]
) -> CalibrationFit:
    """The line through `everything`, and the caution that `tasks` teach."""
    line = fit_line(everything)
    return CalibrationFit(line, _caution(line, tasks))


def _caution(line: CalibrationLine, tasks: Iterable[OutcomeEvidence]) -> float:
    """Noise within a task over the spread between tasks, by the method of moments."""
    # a task lies off the line by chance, p(1-p)/n, and by its own nature: what is left
    # of the squared distance once chance is taken off is the variance between tasks
    noise = spread_between = weight = 0.0
    for task in tasks:
        if not task.total:
            continue
        expected = _expected(task, line)
        own = expected * (1 - expected)
        excess = (sum(task.good_counts) / task.total - expected) ** 2 - own / task.total
        noise += task.total * own
        spread_between += task.total * excess
        weight += task.total
    if not weight or spread_between <= 0:
        return _MOST_CAUTION
    return max(_LEAST_CAUTION, min(_MOST_CAUTION, noise / spread_between))


def _expected(task: OutcomeEvidence, line: CalibrationLine) -> float:
    """The success rate that the line says of the task's prompts."""
    pairs = zip(CENTRES, task.counts, strict=True)
    return sum(count * sigmoid(line.predict(centre)) for centre, count in pairs) / task.total


def _newton_step(evidence: OutcomeEvidence, level: float, slope: float) -> tuple[float, float]:
    """The change of (level, slope) towards the maximum of the log posterior."""
    # the gradient, and the negated Hessian ((a, b), (b, c)), begin with those of the normal priors:
    # level around 0, slope around _SLOPE. The priors keep the determinant above 0.
    by_level = -level / _LEVEL_SPREAD**2
    by_slope = -(slope - _SLOPE) / _SLOPE_SPREAD**2
    a, b, c = 1 / _LEVEL_SPREAD**2, 0.0, 1 / _SLOPE_SPREAD**2
    for centre, good, count in zip(CENTRES, evidence.good_counts, evidence.counts, strict=True):
        # a bin is `count` Bernoulli trials: their residual and variance on the line as it is now
        expected = sigmoid(level + slope * centre)
        missing, weight = good - count * expected, count * expected * (1 - expected)
        by_level, by_slope = by_level + missing, by_slope + missing * centre
        a, b, c = a + weight, b + weight * centre, c + weight * centre**2
    # the inverse of the symmetric matrix, times the gradient
    scale = a * c - b * b
    return (c * by_level - b * by_slope) / scale, (a * by_slope - b * by_level) / scale


def _bin(promised: float) -> int:
    return min(len(CENTRES) - 1, max(0, round((logit(promised) - CENTRES[0]) / _STEP)))


def _faded(counts: Sequence[float], keep: float, place: int, add: float) -> tuple[float, ...]:
    return tuple(
        count * keep + (add if number == place else 0.0) for number, count in enumerate(counts)
    )
