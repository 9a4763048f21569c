"""Is the router's estimate calibrated on a source it never saw, and does feedback improve it?

Both start from the shipped model as a new tenant's traffic would, and feed outcomes back through
`router.learn.outcome_store`, the way `llm.feedback` does.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dev.routing_data import Floats, Row, apgr
from router.decide import success_model
from router.decide.success_model import Scores
from router.learn.estimate import Estimate, logit
from router.learn.outcome_store import OutcomeStore, WeighedOutcome
from router.serve.model_file import default_model
from router.text import features
from runtime.config.sections.policy import LearningSettings

RULES = LearningSettings(enabled=True, max_shift=1.0)
BINS = 10
REPEATS = 5
Which = Literal["weak", "strong"]
FED = (0, 100, 200, 500, 1000)
STANDING: dict[Which, float] = {"weak": 0, "strong": 1}
TEXT_SHARE = 0.03
"""Gain per unit of the text's difficulty, beside what outcomes say: half of what training found."""


@dataclass(frozen=True)
class Judged:
    """A row with what the router makes of it. task: what outcomes are kept by."""

    row: Row
    scores: Scores
    task: str

    def promised(self, which: Which) -> Estimate:
        """The estimate for the cheapest or the strongest of three tiers."""
        return self.scores.success(STANDING[which])

    def good(self, which: Which) -> float:
        """How good the model's answer was."""
        return self.row.models[getattr(self.row, which)]


def judge(rows: Sequence[Row], *, declared: bool = False) -> list[Judged]:
    """Every row judged; `declared`: its domain is what the caller declares as its task."""
    found = [(row, features.extract_features(row.request)) for row in rows]
    return [
        Judged(
            row,
            success_model.score_features(f, default_model()),
            row.domain if declared else f.task,
        )
        for row, f in found
    ]


def calibration_error(promised: Floats, good: Floats) -> float:
    """Expected calibration error over ten bins of equal width."""
    place = np.minimum((promised * BINS).astype(int), BINS - 1)
    gaps = [
        abs(promised[place == b].mean() - good[place == b].mean()) * (place == b).mean()
        for b in range(BINS)
        if (place == b).any()
    ]
    return float(sum(gaps))


def calibrated(
    judged: Sequence[Judged], which: Which, outcomes: int, seed: int
) -> tuple[Floats, Floats]:
    """(promised, good) of the rows that were not fed back, after `outcomes` others were."""
    order = random.Random(seed).sample(list(judged), len(judged))
    known = OutcomeStore()
    for one in order[:outcomes]:
        outcome = WeighedOutcome(one.good(which), one.promised(which).mean)
        known.record_outcome(("new", one.task, which), outcome, RULES)
    rest = order[outcomes:]
    promised = [
        known.posterior(("new", o.task, which), o.promised(which), RULES).mean for o in rest
    ]
    return np.array(promised), np.array([one.good(which) for one in rest])


def calibration(judged: Sequence[Judged], which: Which, outcomes: int) -> float:
    """The calibration error on average over draws of the outcomes fed back."""
    errors = [calibration_error(*calibrated(judged, which, outcomes, s)) for s in range(REPEATS)]
    return float(np.mean(errors))


def reliability(judged: Sequence[Judged], which: Which, outcomes: int) -> list[str]:
    """The reliability diagram of one draw, as text: what was promised, what came, how often."""
    promised, good = calibrated(judged, which, outcomes, seed=0)
    place = np.minimum((promised * BINS).astype(int), BINS - 1)
    lines = []
    for b in range(BINS):
        inside = place == b
        if inside.any():
            p, g = promised[inside].mean(), good[inside].mean()
            marks = [" "] * 51
            marks[round(p * 50)], marks[round(g * 50)] = "|", "●"
            lines.append(f"{p:4.0%} promised {g:4.0%} came n={inside.sum():5d} {''.join(marks)}")
    return lines


def learned_apgr(judged: Sequence[Judged], outcomes: int, seed: int) -> float:
    """APGR on the rest after `outcomes` requests, each answered by one tier drawn at random."""
    rng = random.Random(seed)
    order = rng.sample(list(judged), len(judged))
    known = OutcomeStore()
    for one in order[:outcomes]:
        which: Which = rng.choice(["weak", "strong"])
        outcome = WeighedOutcome(one.good(which), one.promised(which).mean)
        known.record_outcome(("new", one.task, which), outcome, RULES)
    rest = order[max(FED) :]
    if not outcomes:
        return apgr(np.array([one.scores.need for one in rest]), [one.row for one in rest])
    need = [_gain(known, one) + TEXT_SHARE * logit(one.scores.need) for one in rest]
    return apgr(np.array(need), [one.row for one in rest])


def curve(judged: Sequence[Judged]) -> dict[int, float]:
    """APGR by outcomes fed back, on average over draws."""
    return {
        fed: float(np.mean([learned_apgr(judged, fed, seed) for seed in range(REPEATS)]))
        for fed in FED
    }


def _gain(known: OutcomeStore, one: Judged) -> float:
    """What the strong tier is believed to add."""
    sides: tuple[Which, Which] = ("strong", "weak")
    strong, weak = (
        known.posterior(("new", one.task, side), one.promised(side), RULES).mean for side in sides
    )
    return strong - weak
