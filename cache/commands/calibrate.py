"""`calibrate`: which score keeps which false-hit rate on your own labelled pairs?"""

import argparse
import json
from pathlib import Path
from typing import Final

import numpy as np

from cache.commands.common import CommandError, model_of, read_lines, settings_of, split
from cache.commands.pair_judge import PairJudge
from cache.semantic.error_bound import clopper_pearson
from cache.verification.quantized_embedding import Vector

RATES: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
FEWEST: Final = 200


def declare(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--input", type=Path, required=True, help='{"a", "b", "same": 0 or 1}')
    parser.add_argument("--output", type=Path, default=Path("var/operating_points.json"))


def run(options: argparse.Namespace) -> int:
    """Writes the operating points, for `cache.operating_points`, and what they find."""
    settings = settings_of(options)
    pairs, bad = split(read_lines(options.input))
    labelled = [pair for pair in pairs if pair.fields.get("same") in (0, 1)]
    others = sum(pair.fields["same"] == 0 for pair in labelled)
    if others < FEWEST:
        raise CommandError(f"{options.input}: needs {FEWEST} pairs with same = 0, has {others}")
    embedder, verifier = model_of(settings)
    judged = list(
        PairJudge(embedder, verifier, 0.01).judge(list(labelled), settings.embedder.threads)
    )
    scores = np.array([one["score"] for one in judged], dtype=np.float32)
    same = np.array([one["same"] for one in judged])
    points = {f"{rate:g}": _least(scores[same == 0], rate) for rate in RATES}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({"embedder": embedder.version, "points": points}) + "\n")
    for rate, least in points.items():
        wrong = int((scores[same == 0] >= least).sum())
        found = float((scores[same == 1] >= least).mean()) if (same == 1).any() else 0.0
        low, high = clopper_pearson(wrong, others)
        print(
            f"target {rate:>5}: score {least:.4f}, finds {found:6.1%}, wrong {low:.2%}-{high:.2%}"
        )
    print(f"{len(labelled)} pairs, {len(pairs) - len(labelled) + len(bad)} lines without use")
    print(f"written: {options.output}; name it in switchgear.yaml as cache.operating_points")
    return 0


def _least(others: Vector, rate: float) -> float:
    """The least score to accept; fewer pairs than the rate needs: none of them."""
    ordered = np.sort(others)[::-1]
    return float(np.nextafter(ordered[int(rate * len(ordered))], np.float32(2)))
