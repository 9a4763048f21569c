r"""Training of the cache's recogniser, measured on questions that it has never seen.

    python -m dev.train_recogniser
    python -m dev.train_recogniser --prompts DATA/routing.dev.jsonl.gz
    python -m dev.train_recogniser --questions mine.jsonl --output var/recogniser.npz

prompts: tasks and long texts as programs send them, all timeless. Without them a model of
questions takes words inside of a given text for the asker's own: it refused 57 % of the demo's.

The figures are those of models that have seen no question of the author: one table for each author
of plain questions. The file holds the model fitted to all.
"""

import argparse
import gzip
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from cache.identity.concept_index import ConceptIndex
from cache.identity.question_concepts import Lexicon, concept_features, concept_width, lexicon_of
from cache.identity.question_features import (
    BITS,
    LANGUAGE_BITS,
    bare,
    cut,
    folded_words,
    grams_of,
    neighbour_buckets,
    word_hashes,
)
from cache.identity.recogniser import KINDS, RECOGNISER_FORMAT, Recognition, read_recogniser
from dev.demo_traffic import PROMPTS as DEMO_PROMPTS
from dev.recogniser.questions import FILE, HERE

Array: TypeAlias = NDArray[Any]
Row: TypeAlias = dict[str, str]
Judged: TypeAlias = tuple[Row, Recognition]

STRENGTH: Final = 1.5
LEAST_USES: Final = 3
"""Of a feature, in questions: rarer ones teach nothing that holds for others."""
CONCEPT_SCALE: Final = 6.0
"""How much less than those of n-grams the weights of concepts are held down."""
LEXICON: Final = HERE / "concepts.txt"
LANGUAGE_STRENGTH: Final = 30.0
REFUSE: Final = 0.5
"""From this probability of being bound on, refused: 5 % of timeless questions of unseen authors."""
DOUBT: Final = 0.3
"""From this one on, in doubt: another 4 %."""
PLAIN_SERIES: Final = ("c", "h", "f", "g")
"""Authors who wrote plain questions, each of another kind, instead of templates."""
PLAIN_WEIGHT: Final = 1.5
"""Of a plain question against all of a template's."""
PROMPTS_SERIES: Final = "r"
PROMPTS_WEIGHT: Final = 0.35
"""Of all real prompts together, against all timeless questions."""
TASKS: Final = HERE / "tasks.txt"
OTHER: Final = "other"


def read_questions(path: Path) -> list[Row]:
    """The questions of a file of JSON lines, gzipped or not."""
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    return [json.loads(line) for line in text.splitlines()]


def tasks() -> list[Row]:
    """Instructions with the text that they are about: the answer follows from that alone."""
    lines = (line.split(": ", 1) for line in TASKS.read_text(encoding="utf-8").splitlines())
    return [_timeless(text, language, f"t-{at}") for at, (language, text) in enumerate(lines)]


def prompts_of(path: Path, but: frozenset[str]) -> list[Row]:
    """Real prompts, in English, without those of the demo."""
    texts = [json.loads(line)["prompt"] for line in gzip.decompress(path.read_bytes()).splitlines()]
    chosen = [text for text in texts if text not in but][::2]
    return [_timeless(text, "en", f"{PROMPTS_SERIES}-{at}") for at, text in enumerate(chosen)]


def _timeless(text: str, language: str, template: str) -> Row:
    return {"text": text, "language": language, "kind": KINDS[0], "template": template}


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
    """One row a text: its characters, its neighbouring words, its concepts, each of length 1."""
    lexicon = read_lexicon()
    texts = [[bare(word) for word in cut(folded_words(row["text"]))] for row in rows]
    distinct = dict.fromkeys(chain(*texts))
    places = {word: place for place, word in enumerate(distinct)}
    index = ConceptIndex(lexicon, len(distinct))
    index.add(distinct)
    concepts = [
        _concepts([places[word] for word in text], index, (row["language"],))
        for text, row in zip(texts, rows, strict=True)
    ]
    chars = [_begun(grams_of(text).kinds, BITS) for text in texts]
    beside = [neighbour_buckets(word_hashes(text)).ravel() for text in texts]
    blocks = [
        _rows(chars, 1 << BITS),
        _rows(beside, 1 << BITS),
        _rows(concepts, concept_width(len(lexicon.names))) * CONCEPT_SCALE,
    ]
    return csr_matrix(hstack(blocks, format="csr"))


def _concepts(places: Sequence[int], index: ConceptIndex, languages: tuple[str, ...]) -> Array:
    seen = index.concepts_in(places, np.array(places), languages)
    return concept_features(seen, len(places), languages, len(index.lexicon.names))


def read_lexicon() -> Lexicon:
    """The words of the concepts."""
    return lexicon_of(LEXICON.read_text().splitlines())


def language_matrix(texts: Sequence[str]) -> csr_matrix:
    """One row a text, of length 1."""
    words = [cut(folded_words(text)) for text in texts]
    return _rows(
        [_begun(grams_of(text).languages, LANGUAGE_BITS) for text in words], 1 << LANGUAGE_BITS
    )


def _begun(buckets: Array, bits: int) -> Array:
    """The buckets of the n-grams that there are."""
    return np.asarray(buckets[buckets < 1 << bits])


def _rows(buckets: list[Array], width: int) -> csr_matrix:
    sizes = np.array([len(row) for row in buckets])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    values = np.repeat(1 / np.sqrt(np.maximum(1, sizes)), sizes).astype(np.float32)
    made = csr_matrix((values, np.concatenate(buckets), starts), shape=(len(buckets), width))
    made.sum_duplicates()
    return made


