"""Which weights do the router's signals deserve? `python -m dev.train_router --data <file>`.

Ridge regression of the strong model's gain, pulled towards hand-reasoned priors rather than to
zero, and never beyond half or twice a prior: on kinds of prompts that training never saw, a free
fit does worse than counting tokens. Each source counts the same, and only differences within a
source count, as its base rates say nothing of the next one. Prints every figure on sources and on
domains left out of the fit, beside the baselines, then writes `router/serve/difficulty.json`.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from dev.routing_data import Floats, Row, apgr, call_share, load, strong, weak
from router.serve.model_file import MODEL_FILE
from router.text import features
from router.text.difficulty_features import (
    DIFFICULTY_FEATURES,
    DifficultyFeature,
    difficulty_features,
)
from router.text.tokenizer import token_estimate

PRIOR: Final[dict[DifficultyFeature, float]] = {
    "length": 1.0,
    "echoed": 0.4,
    "numeric_options": -1.0,
    "statements": 0.8,
    "relations": 0.3,
    "constraints": 0.2,
    "code": 1.2,
    "math": 1.1,
    "reasoning": 0.9,
    "expert": 0.3,
    "routine": -0.3,
    "creative": -0.3,
    "lookup": -0.8,
    "foreign": 0.5,
}
"""What we believed before seeing data: public benchmarks agree that strong models gain most at
code, mathematics, reasoning and languages other than English, and least at facts, chat and
rewriting."""

PULL: Final = 0.3
FOLDS: Final = 8
Score = Callable[[Sequence[Row], Sequence[Row]], Floats]
"""(rows to learn from, rows to rank) → need."""


def gain(rows: Sequence[Row]) -> Floats:
    """The strong model's gain; with many models, that of the better half over the others."""
    names = sorted(rows[0].models)
    table = np.array([[row.models[name] for name in names] for row in rows])
    if len(names) == 2:
        return strong(rows) - weak(rows)
    means = table.mean(axis=0)
    better = means > np.median(means)
    return np.asarray(table[:, better].mean(axis=1) - table[:, ~better].mean(axis=1))


def matrix(rows: Sequence[Row]) -> Floats:
    """A row of signals for each prompt."""
    found = [difficulty_features(features.extract_features(row.request)) for row in rows]
    return np.array([[one[name] for name in DIFFICULTY_FEATURES] for one in found])


def fit(rows: Sequence[Row]) -> Floats:
    """The weights, in the order of `SIGNALS`."""
    prior = np.array([PRIOR[name] for name in DIFFICULTY_FEATURES])
    design, target, weight = (np.concatenate(part) for part in zip(*_by_source(rows), strict=True))
    expected = design @ prior
    scale = max(0.02, float(weight @ (expected * target) / (weight @ expected**2)))
    left = (design * weight[:, None]).T @ design + PULL * np.eye(len(prior))
    moved = np.linalg.solve(left, (design * weight[:, None]).T @ (target - scale * expected))
    bounds = np.sort(np.stack([prior / 2, prior * 2]), axis=0)
    return np.asarray(np.clip(prior + moved / scale, bounds[0], bounds[1]))


def _by_source(rows: Sequence[Row]) -> list[tuple[Floats, Floats, Floats]]:
    """(signals, gain, weight) of each source, centred."""
    parts = []
    for source in sorted({row.source for row in rows}):
        own = [row for row in rows if row.source == source]
        design, target = matrix(own), gain(own)
        share = np.full(len(own), 1 / len(own))
        parts.append((design - design.mean(axis=0), target - target.mean(), share))
    return parts


def _ours(learn: Sequence[Row], rank: Sequence[Row]) -> Floats:
    return np.asarray(matrix(rank) @ fit(learn))


def _priors(_learn: Sequence[Row], rank: Sequence[Row]) -> Floats:
    return np.asarray(matrix(rank) @ np.array([PRIOR[name] for name in DIFFICULTY_FEATURES]))


def _token_count(_learn: Sequence[Row], rank: Sequence[Row]) -> Floats:
    return np.array([float(token_estimate(row.prompt)) for row in rank])


def _length(_learn: Sequence[Row], rank: Sequence[Row]) -> Floats:
    return np.array([float(len(row.prompt)) for row in rank])


def _tfidf(learn: Sequence[Row], rank: Sequence[Row]) -> Floats:
    words = TfidfVectorizer(min_df=3, sublinear_tf=True, max_features=20_000)
    model = Ridge(alpha=3.0).fit(words.fit_transform([row.prompt for row in learn]), gain_of(learn))
    return np.asarray(model.predict(words.transform([row.prompt for row in rank])))


def gain_of(rows: Sequence[Row]) -> Floats:
    """The gain of the rows' own pairs."""
    return strong(rows) - weak(rows)


def _random(_learn: Sequence[Row], rank: Sequence[Row]) -> Floats:
    return np.random.default_rng(7).random(len(rank))


ROUTERS: Final[dict[str, Score]] = {
    "random": _random,
    "length": _length,
    "token count": _token_count,
    "TF-IDF ridge": _tfidf,
    "priors alone": _priors,
    "this model": _ours,
}


def without_source(rows: Sequence[Row], router: Score) -> dict[str, tuple[float, float, float]]:
    """(APGR, CPT50, CPT80) by source; each was left out of what the router learned from."""
    found = {}
    for source in sorted({row.source for row in rows}):
        learn = [row for row in rows if row.source != source]
        rank = [row for row in rows if row.source == source]
        need = router(learn, rank)
        half, most = (call_share(need, rank, target) for target in (0.5, 0.8))
        found[source] = (apgr(need, rank), half, most)
    return found


def without_domain(rows: Sequence[Row], router: Score) -> dict[str, float]:
    """APGR by source when every domain was ranked by a model that never saw it."""
    domains = np.random.default_rng(3).permutation(sorted({row.domain for row in rows}))
    need = np.zeros(len(rows))
    for fold in range(FOLDS):
        held = set(domains[fold::FOLDS])
        index = [number for number, row in enumerate(rows) if row.domain in held]
        learn = [row for row in rows if row.domain not in held]
        need[index] = router(learn, [rows[number] for number in index])
    found = {}
    for source in sorted({row.source for row in rows}):
        own = [number for number, row in enumerate(rows) if row.source == source]
        found[source] = apgr(need[own], [rows[number] for number in own])
    return found


def report(rows: Sequence[Row]) -> None:
    """The tables of the model card."""
    print("APGR (CPT50, CPT80) on a source left out of training; then on domains left out")
    for name, router in ROUTERS.items():
        out = without_source(rows, router)
        sources = "  ".join(f"{s} {a:.3f} ({c:.2f}, {d:.2f})" for s, (a, c, d) in out.items())
        domains = without_domain(rows, router)
        unseen = "  ".join(f"{source} {area:.3f}" for source, area in domains.items())
        print(f"{name:14s} {sources}  |  {unseen}", flush=True)


def main() -> None:
    """Trains, reports, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="routing.dev.jsonl.gz")
    parser.add_argument("--out", type=Path, default=MODEL_FILE)
    options = parser.parse_args()
    rows = load(options.data)
    report(rows)
    weights = {
        name: round(float(w), 4) for name, w in zip(DIFFICULTY_FEATURES, fit(rows), strict=True)
    }
    model = {"version": f"signals-{len(DIFFICULTY_FEATURES)}/{len(rows)}-rows", "weights": weights}
    options.out.write_text(json.dumps(model, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(model))


if __name__ == "__main__":
    main()
