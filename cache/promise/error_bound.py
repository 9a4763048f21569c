"""Error bound: Clopper-Pearson interval of a step's wrong hits. Is the promise broken?

A sample of the hits also calls the model and compares the answers: observations. For one step in
one language, of one group of requests (a tenant's model class or named scope), they bound the share
of wrong hits, after Clopper and Pearson (1934). The comparison errs itself; how often was measured
on labelled answers, and enters the bound by Rogan and Gladen's correction (1978), always at the end
of its own interval that is worse for what is claimed.

When even the lower end exceeds the operator's limit the step gets stricter: the semantic step's
target is halved, and at its end, or at once for the steps that have none, it closes. A closed step
serves nothing, but its would-be hits are still compared with the answers that are then bought. As
soon as the upper end keeps the limit, a closed step opens at its strictest, and a strict one gets
one degree looser.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal, TypeAlias

CONFIDENCE: Final = 0.95
MAX_LEVEL: Final = 4
"""Halvings of the target after which one more closes the semantic step."""
LEAST_WRONG: Final = 2
"""Wrong hits before a step gets stricter: one may be the comparison's mistake."""
WINDOW: Final = 400
"""Observations after which old ones count half, so that a change shows within weeks."""
_BISECTIONS: Final = 50
"""Steps until the interval's ends are exact to a double's precision."""
_NEGLIGIBLE: Final = 1e-18
"""What a sum of probabilities doesn't show."""

BoundStatus: TypeAlias = Literal["kept", "unproven", "closed"]
ShareInterval: TypeAlias = tuple[float, float]
"""The two ends of an interval, 0..1."""


@dataclass(frozen=True, slots=True)
class ComparisonError:
    """How often a comparison of answers errs, as intervals."""

    false_alarm: ShareInterval = (0.0, 0.0)
    """Share of the pairs that say the same which it calls different."""
    miss: ShareInterval = (0.0, 0.0)
    """Share of the pairs that differ which it calls the same."""


EXACT_COMPARISON: Final = ComparisonError()
"""One that never errs."""


@dataclass(frozen=True, slots=True)
class BoundRules:
    """What a step is held to."""

    limit: float
    """The greatest share of wrong hits that is promised."""
    error: ComparisonError = EXACT_COMPARISON
    max_level: int = 0
    """How often the step can be made stricter before it closes; 0: it has no strictness."""


@dataclass(frozen=True, slots=True)
class ErrorBound:
    """A step's observations at its present strictness."""

    level: int = 0
    """How often the target was halved."""
    checked: int = 0
    """Hits compared with the model since then."""
    wrong: int = 0
    reported: int = 0
    """Hits that people said were wrong since then."""
    hits_before: int = 0
    """The step's count of hits when this strictness began."""
    is_closed: bool = False

    def target(self, configured: float) -> float:
        """The target in force, for the one that the operator configured."""
        return configured / (1 << self.level)

    def with_observation(self, *, right: bool, rules: BoundRules, hits: int = 0) -> "ErrorBound":
        """After one more comparison. hits: the step's count of hits until now."""
        checked, wrong = self.checked, self.wrong
        if checked >= WINDOW:
            checked, wrong = checked // 2, wrong // 2
        after = replace(self, checked=checked + 1, wrong=wrong + (not right))
        return _judged(after, rules, hits)

    def with_report(self, rules: BoundRules, hits: int) -> "ErrorBound":
        """After somebody said that a hit was wrong. hits: the step's count of hits until now.

        Reports tell of wrong hits alone, and not of all: so they are held against all hits, and can
        prove that the promise is broken, never that it is kept.
        """
        return _judged(replace(self, reported=self.reported + 1), rules, hits)

    def status(self, rules: BoundRules) -> BoundStatus:
        """What the observations allow to say of the promise."""
        if self.is_closed:
            return "closed"
        return "kept" if self.wrong_share(rules.error)[1] <= rules.limit else "unproven"

    def wrong_share(self, error: ComparisonError) -> ShareInterval:
        """Between which shares the hits are wrong, the comparison's own error included."""
        return corrected_share(clopper_pearson(self.wrong, self.checked), error)