@dataclass(frozen=True, slots=True)
class KindModel:
    """A classifier of kinds. coefficients: by feature, by kind."""

    coefficients: Array
    bias: Array

    def shares(self, rows: csr_matrix) -> Array:
        """Probabilities of `KINDS`, one row a text."""
        scores = rows @ self.coefficients + self.bias
        raised = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def fit_kinds(rows: csr_matrix, kinds: Array, weights: Array) -> KindModel:
    """The classifier of kinds, of features that more than a few questions have."""
    is_used = rows.getnnz(axis=0) >= LEAST_USES
    model = LogisticRegression(C=STRENGTH, max_iter=80, tol=3e-3)
    with threadpool_limits(1):
        model.fit(rows[:, is_used], kinds, sample_weight=weights)
    coefficients = np.zeros((rows.shape[1], len(KINDS)))
    coefficients[is_used] = model.coef_.T
    return KindModel(coefficients, model.intercept_)


def example_weights(rows: Sequence[Row]) -> Array:
    """The same for each template; timeless questions weigh as much as all others."""
    counts = Counter(row["template"] for row in rows)
    weights = np.array([1 / counts[row["template"]] for row in rows])
    prompts = np.array([row["template"][0] == PROMPTS_SERIES for row in rows])
    bound = np.array([row["kind"] != KINDS[0] for row in rows])
    timeless = ~bound & ~prompts
    weights[timeless] *= weights[bound].sum() / weights[timeless].sum()
    weights[np.array([row["template"][0] in PLAIN_SERIES for row in rows])] *= PLAIN_WEIGHT
    if prompts.any():
        weights[prompts] *= PROMPTS_WEIGHT * weights[timeless].sum() / weights[prompts].sum()
    return np.asarray(weights / weights.mean())


def file_parts(
    model: KindModel,
    language_model: LogisticRegression,
) -> dict[str, Array]:
    """What `read_recogniser` reads: weights in 8 bits."""
    width = 1 << BITS
    chars, beside, concepts = np.split(model.coefficients, [width, 2 * width])
    language_weights, language_scale = _in_8_bits(language_model.coef_.T)
    (chars8, chars_scale), (beside8, beside_scale) = _in_8_bits(chars), _in_8_bits(beside)
    names = [str(name) for name in language_model.classes_]
    order = [*(at for at, name in enumerate(names) if name != OTHER), names.index(OTHER)]
    return {
        "format": np.array(RECOGNISER_FORMAT),
        "chars": chars8,
        "neighbours": beside8,
        "scales": np.array([chars_scale, beside_scale, language_scale], dtype=np.float64),
        "concepts": (concepts * CONCEPT_SCALE).astype(np.float16),
        "lexicon": np.array(LEXICON.read_text().splitlines()),
        "bias": model.bias.astype(np.float32),
        "languages": np.array([names[at] for at in order]),
        "language_weights": language_weights[:, order],
        "language_bias": language_model.intercept_[order].astype(np.float32),
        "thresholds": np.array([(DOUBT, REFUSE) for _ in order[:-1]], dtype=np.float64),
    }


def _in_8_bits(weights: Array) -> tuple[Array, float]:
    scale = float(np.abs(weights).max()) / 127
    return np.round(weights / scale).astype(np.int8), scale


def fit_languages(rows: Sequence[Row]) -> LogisticRegression:
    """The classifier of languages."""
    names = np.array([row["language"] for row in rows])
    matrix = language_matrix([row["text"] for row in rows])
    frequent = np.where(names == OTHER, 4.0, 1.0)
    with threadpool_limits(1):
        return LogisticRegression(C=LANGUAGE_STRENGTH, max_iter=100, tol=3e-3).fit(
            matrix, names, sample_weight=frequent
        )


def figures(seen: Sequence[Judged]) -> dict[str, dict[str, float]]:
    """By language: shares refused and in doubt; `all` adds them up."""
    table: dict[str, dict[str, float]] = {}
    for name in [*sorted({row["language"] for row, _ in seen}), "all"]:
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
    parser.add_argument("--prompts", type=Path, help="real prompts, JSON lines, gzipped")
    options = parser.parse_args()
    began, others = time.monotonic(), other_languages()
    rows = [*read_questions(options.questions), *tasks()]
    if options.prompts is not None:
        demo = [json.loads(line)["prompt"] for line in DEMO_PROMPTS.read_text().splitlines()]
        rows += prompts_of(options.prompts, frozenset(demo))
    matrix, kinds = kind_matrix(rows), np.array([KINDS.index(row["kind"]) for row in rows])
    series = np.array([row["template"][0] for row in rows])
    taught = [row for row in others if row["split"] != "test"]
    table = {}
    for author in PLAIN_SERIES:
        rest = series != author
        seen = [row for row, mine in zip(rows, rest, strict=True) if mine]
        speech = fit_languages(seen + taught)
        fitted = fit_kinds(matrix[rest], kinds[rest], example_weights(seen))
        model = read_recogniser(file_parts(fitted, speech))
        unseen = [row for row, mine in zip(rows, rest, strict=True) if not mine]
        table[author] = figures([(row, model.recognise(row["text"])) for row in unseen])
    parts: dict[str, Any] = dict(
        file_parts(fit_kinds(matrix, kinds, example_weights(rows)), speech)
    )
    final = read_recogniser(parts)
    foreign = [final.recognise(row["text"]) for row in others if row["split"] == "test"]
    print(f"other languages kept out: {_share(it.language is None for it in foreign):.1%}")
    for name, part in table.items():
        print(f"\nunseen author {name}\n{markdown(part)}")
    options.figures.parent.mkdir(parents=True, exist_ok=True)
    options.figures.write_text(json.dumps(table, indent=1) + "\n")
    np.savez_compressed(options.output, **parts)
    print(f"{options.output}: {options.output.stat().st_size / 1e3:.0f} kB", end="; ")
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
