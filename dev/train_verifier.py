r"""Training of the cache's verifier, cross-validated on questions it has never seen.

    python -m dev.train_verifier --pairs semantic_pairs.jsonl.gz
    OPENAI_API_KEY=... python -m dev.train_verifier --pairs mine.jsonl --output var/verifier.npz \
        --endpoint https://api.example.com/v1 --model text-embedding-3-small

Pairs are JSON lines of `a`, `b`, `same` (1: one answer serves both), `source`. Every figure is of
the source with the most pairs, and measured across clusters: pairs that share a question, however
indirectly, are in one fold. The operating points come from those out-of-fold scores; the model
itself is fitted to all pairs.
"""

import argparse
import asyncio
import gzip
import json
import os
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import aiohttp
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from cache.semantic.embedder import Embedding, LocalEmbedder, OpenAiEmbedder, endpoint_version
from cache.verification.lexical_features import LEXICAL_FEATURES
from cache.verification.quantized_embedding import QuantizedEmbedding, quantize
from cache.verification.token_alignment import ALIGNMENT_FEATURES
from cache.verification.tokenizer import tokenize_question
from cache.verification.verifier import FORMAT, EmbeddedText, Verifier, model_inputs, read_verifier
from dev.figures import Scored, at_point, defaults, table

Array: TypeAlias = NDArray[Any]
Pair: TypeAlias = dict[str, Any]
EmbedAll: TypeAlias = Callable[[list[str]], Iterable[Embedding]]

DIMENSIONS: Final = 64
FOLDS: Final = 5
AT_ONCE: Final = 32
ROUNDS: Final = 300
RATES: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
NOISE_SEED: Final = 0


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a file, gzipped or not."""
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    return [json.loads(line) for line in text.splitlines()]


def quantized_embeddings(
    texts: list[str], embed_all: EmbedAll
) -> tuple[dict[str, QuantizedEmbedding], Array]:
    """Every text's sketch, and the projection of word pieces to their main directions."""
    sample = np.random.default_rng(NOISE_SEED).permutation(len(texts))[:4000]
    seen = np.concatenate([_unit(made.tokens) for made in embed_all([texts[at] for at in sample])])
    projection = np.zeros((1, 1), np.float32)  # an endpoint tells nothing of word pieces
    if seen.size:
        _, directions = np.linalg.eigh(seen.T @ seen)
        projection = directions[:, -DIMENSIONS:].astype(np.float16).astype(np.float32)
    drawn = {}
    for at, (text, made) in enumerate(zip(texts, embed_all(texts), strict=True)):
        drawn[text] = quantize(made.sentence, made.ids, made.tokens, projection)
        if at % 10_000 == 0:
            print(f"embedded {at:,} of {len(texts):,} texts", flush=True)
    return drawn, projection


def embedder_of(options: argparse.Namespace) -> tuple[str, EmbedAll]:
    """The version and the function of the embedder that the options name."""
    if options.endpoint:
        key = os.environ.get("OPENAI_API_KEY")
        version = endpoint_version(options.endpoint, options.model)
        return version, lambda texts: _from_endpoint(options.endpoint, options.model, key, texts)
    local = LocalEmbedder(options.embedder)
    return local.version, lambda texts: map(local.embed_now, texts)


def _from_endpoint(url: str, model: str, key: str | None, texts: list[str]) -> Iterator[Embedding]:
    async def some(chunk: list[str]) -> list[Embedding]:
        async with aiohttp.ClientSession() as session:
            embedder = OpenAiEmbedder(session, url, model, key)
            return await asyncio.gather(*map(embedder.embed, chunk))

    for start in range(0, len(texts), AT_ONCE):
        yield from asyncio.run(some(texts[start : start + AT_ONCE]))


def clusters(pairs: list[Pair]) -> Array:
    """One number a pair, the same for all pairs that are linked by shared questions."""
    parent: dict[str, str] = {}

    def root(text: str) -> str:
        while parent.setdefault(text, text) != text:
            parent[text] = text = parent[parent[text]]
        return text

    for pair in pairs:
        parent[root(_words(pair["a"]))] = root(_words(pair["b"]))
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(root(_words(p["a"])), len(numbers)) for p in pairs])


def _words(text: str) -> str:
    """A question without case and marks: forms of one question must not be in two folds."""
    return " ".join(tokenize_question(text).tokens)


def fit_trees(seen: Array, same: Array, rounds: int = ROUNDS) -> HistGradientBoostingClassifier:
    """The trees."""
    trees = HistGradientBoostingClassifier(
        max_iter=rounds,
        learning_rate=0.06,
        max_leaf_nodes=20,
        min_samples_leaf=60,
        l2_regularization=10,
        max_features=0.5,
        random_state=0,
    )
    with threadpool_limits(1):  # on a busy machine its threads wait for each other
        return trees.fit(seen, same)


