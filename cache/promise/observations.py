"""Observations on one entry: how its comparisons with the model went, and how often to make more.

They shift the verifier's score, an idea of vCache (arXiv 2502.03771): the evidence counts as if the
verifier's word were the first six observations, and only where it is monotone: a right answer at a
lower score speaks for this one, a wrong answer at a higher score against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cache.promise.error_bound import BoundStatus

PRIOR_WEIGHT: Final = 6
"""How many observations the verifier's own score counts for."""
MAX_OBSERVATIONS: Final = 24
PROVEN_PART: Final = 1 / 8
"""Of the sample, what is still taken where the promise is proven: enough to see it change."""
TRIAL_FACTOR: Final = 10
"""How much more often a closed step is compared: the answer is bought anyway."""


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
    """How likely a semantic hit is checked: likelier on an entry of which little is known."""
    return min(1.0, share * 2 * PRIOR_WEIGHT / (PRIOR_WEIGHT + len(record)))


def sample_chance(share: float, status: BoundStatus) -> float:
    """How likely a hit of the very words, or a closed step's would-be hit, is checked."""
    match status:
        case "closed":
            return min(1.0, share * TRIAL_FACTOR)
        case "kept" if share < 1:
            return share * PROVEN_PART
        case "kept" | "unproven":
            return share


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
