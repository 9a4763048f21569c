"""Calibrate command: operating points from labelled pairs. Which score keeps which false-hit rate?

A pair's label is `same`: 1 where one answer serves both questions, 0 where it doesn't.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from cache.commands.pair_judge import PairJudge
from cache.commands.pairs_file import read_pairs_file, split_lines
from cache.commands.surroundings import CommandError, load_model
from cache.promise.error_bound import clopper_pearson
from cache.verification.quantized_embedding import Vector
from runtime.config.sections.cache import CacheSettings

RATES: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
LEAST_OTHERS: Final = 200
"""Fewer pairs that need another answer say nothing of a rate of half a percent."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The score that keeps a false-hit rate, and what it does on the pairs it was read off."""

    rate: float
    score: float
    recall: float
    """Share of the pairs with one answer that reach the score."""
    wrong_between: tuple[float, float]
    """Clopper-Pearson interval of the pairs with two answers that reach it."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The operating points of an embedder's verifier on labelled pairs."""

    embedder: str
    points: tuple[OperatingPoint, ...]
    pairs: int
    unused_lines: int


def calibrate(settings: CacheSettings, source: Path) -> Calibration:
    """Reads the operating points off the pairs of a file. Raises CommandError."""
    pairs, bad_lines = split_lines(read_pairs_file(source))
    labelled = [pair for pair in pairs if pair.fields.get("same") in (0, 1)]
    others = sum(pair.fields["same"] == 0 for pair in labelled)
    if others < LEAST_OTHERS:
        raise CommandError(f"{source}: needs {LEAST_OTHERS} pairs with same = 0, has {others}")
    model = load_model(settings)
    judged = PairJudge(*model, 0.01).judge(labelled, settings.embedder.threads)
    verdicts = list(judged)
    scores = np.array([verdict["score"] for verdict in verdicts], dtype=np.float32)
    same = np.array([verdict["same"] for verdict in verdicts])
    points = tuple(_point(rate, scores[same == 0], scores[same == 1]) for rate in RATES)
    unused = len(pairs) - len(labelled) + len(bad_lines)
    return Calibration(model[0].version, points, len(labelled), unused)


def write_operating_points(calibration: Calibration, output: Path) -> None:
    """The file that `cache.operating_points` names. Raises CommandError."""
    points = {f"{point.rate:g}": point.score for point in calibration.points}
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps({"embedder": calibration.embedder, "points": points}) + "\n")
    except OSError as error:
        raise CommandError(f"{output}: {error.strerror}") from None


def render_calibration(calibration: Calibration, output: Path) -> list[str]:
    """A line for each operating point, then what was used and written."""
    return [
        *(
            f"target {point.rate:>5}: score {point.score:.4f}, finds {point.recall:6.1%},"
            f" wrong {point.wrong_between[0]:.2%}-{point.wrong_between[1]:.2%}"
            for point in calibration.points
        ),
        f"{calibration.pairs} pairs, {calibration.unused_lines} lines without use",
        f"written: {output}; name it in switchgear.yaml as cache.operating_points",
    ]


def _point(rate: float, others: Vector, same: Vector) -> OperatingPoint:
    ordered = np.sort(others)[::-1]
    # just above the first score that is one too many; fewer pairs than the rate needs: none passes
    score = float(np.nextafter(ordered[int(rate * len(ordered))], np.float32(2)))
    recall = float((same >= score).mean()) if len(same) else 0.0
    wrong = int((others >= score).sum())
    return OperatingPoint(rate, score, recall, clopper_pearson(wrong, len(others)))
