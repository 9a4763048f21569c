"""Does the cache keep its promise, and what follows when it doesn't?

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
PRIOR_WEIGHT: Final = 6
MAX_OBSERVATIONS: Final = 24

BoundStatus: TypeAlias = Literal["kept", "unproven", "off"]


@dataclass(frozen=True, slots=True)
class ErrorBound:
    """A group's record at its present strictness. level: how often the target was halved."""

    level: int = 0
    checked: int = 0
    wrong: int = 0

    @property
    def is_off(self) -> bool:
        """Whether the group's semantic step is switched off."""
        return self.level > MAX_LEVEL

    def target(self, asked: float) -> float:
        """The target that is in force for the one the operator asked for."""
        return asked / (1 << self.level)

    def with_observation(self, *, right: bool, limit: float) -> "ErrorBound":
        """After one more observation. limit: the greatest share of wrong hits that is promised."""
        now = ErrorBound(self.level, self.checked + 1, self.wrong + (not right))
        least, _ = clopper_pearson(now.wrong, now.checked)
        return ErrorBound(self.level + 1) if least > limit else now

    def status(self, limit: float) -> BoundStatus:
        """What the observations allow to say."""
        if self.is_off:
            return "off"
        return "kept" if clopper_pearson(self.wrong, self.checked)[1] <= limit else "unproven"


@dataclass(frozen=True, slots=True)
class Observation:
    """One comparison on an entry: at which score, and whether the kept answer was right."""

    score: float
    right: bool


def posterior_score(score: float, record: Sequence[Observation]) -> float:
    """The verifier's score, shifted by what was observed on the entry."""
    speaks_for = sum(one.right and one.score <= score for one in record)
    against = sum(not one.right and one.score >= score for one in record)
    return (score * PRIOR_WEIGHT + speaks_for) / (PRIOR_WEIGHT + speaks_for + against)


def shadow_chance(share: float, record: Sequence[Observation]) -> float:
    """How likely a hit is checked: likelier on an entry of which little is known."""
    return min(1.0, share * 2 * PRIOR_WEIGHT / (PRIOR_WEIGHT + len(record)))


def clopper_pearson(
    wrong: int, checked: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """The Clopper-Pearson interval of a share; one-sided at `confidence` on either side."""
    slack = 1 - confidence
    if checked == 0:
        return 0.0, 1.0
    least = 0.0 if wrong == 0 else _solve(lambda p: 1 - _at_most(wrong - 1, checked, p), slack)
    most = 1.0 if wrong == checked else _solve(lambda p: -_at_most(wrong, checked, p), -slack)
    return least, most


def encode_error_bound(promise: ErrorBound) -> str:
    """As text for Redis."""
    return f"{promise.level}.{promise.checked}.{promise.wrong}"


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
    return " ".join(f"{'+' if one.right else '-'}{one.score:.4f}" for one in latest)


def decode_record(text: str | None) -> tuple[Observation, ...]:
    """Empty when there is none, or it is damaged."""
    try:
        return tuple(Observation(float(one[1:]), one[0] == "+") for one in (text or "").split())
    except ValueError:
        return ()


def _at_most(most: int, trials: int, share: float) -> float:
    """The binomial distribution function."""
    if share <= 0:
        return 1.0
    if share >= 1:
        return float(most >= trials)
    log_p, log_q = math.log(share), math.log1p(-share)
    whole = math.lgamma(trials + 1)
    return sum(
        math.exp(
            whole
            - math.lgamma(k + 1)
            - math.lgamma(trials - k + 1)
            + k * log_p
            + (trials - k) * log_q
        )
        for k in range(most + 1)
    )


def _solve(rising: Callable[[float], float], aim: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < aim else (low, middle)
    return (low + high) / 2
