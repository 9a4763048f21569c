r"""Training of the cache's recogniser, measured on questions that it has never seen.

    python -m dev.train_recogniser
    python -m dev.train_recogniser --questions mine.jsonl --output var/recogniser.npz

The figures are those of a model that has seen neither the test set's templates nor its slots'
words, with thresholds from the cross-validation of the rest. The file holds the model fitted to all
questions, with thresholds from the cross-validation of all.
"""

import argparse
import gzip
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from cache.identity.question_concepts import (
    Lexicon,
    concept_features,
    concept_width,
    lexicon_of,
)
from cache.identity.question_features import (
    BITS,
    LANGUAGE_BITS,
    fold,
    kind_features,
    language_features,
)
from cache.identity.recogniser import KINDS, RECOGNISER_FORMAT, Recogniser, read_recogniser
from dev.recogniser.questions import FILE, HERE

Array: TypeAlias = NDArray[Any]
Row: TypeAlias = dict[str, str]

FOLDS: Final = 3
STRENGTH: Final = 8.0
CONCEPT_SCALE: Final = 3.0
"""How much less than those of n-grams the weights of concepts are held down."""
LEXICON: Final = HERE / "concepts.txt"
LANGUAGE_STRENGTH: Final = 30.0
DOUBT_MISSES: Final = 0.005
"""Of bound questions, the share that may lie below the threshold of doubt."""
REFUSED: Final = 0.03
"""Of timeless questions, the share that may lie above the threshold of refusal."""
DOUBT_BOUNDS: Final = (0.5, 0.6)
REFUSE_BOUNDS: Final = (0.4, 0.9)
OTHER: Final = "other"


def read_questions(path: Path) -> list[Row]:
    """The questions of a file of JSON lines, gzipped or not."""
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    return [json.loads(line) for line in text.splitlines()]


def other_languages() -> list[Row]:
    """Sentences of languages that the recogniser is not to judge."""
    rows: list[Row] = []
    for line in (HERE / "other_languages.txt").read_text().splitlines():
        name, sentences = line.split(": ", 1)
        for at, text in enumerate(sentences.split(" | ")):
            split = "test" if at % 4 == 3 else "train"
            rows.append({"text": text, "language": OTHER, "split": split, "template": name})
    return rows


def kind_matrix(rows: Sequence[Row]) -> csr_matrix:
    """One row a text: its characters, its words, its concepts, each of their own length."""
    lexicon, names = read_lexicon()
    folded = [fold(row["text"]) for row in rows]
    parts = [kind_features(text) for text in folded]
    blocks = [_rows([part[at] for part in parts], 1 << BITS) for at in (0, 1)]
    concepts = [
        concept_features(text, (row["language"],), lexicon, len(names))
        for text, row in zip(folded, rows, strict=True)
    ]
    blocks.append(_rows(concepts, concept_width(len(names))) * CONCEPT_SCALE)
    return csr_matrix(hstack(blocks, format="csr"))


def read_lexicon() -> tuple[Lexicon, tuple[str, ...]]:
    """The words of the concepts, and their names."""
    return lexicon_of(LEXICON.read_text().splitlines())


def language_matrix(texts: Sequence[str]) -> csr_matrix:
    """One row a text, of length 1."""
    return _rows([language_features(fold(text)) for text in texts], 1 << LANGUAGE_BITS)


def _rows(buckets: list[Array], width: int) -> csr_matrix:
    sizes = np.array([len(row) for row in buckets])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    values = np.repeat(1 / np.sqrt(np.maximum(1, sizes)), sizes).astype(np.float32)
    return csr_matrix((values, np.concatenate(buckets), starts), shape=(len(buckets), width))


def fit_kinds(rows: csr_matrix, kinds: Array, weights: Array) -> LogisticRegression:
    """The classifier of kinds."""
    model = LogisticRegression(C=STRENGTH, max_iter=120, tol=3e-3)
    with threadpool_limits(1):
        return model.fit(rows, kinds, sample_weight=weights)


def example_weights(rows: Sequence[Row]) -> Array:
    """The same for each template; timeless questions weigh as much as all others."""
    counts = Counter(row["template"] for row in rows)
    weights = np.array([1 / counts[row["template"]] for row in rows])
    timeless = np.array([row["kind"] == KINDS[0] for row in rows])
    weights[timeless] *= weights[~timeless].sum() / weights[timeless].sum()
    return np.asarray(weights / weights.mean())


def out_of_fold(rows: csr_matrix, kinds: Array, weights: Array, templates: Sequence[str]) -> Array:
    """Probabilities of models that have not seen the question's template."""
    names = {name: at for at, name in enumerate(sorted(set(templates)))}
    drawn = np.random.default_rng(0).integers(FOLDS, size=len(names))
    fold_of = drawn[[names[name] for name in templates]]
    shares = np.zeros((len(kinds), len(KINDS)))
    for held in range(FOLDS):
        rest = fold_of != held
        model = fit_kinds(rows[rest], kinds[rest], weights[rest])
        shares[~rest] = model.predict_proba(rows[~rest])
    return shares