def _judged(bound: ErrorBound, rules: BoundRules, hits: int) -> ErrorBound:
    lowest, highest = bound.wrong_share(rules.error)
    if bound.is_closed:
        is_proven = highest <= rules.limit
        return ErrorBound(rules.max_level, hits_before=hits) if is_proven else bound
    served = max(bound.reported, hits - bound.hits_before)
    reported, _ = clopper_pearson(bound.reported, served)
    is_broken = (bound.wrong >= LEAST_WRONG and lowest > rules.limit) or (
        bound.reported >= LEAST_WRONG and reported > rules.limit
    )
    if is_broken and bound.level >= rules.max_level:
        return ErrorBound(bound.level, hits_before=hits, is_closed=True)
    if is_broken:
        return ErrorBound(bound.level + 1, hits_before=hits)
    if bound.level > 0 and highest <= rules.limit:
        return ErrorBound(bound.level - 1, hits_before=hits)
    return bound


def corrected_share(observed: ShareInterval, error: ComparisonError) -> ShareInterval:
    """The share that is wrong, for the share that the comparison calls wrong (Rogan-Gladen)."""
    (fewest_alarms, most_alarms), (fewest_misses, most_misses) = error.false_alarm, error.miss
    lowest = _corrected(observed[0], most_alarms, fewest_misses)
    return lowest, max(lowest, _corrected(observed[1], fewest_alarms, most_misses))


def _corrected(observed: float, false_alarm: float, miss: float) -> float:
    useful = 1 - false_alarm - miss
    return 1.0 if useful <= 0 else min(1.0, max(0.0, (observed - false_alarm) / useful))


@lru_cache(maxsize=4096)
def clopper_pearson(wrong: int, checked: int, confidence: float = CONFIDENCE) -> ShareInterval:
    """The Clopper-Pearson interval of a share; each end one-sided at `confidence`.

    Equal to scipy's `binomtest(...).proportion_ci(method="exact")` (the tests compare them), which
    would bring 100 MB to every worker for two roots of one function.
    """
    slack = 1 - confidence
    if checked == 0:
        return 0.0, 1.0
    # The lower end is the share under which `wrong` or more are just as rare as `slack`, the upper
    # end that under which `wrong` or fewer are. `_solve` wants rising functions: hence the minus.
    lowest = 0.0 if wrong == 0 else _solve(lambda p: 1 - _at_most(wrong - 1, checked, p), slack)
    highest = 1.0 if wrong == checked else _solve(lambda p: -_at_most(wrong, checked, p), -slack)
    return lowest, highest


def _at_most(count: int, trials: int, share: float) -> float:
    """The binomial distribution function: the chance of `count` or fewer in `trials`."""
    if share <= 0:
        return 1.0
    if share >= 1:
        return float(count >= trials)
    # by logarithms: the binomial coefficient of a few hundred trials overflows a double
    log_p, log_q = math.log(share), math.log1p(-share)
    log_factorial, total = math.lgamma(trials + 1), 0.0
    for k in range(count, -1, -1):
        term = math.exp(
            log_factorial
            - math.lgamma(k + 1)
            - math.lgamma(trials - k + 1)
            + k * log_p
            + (trials - k) * log_q
        )
        total += term
        if term <= total * _NEGLIGIBLE and k < trials * share:
            break  # the terms only fall from here on
        if k == count and term < _NEGLIGIBLE and k > trials * share:
            return 1.0  # as do those above it
    return total


def _solve(rising: Callable[[float], float], aim: float) -> float:
    """Where a rising function of 0..1 reaches `aim`, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < aim else (low, middle)
    return (low + high) / 2
