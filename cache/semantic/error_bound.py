"""Error bound: Clopper-Pearson interval of wrong hits a group. Is the promised share exceeded?

A small share of the semantic hits also calls the model and compares: observations. Over a group of
requests (a tenant's model class or named scope) they bound the share of wrong hits, after Clopper
and Pearson (1934). When even the lower bound breaks the operator's limit the group's target is
halved, and after a few halvings its semantic step is off. On one entry they shift the verifier's
score, an idea of vCache (arXiv 2502.03771): the evidence counts as if the verifier's word were the
first six observations, and only where it is monotone: a right answer at a lower score speaks for
this one, a wrong answer at a higher score against it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

CONFIDENCE: Final = 0.95
MAX_LEVEL: Final = 4
"""Halvings of the target after which one more switches the semantic step off."""
PRIOR_WEIGHT: Final = 6
"""How many observations the verifier's own score counts for."""
MAX_OBSERVATIONS: Final = 24
_BISECTIONS: Final = 50
"""Steps until the interval's ends are exact to a double's precision."""

BoundStatus: TypeAlias = Literal["kept", "unproven", "off"]


@dataclass(frozen=True, slots=True)
class ErrorBound:
    """A group's observations at its present strictness."""

    level: int = 0
    """How often the target was halved."""
    checked: int = 0
    """Hits compared with the model since then."""
    wrong: int = 0

    @property
    def is_off(self) -> bool:
        """Whether the group's semantic step is switched off."""
        return self.level > MAX_LEVEL

    def target(self, configured: float) -> float:
        """The target in force, for the one that the operator configured."""
        return configured / (1 << self.level)

    def with_observation(self, *, right: bool, limit: float) -> "ErrorBound":
        """After one more observation. limit: the greatest share of wrong hits that is promised."""
        after = ErrorBound(self.level, self.checked + 1, self.wrong + (not right))
        lowest, _ = clopper_pearson(after.wrong, after.checked)
        return ErrorBound(self.level + 1) if lowest > limit else after

    def status(self, limit: float) -> BoundStatus:
        """What the observations allow to say of the promise."""
        if self.is_off:
            return "off"
        _, highest = clopper_pearson(self.wrong, self.checked)
        return "kept" if highest <= limit else "unproven"


@dataclass(frozen=True, slots=True)
class Observation:
    """One comparison on an entry: at which score, and whether the stored answer was right."""

    score: float
    right: bool


def posterior_score(score: float, record: Sequence[Observation]) -> float:
    """The verifier's score, shifted by what was observed on the entry."""
    speaks_for = sum(past.right and past.score <= score for past in record)
    against = sum(not past.right and past.score >= score for past in record)
    return (score * PRIOR_WEIGHT + speaks_for) / (PRIOR_WEIGHT + speaks_for + against)


def shadow_chance(share: float, record: Sequence[Observation]) -> float:
    """How likely a hit is checked: likelier on an entry of which little is known."""
    return min(1.0, share * 2 * PRIOR_WEIGHT / (PRIOR_WEIGHT + len(record)))


def clopper_pearson(
    wrong: int, checked: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
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


def encode_error_bound(bound: ErrorBound) -> str:
    """As text for Redis."""
    return f"{bound.level}.{bound.checked}.{bound.wrong}"


def decode_error_bound(text: str | None) -> ErrorBound:
    """A new record when there is none, or it is damaged."""
    parts = (text or "").split(".")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):  # noqa: PLR2004
        return ErrorBound()
    level, checked, wrong = (int(part) for part in parts)
    return ErrorBound(level, checked, min(wrong, checked))


def encode_record(record: Sequence[Observation]) -> str:
    """As text for Redis; the latest ones."""
    latest = record[-MAX_OBSERVATIONS:]
    return " ".join(f"{'+' if past.right else '-'}{past.score:.4f}" for past in latest)


def decode_record(text: str | None) -> tuple[Observation, ...]:
    """Empty when there is none, or it is damaged."""
    try:
        return tuple(Observation(float(past[1:]), past[0] == "+") for past in (text or "").split())
    except ValueError:
        return ()


def _at_most(count: int, trials: int, share: float) -> float:
    """The binomial distribution function: the chance of `count` or fewer in `trials`."""
    if share <= 0:
        return 1.0
    if share >= 1:
        return float(count >= trials)
    # by logarithms: the binomial coefficient of a few hundred trials overflows a double
    log_p, log_q = math.log(share), math.log1p(-share)
    log_factorial = math.lgamma(trials + 1)
    return sum(
        math.exp(
            log_factorial
            - math.lgamma(k + 1)
            - math.lgamma(trials - k + 1)
            + k * log_p
            + (trials - k) * log_q
        )
        for k in range(count + 1)
    )


def _solve(rising: Callable[[float], float], aim: float) -> float:
    """Where a rising function of 0..1 reaches `aim`, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < aim else (low, middle)
    return (low + high) / 2