def thresholds(
    languages: Array, kinds: Array, shares: Array, names: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """By language: from which probability on in doubt, and from which on refused."""
    bound = 1 - shares[:, 0]
    points = {}
    for name in names:
        mine = languages == name
        timeless, others = bound[mine & (kinds == 0)], bound[mine & (kinds > 0)]
        doubt = float(np.clip(np.quantile(others, DOUBT_MISSES), *DOUBT_BOUNDS))
        refuse = float(np.clip(np.quantile(timeless, 1 - REFUSED), *REFUSE_BOUNDS))
        points[name] = (min(doubt, refuse), refuse)
    return points


def file_parts(
    model: LogisticRegression,
    language_model: LogisticRegression,
    points: Mapping[str, tuple[float, float]],
) -> dict[str, Array]:
    """What `read_recogniser` reads: weights in 8 bits."""
    width = 1 << BITS
    chars, words, concepts = np.split(model.coef_.T, [width, 2 * width])
    language_weights, language_scale = _in_8_bits(language_model.coef_.T)
    (chars8, chars_scale), (words8, words_scale) = _in_8_bits(chars), _in_8_bits(words)
    names = [str(name) for name in language_model.classes_]
    order = [*(at for at, name in enumerate(names) if name != OTHER), names.index(OTHER)]
    return {
        "format": np.array(RECOGNISER_FORMAT),
        "chars": chars8,
        "words": words8,
        "scales": np.array([chars_scale, words_scale], dtype=np.float64),
        "concepts": (concepts * CONCEPT_SCALE).astype(np.float32),
        "lexicon": np.array(LEXICON.read_text().splitlines()),
        "bias": model.intercept_.astype(np.float32),
        "languages": np.array([names[at] for at in order]),
        "language_weights": language_weights[:, order],
        "language_scale": np.array(language_scale),
        "language_bias": language_model.intercept_[order].astype(np.float32),
        "thresholds": np.array([points[names[at]] for at in order[:-1]], dtype=np.float64),
    }


def _in_8_bits(weights: Array) -> tuple[Array, float]:
    scale = float(np.abs(weights).max()) / 127
    return np.round(weights / scale).astype(np.int8), scale


def train(rows: list[Row], others: list[Row]) -> tuple[Recogniser, dict[str, Array]]:
    """The recogniser of these questions, with thresholds from their cross-validation."""
    matrix, kinds = kind_matrix(rows), np.array([KINDS.index(row["kind"]) for row in rows])
    weights, templates = example_weights(rows), [row["template"] for row in rows]
    languages = np.array([row["language"] for row in rows])
    shares = out_of_fold(matrix, kinds, weights, templates)
    points = thresholds(languages, kinds, shares, sorted(set(languages.tolist())))
    both = rows + others
    in_language = language_matrix([row["text"] for row in both])
    names = np.array([row["language"] for row in both])
    frequent = np.where(names == OTHER, 4.0, 1.0)
    with threadpool_limits(1):
        speech = LogisticRegression(C=LANGUAGE_STRENGTH, max_iter=300, tol=1e-3).fit(
            in_language, names, sample_weight=frequent
        )
    parts = file_parts(fit_kinds(matrix, kinds, weights), speech, points)
    return read_recogniser(parts), parts


def figures(model: Recogniser, rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """By language: shares recognised, in doubt and refused; `all` adds them up."""
    table: dict[str, dict[str, float]] = {}
    seen = [(row, model.recognise(row["text"])) for row in rows]
    for name in [*sorted({row["language"] for row in rows}), "all"]:
        mine = [(row, it) for row, it in seen if name in ("all", row["language"])]
        line: dict[str, float] = {"questions": len(mine)}
        for kind in KINDS:
            bound = [1 - it.share("timeless") for row, it in mine if row["kind"] == kind]
            limits = [(it.doubt, it.refuse) for row, it in mine if row["kind"] == kind]
            pairs = list(zip(bound, limits, strict=True))
            line[f"{kind} refused"] = _share(b >= refuse for b, (_, refuse) in pairs)
            line[f"{kind} in doubt"] = _share(d <= b < r for b, (d, r) in pairs)
        line["language known"] = _share(it.language == row["language"] for row, it in mine)
        table[name] = line
    return table


def _share(values: Iterable[bool]) -> float:
    listed = list(values)
    return round(sum(listed) / len(listed), 4) if listed else 0.0


def markdown(table: Mapping[str, Mapping[str, float]]) -> str:
    """The table for the model card."""
    names = [f"{kind} {what}" for kind in KINDS for what in ("refused", "in doubt")]
    lines = ["| | questions | " + " | ".join(names) + " | language known |"]
    lines.append("| --- " * (len(names) + 3) + "|")
    for name, line in table.items():
        cells = [f"{100 * line[column]:.1f} %" for column in [*names, "language known"]]
        lines.append(f"| {name} | {line['questions']:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Trains, measures, writes the model and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=Path, default=FILE)
    parser.add_argument("--output", type=Path, default=Path("cache/semantic/recogniser.npz"))
    parser.add_argument("--figures", type=Path, default=Path("bench/results/recogniser.json"))
    options = parser.parse_args()
    began, rows, others = time.monotonic(), read_questions(options.questions), other_languages()
    seen = [row for row in rows if row["split"] != "test"]
    unseen = [row for row in rows if row["split"] == "test"]
    model, _ = train(seen, [row for row in others if row["split"] != "test"])
    table = {
        "templates": figures(model, [row for row in unseen if row["template"][0] == "t"]),
        "another hand": figures(model, [row for row in unseen if row["template"][0] == "h"]),
    }
    foreign = [model.recognise(row["text"]) for row in others if row["split"] == "test"]
    print(f"other languages kept out: {_share(it.language is None for it in foreign):.1%}")
    for name, part in table.items():
        print(f"\n{name}\n{markdown(part)}")
    options.figures.parent.mkdir(parents=True, exist_ok=True)
    options.figures.write_text(json.dumps(table, indent=1) + "\n")
    final, trained = train(rows, others)
    parts: dict[str, Any] = dict(trained)
    np.savez_compressed(options.output, **parts)
    print(dict(final.thresholds))
    print(f"{options.output}: {options.output.stat().st_size / 1e3:.0f} kB", end="; ")
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
