r"""Training of the second look: multilingual-e5-small's last layers and a classifier.

    python -m dev.train_question_classifier --prompts DATA/routing.dev.jsonl.gz

It learns from the recogniser's questions and from the sets written after it. The figures are of
models that have seen no question of the author in question, together with the recogniser, which
has seen none of these sets; the files hold the model fitted to all. Then build the embedder anew:
`python -m dev.build_multilingual_embedder`.
"""

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from cache.identity.question_classifier import (
    CLASSIFIER_FORMAT,
    QuestionClassifier,
    combined,
    is_unsure,
    read_classifier,
)
from cache.identity.recogniser import KINDS, Recognition
from cache.semantic.recogniser_file import load_recogniser
from cache.semantic.second_look import CLASSIFIER
from dev.build_embedder import find_weights
from dev.build_multilingual_embedder import LAYERS, TUNING, WHEEL, WHEEL_FILE, version_of
from dev.demo_traffic import PROMPTS as DEMO_PROMPTS
from dev.question_tuning.network import Network, fit, new_network
from dev.question_tuning.states import FROZEN, base_layers, states_of
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

VARIANTS: Final = 1
"""Of a template."""
PROMPTS: Final = 600
PLAIN_WEIGHT: Final = 1.5
"""Of a plain question against all of a template's."""
PROMPT_WEIGHT: Final = 0.5
AUTHORS: Final = {"seventeenth": "k"}
"""Series that neither has seen, by their writer. Each costs two minutes of CPU."""


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
    return np.asarray(weights / weights.mean(), dtype=np.float32)


def classifier_parts(network: Network, embedder: str) -> dict[str, Any]:
    """What `read_classifier` reads. embedder: the version of its vectors."""
    parts = network.parts
    return {
        "format": np.array(CLASSIFIER_FORMAT),
        "embedder": np.array(embedder),
        "mean": network.mean,
        "hidden": parts["hidden"].astype(np.float16),
        "hidden_bias": parts["hidden_bias"],
        "output": parts["output"],
        "output_bias": parts["output_bias"],
    }


def write_files(network: Network, tuning: Path, classifier: Path) -> None:
    """Writes what changes in the layers, and the classifier that belongs to it."""
    changes = {name: part for name, part in network.parts.items() if name[-2:] in (".A", ".B")}
    halved: dict[str, Any] = {name: part.astype(np.float16) for name, part in changes.items()}
    np.savez_compressed(tuning, **halved)
    about = version_of(find_weights(WHEEL, WHEEL_FILE).read_bytes(), tuning)
    version = f"{about['name']}-{about['weights']}-{about['recipe']}"
    np.savez_compressed(classifier, **classifier_parts(network, version))
    for path in (tuning, classifier):
        print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def judged(
    row: Row, vector: Array, first: Recognition, model: QuestionClassifier
) -> tuple[Row, Recognition]:
    """What recogniser and classifier say of a question together."""
    if not is_unsure(row["text"], first):
        return row, first
    return row, combined(first, model.shares(vector))


def main() -> None:
    """Trains, measures, writes the files and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--embedder", type=Path, default=Path("var/multilingual"))
    parser.add_argument("--states", type=Path, default=Path("var/question_states.npz"))
    parser.add_argument("--prompts", type=Path, help="real prompts, JSON lines, gzipped")
    parser.add_argument("--tuning", type=Path, default=TUNING)
    parser.add_argument("--output", type=Path, default=CLASSIFIER)
    parser.add_argument("--figures", type=Path, default=Path("bench/results/second_look.json"))
    parser.add_argument("--only-fit", action="store_true", help="no figures of unseen authors")
    options = parser.parse_args()
    began, rows = time.monotonic(), training_rows(options.prompts)
    states = states_of([row["text"] for row in rows], options.embedder, options.states)
    print(f"{len(rows):,} questions read: {time.monotonic() - began:.0f} s", flush=True)
    series = np.array([row["template"][0] for row in rows])
    kinds = np.array([KINDS.index(row["kind"]) for row in rows])
    base = base_layers(FROZEN, LAYERS)

    def fitted(is_seen: NDArray[np.bool_]) -> Network:
        network, weights = new_network(base, states), np.zeros(len(rows), np.float32)
        weights[is_seen] = example_weights([rows[at] for at in np.flatnonzero(is_seen)])
        with threadpool_limits(1):
            fit(network, states, kinds, weights)
        return network

    table: dict[str, Any] = {}
    for name, author in {} if options.only_fit else AUTHORS.items():
        held = np.isin(series, list(author))
        network = fitted(~held)
        for sitting in author:
            places = np.flatnonzero((series == sitting) & (states.lengths > 0))
            unseen = [rows[at] for at in places]
            table[f"{name}, {sitting}"] = _figures(
                unseen, network.vectors(states, places), classifier_parts(network, "")
            )
    if table:
        options.figures.parent.mkdir(parents=True, exist_ok=True)
        options.figures.write_text(json.dumps(table, indent=1) + "\n")
    write_files(fitted(np.ones(len(rows), dtype=bool)), options.tuning, options.output)
    print(f"{time.monotonic() - began:.0f} s")


def _figures(unseen: list[Row], vectors: Array, parts: dict[str, Any]) -> dict[str, Any]:
    """Of an unseen sitting: how much was asked, and what both say."""
    recogniser, model = load_recogniser(), read_classifier(parts)
    alone = [(row, recogniser.recognise(row["text"])) for row in unseen]
    both = [
        judged(row, vector, first, model)
        for (row, first), vector in zip(alone, vectors, strict=True)
    ]
    unsure = np.mean([is_unsure(row["text"], first) for row, first in alone])
    print(f"\nasked {unsure:.1%}\n{markdown(figures(both))}", flush=True)
    return {
        "asked": round(float(unsure), 4),
        "recogniser alone": figures(alone),
        "with the second look": figures(both),
    }


if __name__ == "__main__":
    main()
