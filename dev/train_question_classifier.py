r"""Training of the second look's classifier, on vectors of multilingual-e5-small.

    python -m dev.train_question_classifier --prompts DATA/routing.dev.jsonl.gz

It learns from the recogniser's questions and from the sets written after it. The figures are of
classifiers that have seen no question of the author in question, together with the recogniser,
which has seen none of these sets; the file holds the classifier fitted to all.
"""

import argparse
import json
import random
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from cache.identity.question_classifier import (
    CLASSIFIER_FORMAT,
    QuestionClassifier,
    combined,
    is_unsure,
    read_classifier,
)
from cache.identity.recogniser import KINDS, Recognition
from cache.semantic.question_embedder import QuestionEmbedder
from cache.semantic.recogniser_file import load_recogniser
from cache.semantic.second_look import CLASSIFIER
from dev.demo_traffic import PROMPTS as DEMO_PROMPTS
from dev.recogniser.questions import FILE, LATER_SETS, later_questions
from dev.train_recogniser import (
    PLAIN_SERIES,
    PROMPTS_SERIES,
    Array,
    Row,
    figures,
    markdown,
    prompts_of,
    read_questions,
    tasks,
)

VARIANTS: Final = 2
"""Of a template."""
PROMPTS: Final = 600
WIDTH: Final = 64
PASSES: Final = 15
WEIGHT_DECAY: Final = 1e-2
PLAIN_WEIGHT: Final = 1.5
"""Of a plain question against all of a template's."""
PROMPT_WEIGHT: Final = 0.5
AUTHORS: Final = {"sixth to ninth": "6789", "tenth and eleventh": "xy"}
"""Series that the recogniser hasn't seen, by their writer."""


def training_rows(prompts: Path | None) -> list[Row]:
    """All questions: a few variants of each template, the plain ones, tasks and prompts."""
    shuffled = read_questions(FILE)
    random.Random(0).shuffle(shuffled)
    rows: list[Row] = []
    for _, variants in groupby(sorted(shuffled, key=_template), key=_template):
        rows += list(variants)[:VARIANTS]
    rows += [asdict(question) for question in later_questions()]
    rows += tasks()
    if prompts is not None:
        demo = [json.loads(line)["prompt"] for line in DEMO_PROMPTS.read_text().splitlines()]
        real = prompts_of(prompts, frozenset(demo))
        random.Random(1).shuffle(real)
        rows += real[:PROMPTS]
    return rows


def _template(row: Row) -> str:
    return row["template"]


def example_weights(rows: Sequence[Row]) -> Array:
    """The same for each template; timeless questions weigh as much as all others."""
    counts = Counter(row["template"] for row in rows)
    weights = np.array([1 / counts[row["template"]] for row in rows])
    series = np.array([row["template"][0] for row in rows])
    weights[np.isin(series, [*PLAIN_SERIES, *LATER_SETS.values()])] *= PLAIN_WEIGHT
    weights[series == PROMPTS_SERIES] *= PROMPT_WEIGHT
    timeless = np.array([row["kind"] == KINDS[0] for row in rows])
    weights[timeless] *= weights[~timeless].sum() / weights[timeless].sum()
    return np.asarray(weights / weights.sum())


def fit(vectors: Array, rows: Sequence[Row], embedder: str) -> dict[str, Any]:
    """The classifier's parts."""
    mean = vectors.mean(axis=0)
    centred = vectors - mean
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    kinds = np.array([KINDS.index(row["kind"]) for row in rows])
    drawn = np.random.default_rng(0).choice(len(rows), 2 * len(rows), p=example_weights(rows))
    network = MLPClassifier(
        (WIDTH,), alpha=WEIGHT_DECAY, max_iter=PASSES, learning_rate_init=1e-3, random_state=0
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped early on purpose
        network.fit(centred[drawn], kinds[drawn])
    return {
        "format": np.array(CLASSIFIER_FORMAT),
        "embedder": np.array(embedder),
        "mean": mean.astype(np.float32),
        "hidden": network.coefs_[0].astype(np.float16),
        "hidden_bias": network.intercepts_[0].astype(np.float32),
        "output": network.coefs_[1].astype(np.float32),
        "output_bias": network.intercepts_[1].astype(np.float32),
    }


def judged(
    row: Row, vector: Array, first: Recognition, model: QuestionClassifier
) -> tuple[Row, Recognition]:
    """What recogniser and classifier say of a question together."""
    if not is_unsure(row["text"], first):
        return row, first
    return row, combined(first, model.shares(vector))


def main() -> None:
    """Trains, measures, writes the classifier and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--embedder", type=Path, default=Path("var/multilingual"))
    parser.add_argument("--prompts", type=Path, help="real prompts, JSON lines, gzipped")
    parser.add_argument("--output", type=Path, default=CLASSIFIER)
    parser.add_argument("--figures", type=Path, default=Path("bench/results/second_look.json"))
    options = parser.parse_args()
    began, embedder = time.monotonic(), QuestionEmbedder(options.embedder)
    rows = training_rows(options.prompts)
    vectors = np.array([embedder.embed_now(row["text"]) for row in rows])
    print(f"{len(rows):,} questions embedded: {time.monotonic() - began:.0f} s", flush=True)
    series, recogniser = np.array([row["template"][0] for row in rows]), load_recogniser()
    table: dict[str, Any] = {}
    for name, author in AUTHORS.items():
        held = np.isin(series, list(author))
        seen = [row for row, is_held in zip(rows, held, strict=True) if not is_held]
        model = read_classifier(fit(vectors[~held], seen, embedder.version))
        for sitting in author:
            places = np.flatnonzero(series == sitting).tolist()
            first = [recogniser.recognise(rows[at]["text"]) for at in places]
            both = [
                judged(rows[at], vectors[at], word, model)
                for at, word in zip(places, first, strict=True)
            ]
            alone = [(rows[at], word) for at, word in zip(places, first, strict=True)]
            unsure = np.mean([is_unsure(row["text"], word) for row, word in alone])
            table[f"{name}, {sitting}"] = {
                "asked": round(float(unsure), 4),
                "recogniser alone": figures(alone),
                "with the second look": figures(both),
            }
            print(f"\n{name}, {sitting}: asked {unsure:.1%}\n{markdown(figures(both))}", flush=True)
    options.figures.parent.mkdir(parents=True, exist_ok=True)
    options.figures.write_text(json.dumps(table, indent=1) + "\n")
    np.savez_compressed(options.output, **fit(vectors, rows, embedder.version))
    print(f"{options.output}: {options.output.stat().st_size / 1e3:.0f} kB", end="; ")
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