def fit_network(seen: Array, products: Array, same: Array) -> tuple[StandardScaler, MLPClassifier]:
    """The network; strongly regularised, for it would learn the questions by heart."""
    scaler = StandardScaler().fit(seen)
    network = MLPClassifier(
        (128,), alpha=1.0, max_iter=12, batch_size=256, learning_rate_init=3e-4, random_state=0
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped early on purpose
        return scaler, network.fit(np.c_[products, scaler.transform(seen)], same)


def fit(
    seen: Array, products: Array, same: Array, about: dict[str, Any], rounds: int = ROUNDS
) -> dict[str, Array]:
    """The verifier's parts, without operating points unless `about` has them."""
    trees, (scaler, network) = fit_trees(seen, same, rounds), fit_network(seen, products, same)
    parts = {
        "format": np.array(FORMAT),
        **_tree_arrays(trees),
        "mean": scaler.mean_.astype(np.float32),
        "scale": (1 / scaler.scale_).astype(np.float32),
        "rates": np.array(RATES, dtype=np.float32),
        "points": np.linspace(0.99, 0.5, len(RATES), dtype=np.float32),
        **about,
    }
    for at, (weights, bias) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        parts[f"weights{at}"] = weights.astype(np.float16)
        parts[f"bias{at}"] = bias.astype(np.float32)
    return parts


def across_clusters(
    seen: Array, products: Array, same: Array, groups: Array, about: dict[str, Any]
) -> Array:
    """Scores of models that have not seen the pair's cluster."""
    fold = np.random.default_rng(NOISE_SEED).integers(FOLDS, size=groups.max() + 1)[groups]
    scores = np.zeros(len(same), dtype=np.float32)
    for held in range(FOLDS):
        rest = fold != held
        model = read_verifier(fit(seen[rest], products[rest], same[rest], about))
        scores[~rest] = _in_parts(model, seen[~rest], products[~rest])
        print(f"fold {held + 1} of {FOLDS} done", flush=True)
    return scores


def operating_points(scored: Scored, main: str) -> Array:
    """For each rate the score that keeps it, on the main source alone and on all of them."""
    alone = scored.of(main)
    points = [max(alone.threshold(rate), scored.threshold(rate)) for rate in RATES]
    return np.maximum.accumulate(np.array(points[::-1], dtype=np.float32))[::-1]


def _tree_arrays(trees: HistGradientBoostingClassifier) -> dict[str, Array]:
    nodes = [stage[0].nodes for stage in trees._predictors]  # noqa: SLF001 - no public way
    widest = max(len(tree) for tree in nodes)
    names = {"feature": np.uint8, "threshold": np.float32, "left": np.int16, "right": np.int16}
    arrays = {name: np.zeros((len(nodes), widest), dtype=kind) for name, kind in names.items()}
    value = np.zeros((len(nodes), widest), dtype=np.float32)
    for row, tree in enumerate(nodes):
        leaf, own = tree["is_leaf"].astype(bool), np.arange(len(tree))
        size = len(tree)
        arrays["feature"][row, :size] = np.where(leaf, 0, tree["feature_idx"])
        arrays["threshold"][row, :size] = np.where(leaf, 0, tree["num_threshold"])
        arrays["left"][row, :size] = np.where(leaf, own, tree["left"])
        arrays["right"][row, :size] = np.where(leaf, own, tree["right"])
        value[row, :size] = tree["value"]
    depth = max(int(tree["depth"].max()) for tree in nodes)
    offset = float(np.ravel(trees._baseline_prediction)[0])  # noqa: SLF001 - no public way
    return {**arrays, "value": value, "offset": np.array(offset), "depth": np.array(depth)}


def _in_parts(model: Verifier, seen: Array, products: Array, size: int = 2000) -> Array:
    starts = range(0, len(seen), size)
    parts = (model.score_inputs(seen[at : at + size], products[at : at + size]) for at in starts)
    return np.concatenate(list(parts))


def _unit(rows: Array) -> Array:
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9))


def main() -> None:
    """Trains, measures, writes the model and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--embedder", type=Path, default=Path("var/embedder"))
    parser.add_argument("--endpoint", help="an OpenAI-compatible embedder, in place of ours")
    parser.add_argument("--model", default="text-embedding-3-small")
    parser.add_argument("--output", type=Path, default=Path("cache/semantic/verifier.npz"))
    parser.add_argument("--figures", type=Path, default=Path("bench/results/verifier.json"))
    options = parser.parse_args()
    began, pairs = time.monotonic(), read_pairs(options.pairs)
    version, embed_all = embedder_of(options)
    texts = list(dict.fromkeys(text for pair in pairs for text in (pair["a"], pair["b"])))
    drawn, projection = quantized_embeddings(texts, embed_all)
    whole = [
        (EmbeddedText(p["a"], drawn[p["a"]]), EmbeddedText(p["b"], drawn[p["b"]])) for p in pairs
    ]
    seen, products = model_inputs(whole)
    assert seen.shape[1] == len(LEXICAL_FEATURES) + len(ALIGNMENT_FEATURES)
    same = np.array([pair["same"] for pair in pairs])
    sources = np.array([pair.get("source", "own") for pair in pairs])
    about = {
        "embedder": np.array(version),
        "projection": projection.astype(np.float16),
    }
    scores = across_clusters(seen, products, same, clusters(pairs), about)
    main = Counter(sources.tolist()).most_common(1)[0][0]
    scored = Scored(scores, same, sources)
    cosine = Scored(seen[:, LEXICAL_WIDTH], same, sources)
    about["points"] = operating_points(scored, main)
    figures = {
        "verifier": table(scored, main),
        "cosine": table(cosine, main),
        "defaults of others": defaults(cosine.of(main)),
        "verifier at targets": {
            f"{rate:.1%}": at_point(scored.of(main), point)
            for rate, point in zip(RATES, about["points"], strict=True)
        },
    }
    parts: dict[str, Any] = fit(seen, products, same, about)
    np.savez_compressed(options.output, **parts)
    options.figures.parent.mkdir(parents=True, exist_ok=True)
    options.figures.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))
    print(f"{options.output}: {options.output.stat().st_size / 1e3:.0f} kB", end="; ")
    print(f"{time.monotonic() - began:.0f} s")


LEXICAL_WIDTH: Final = len(LEXICAL_FEATURES)

if __name__ == "__main__":
    main()
