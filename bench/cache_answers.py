"""Comparison of answers, measured: how often it errs about whether two answers say the same.

    python -m bench.cache_answers

`cache_answers.jsonl` holds pairs of answers to one question that were written for this: the same in
other words, at other length, in another order; and others that sound alike and aren't the same. The
weights are fitted on all pairs; the error is measured on questions that they haven't seen, in ten
parts. Both stand in the code (`cache.answers.answer_pair`, `cache.shadow_checks`), and a test holds
them together. Writes bench/results/cache_answers.json.
"""

import asyncio
import json
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from cache.answers.answer_pair import LEAST_CHANCE
from cache.promise.error_bound import clopper_pearson
from cache.semantic.embedder import LocalEmbedder
from cache.shadow_checks import AnswerSimilarity

PAIRS: Final = Path(__file__).with_name("cache_answers.jsonl")
RESULTS: Final = Path(__file__).with_name("results") / "cache_answers.json"


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """Two answers to one question."""

    question: str
    a: str
    b: str
    same: int
    """1 where whoever asked is served by either, 0 where not."""


def read_pairs() -> list[AnswerPair]:
    """The committed pairs."""
    lines = PAIRS.read_text(encoding="utf-8").splitlines()
    return [AnswerPair(**json.loads(line)) for line in lines]


async def features_of(pairs: list[AnswerPair]) -> NDArray[np.float64]:
    """A row for each pair."""
    embedder = LocalEmbedder(Path("var/embedder"))
    answers = AnswerSimilarity(embedder)
    rows = [await answers.features(pair.question, pair.a, pair.b) for pair in pairs]
    embedder.close()
    return np.array([astuple(row) for row in rows if row is not None], dtype=float)


def measure(pairs: list[AnswerPair], features: NDArray[np.float64]) -> dict[str, Any]:
    """Weights, and the error on questions not seen, with 95 % intervals."""
    same = np.array([pair.same for pair in pairs])
    questions = np.array([pair.question for pair in pairs])
    model = LogisticRegression(C=3, max_iter=1000)
    folds = GroupKFold(10).split(features, same, questions)
    chances = cross_val_predict(model, features, same, cv=list(folds), method="predict_proba")[:, 1]
    said = chances >= LEAST_CHANCE
    fitted = model.fit(features, same)
    return {
        "weights": [round(float(weight), 3) for weight in fitted.coef_[0]],
        "intercept": round(float(fitted.intercept_[0]), 3),
        "false alarms": _share(~said[same == 1]),
        "misses": _share(said[same == 0]),
        "called different": _questions(pairs, ~said & (same == 1)),
        "called the same": _questions(pairs, said & (same == 0)),
    }


def _questions(pairs: list[AnswerPair], chosen: NDArray[np.bool_]) -> list[str]:
    return sorted({pairs[at].question for at in np.flatnonzero(chosen)})


def _share(wrong: NDArray[np.bool_]) -> dict[str, Any]:
    lowest, highest = clopper_pearson(int(wrong.sum()), len(wrong))
    return {
        "pairs": len(wrong),
        "wrong": int(wrong.sum()),
        "between": [round(lowest, 3), round(highest, 3)],
    }


def main() -> None:
    """Measures, prints, writes."""
    pairs = read_pairs()
    found = measure(pairs, asyncio.run(features_of(pairs)))
    text = json.dumps(found, indent=1, ensure_ascii=False)
    RESULTS.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
