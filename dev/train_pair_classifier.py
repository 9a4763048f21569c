r"""Training of the cross-encoder: layers that read two questions, and the head above them.

    python -m dev.train_pair_classifier --pairs semantic_pairs.jsonl.gz

It learns from the verifier's pairs, from rewordings in sixteen languages, and from detail pairs,
but those of the ninth, tenth, twelfth and sixteenth set. One fold of the clusters is held out, of
the verifier it is averaged with, too: of it are the figures and the meaning of English pairs'
scores. What those of other languages mean the ninth, tenth and twelfth set say. Then build the
layers anew: `python -m dev.build_pair_encoder`.
"""

import argparse
import json
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from cache.cross_encoder.pair_classifier import IN_ENGLISH, MOST_SPREAD, PAIR_FORMAT, PairScale
from cache.semantic.embedder import LocalEmbedder
from cache.semantic.pair_encoder import PAIR_CLASSIFIER, PREFIX_PIECES
from cache.semantic.semantic_search import LEAST_COSINE
from cache.semantic.verifier_file import load_verifier
from cache.verification.accept import FORM_SCORE
from cache.verification.quantized_embedding import QuantizedEmbedding, quantize
from cache.verification.verifier import EmbeddedText, Verifier, model_inputs, read_verifier
from dev.build_embedder import find_weights
from dev.build_multilingual_embedder import WHEEL, WHEEL_FILE
from dev.build_pair_encoder import ALONE, PAIR_TUNING, TOGETHER, pair_version
from dev.figures import Scored, at_point
from dev.pair_tuning.network import PairNetwork, Pairs, fit_pairs, new_pair_network
from dev.question_tuning.layers import Array
from dev.question_tuning.states import States, base_layers, states_in_8_bits
from dev.train_verifier import (
    FOLDS,
    LEXICAL_WIDTH,
    NOISE_SEED,
    RATES,
    Pair,
    clusters,
    fit,
    read_pairs,
)
from runtime.config.sections.cache import CacheSettings

Places: TypeAlias = NDArray[np.int64]

DETAILS: Final = Path("bench/cache_details.jsonl")
REWORDINGS: Final = Path(__file__).with_name("pair_tuning") / "rewordings"
REWORDED: Final = "reworded"
POINT_SETS: Final = ("ninth", "tenth", "twelfth")
"""Of the detail pairs: the scores' meaning outside of English is read off them."""
UNSEEN_SETS: Final = (*POINT_SETS, "sixteenth")
"""The last one only measures."""
NOT_LEARNED: Final = ("mrpc", "stsb")
"""Sources of pairs that are no questions."""
MOST_TOKENS: Final = 60
"""Of both questions, where a pair is learned from."""
OWN_TURNS: Final = 2
"""How often a pass reads a detail pair or a rewording."""
PASSES: Final = 1.3
"""After more it knows the pairs by heart."""
ENGLISH_SHARE: Final = 0.6
"""Of the cross-encoder in the averaged log-odds."""
LEAST_DOUBT: Final = 0.2
"""Of English pairs to which the verifier gives less, no average reaches the 5 % point."""
SURE_RATE: Final = 0.001
"""Where the verifier alone keeps this share of false hits nothing in English is in doubt."""
OTHERS_SHARE: Final = 0.9


def all_pairs(path: Path) -> tuple[list[Pair], Places, str]:
    """The pairs, each one's fold (-1: in none), and the source with the most of them."""
    pairs = read_pairs(path)
    groups = clusters(pairs)
    fold = np.random.default_rng(NOISE_SEED).integers(FOLDS, size=groups.max() + 1)[groups]
    main = Counter(str(pair["source"]) for pair in pairs).most_common(1)[0][0]
    details = [pair | {"source": f"detail {pair['split']}"} for pair in read_pairs(DETAILS)]
    own = details + reworded_pairs(REWORDINGS)
    return pairs + own, np.concatenate([fold, np.full(len(own), -1)]), main


def reworded_pairs(folder: Path) -> list[Pair]:
    """Three pairs of each line of a language's file: question, the same, a near one."""
    return [
        {"a": a, "b": b, "same": same, "language": path.stem, "source": REWORDED}
        for path in sorted(folder.glob("*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
        for question, again, near in [line.split("|")]
        for a, b, same in ((question, again, 1), (question, near, 0), (again, near, 0))
    ]


def token_states(texts: list[str], directory: Path) -> States:
    """What the lower layers make of the texts' word pieces."""
    first, tokens = states_in_8_bits(directory), list[NDArray[np.float16]]()
    for at, text in enumerate(texts):
        tokens.append(np.delete(first(text), PREFIX_PIECES, axis=0).astype(np.float16))
        if at % 10_000 == 0:
            print(f"read {at:,} of {len(texts):,} texts", flush=True)
    lengths = np.array([len(rows) for rows in tokens])
    return States(np.concatenate(tokens), lengths, np.cumsum(lengths) - lengths)


def learned_places(pairs: list[Pair], fold: Places, cosines: Array, lengths: Places) -> Places:
    """The pairs that are learned from, as often as a pass reads them."""
    sources = [str(pair["source"]) for pair in pairs]
    unseen = tuple(f"detail {name}" for name in UNSEEN_SETS)
    is_own = np.array([source == REWORDED or source.startswith("detail") for source in sources])
    is_out = np.array([source in (*NOT_LEARNED, *unseen) for source in sources])
    is_near = is_own | (cosines >= LEAST_COSINE)
    chosen = np.flatnonzero((fold != 0) & ~is_out & is_near & (lengths <= MOST_TOKENS))
    return np.concatenate([chosen] + [chosen[is_own[chosen]]] * (OWN_TURNS - 1))


def scale_of(
    verified: Array, read: Array, verifier: Verifier, start: tuple[float, float, float]
) -> PairScale:
    """What the models' words mean, by pairs that need another answer.

    verified, read: the verifier's scores of them and the cross-encoder's log-odds; start: share
    and doubts. What the verifier is sure of counts among the accepted: it is never read together.
    """
    bare = PairScale(*start, np.zeros(0, np.float32), np.zeros(0, np.float32))
    sure = int((verified >= bare.sure).sum())
    places = np.flatnonzero((verified >= bare.least) & (verified < bare.sure))
    asked = sorted(bare.averaged(float(verified[at]), float(read[at])) for at in places)[::-1]
    marks = [
        (asked[left], verifier.operating_point(rate))
        for rate in RATES
        if 0 < (left := int(rate * len(verified)) - sure) < len(asked)
    ]
    marks.append((marks[-1][0] - 10, 0.0))
    found, scores = np.array(marks[::-1], dtype=np.float32).T
    return replace(bare, odds=found, points=scores)


def elsewhere_places(pairs: list[Pair]) -> Places:
    """Different pairs in other languages than English, of the sets that tell scores' meaning."""
    sets = {f"detail {name}" for name in POINT_SETS}
    return np.array(
        [
            at
            for at, pair in enumerate(pairs)
            if pair["source"] in sets and not pair["same"] and pair["language"] != IN_ENGLISH
        ]
    )


def saved_classifier(
    network: PairNetwork, about: dict[str, Any], scales: dict[str, PairScale]
) -> dict[str, Any]:
    """The classifier's file. scales: by the name that they have in `PairClassifier`."""
    names = ("sides", "hidden", "hidden_bias", "output", "output_bias")
    meanings = {
        f"{name}_{of}": value
        for name, scale in scales.items()
        for of, value in (
            # in 64 bits: in 32 a form's score of 0.97 would lie below a bound of 0.97
            ("share_and_doubts", np.array((scale.share, scale.least, scale.sure))),
            ("odds", scale.odds.astype(np.float32)),
            ("points", scale.points.astype(np.float32)),
        )
    }
    return {
        "format": np.array(PAIR_FORMAT),
        "centre": network.centre,
        "scales": network.scales,
        **meanings,
        **{name: network.parts[name].astype(np.float16) for name in names},
        **about,
    }


def _quantized(local: LocalEmbedder, verifier: Verifier, text: str) -> QuantizedEmbedding:
    made = local.embed_now(text)
    return quantize(made.sentence, made.ids, made.tokens, verifier.projection)


def main() -> None:
    """Trains, measures, writes the layers' change, the classifier and the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--embedder", type=Path, default=Path("var/embedder"))
    parser.add_argument("--multilingual", type=Path, default=Path("var/multilingual"))
    parser.add_argument("--figures", type=Path, default=Path("bench/results/pair_classifier.json"))
    options = parser.parse_args()
    pairs, fold, main_source = all_pairs(options.pairs)
    same = np.array([pair["same"] for pair in pairs])
    sources = np.array([str(pair["source"]) for pair in pairs])
    texts = list(dict.fromkeys(text for pair in pairs for text in (pair["a"], pair["b"])))
    local = LocalEmbedder(options.embedder)
    # the shipped one's points are of models like `beside`, each on the fold that it hasn't seen
    verifier = load_verifier(CacheSettings(), local.version)
    drawn = {text: _quantized(local, verifier, text) for text in texts}
    sides = [[EmbeddedText(pair[side], drawn[pair[side]]) for pair in pairs] for side in "ab"]
    seen, products = model_inputs(list(zip(*sides, strict=True)))
    rest, held = fold > 0, np.flatnonzero((fold == 0) & (sources == main_source))
    embedder = {"embedder": np.array(local.version), "projection": verifier.projection}
    beside = read_verifier(fit(seen[rest], products[rest], same[rest], embedder))
    verified = beside.score_inputs(seen[held], products[held])
    mean, scale = seen.mean(axis=0), seen.std(axis=0) + 1e-6
    number = {text: at for at, text in enumerate(texts)}
    first, second = (np.array([number[pair[side]] for pair in pairs]) for side in "ab")
    spread = np.clip((seen - mean) / scale, -MOST_SPREAD, MOST_SPREAD)
    learned = Pairs(token_states(texts, options.multilingual), first, second, spread, same)
    draw = np.random.default_rng(NOISE_SEED)
    base = base_layers(ALONE, ALONE + TOGETHER)
    network = new_pair_network(base, learned, draw.choice(held, 400, replace=False))
    chosen = learned_places(pairs, fold, seen[:, LEXICAL_WIDTH], learned.lengths)
    with threadpool_limits(1):
        fit_pairs(network, learned, chosen, PASSES)
        read = network.log_odds(learned, held)
    tuned: dict[str, Any] = {
        name: part.astype(np.float16) for name, part in network.parts.items() if "." in name
    }
    np.savez_compressed(PAIR_TUNING, **tuned)
    named = pair_version(find_weights(WHEEL, WHEEL_FILE).read_bytes(), PAIR_TUNING)
    about = {
        "layers": np.array(f"{named['name']}-{named['weights']}-{named['recipe']}"),
        "verifier": np.array(local.version),
        "feature_mean": mean,
        "feature_scale": scale,
    }
    others = same[held] == 0
    start = ENGLISH_SHARE, LEAST_DOUBT, verifier.operating_point(SURE_RATE)
    english = scale_of(verified[others], read[others], verifier, start)
    near = elsewhere_places(pairs)
    seen_near = verifier.score_inputs(seen[near], products[near])
    read_near = network.log_odds(learned, near)
    # whatever the verifier says, all are read; but what has one form is the guard's to refuse
    elsewhere = scale_of(seen_near, read_near, verifier, (OTHERS_SHARE, 0.0, math.inf))
    elsewhere = replace(elsewhere, sure=FORM_SCORE)
    scales = {"english": english, "others": elsewhere}
    np.savez_compressed(PAIR_CLASSIFIER, **saved_classifier(network, about, scales))
    odds = np.array([english.averaged(*both) for both in zip(verified, read, strict=True)])
    figures = _figures(held, same, verified, read, odds)
    options.figures.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


def _figures(
    held: Places, same: Array, verified: Array, read: Array, odds: Array
) -> dict[str, dict[str, Any]]:
    """Of the held-out fold: what each finds."""
    found: dict[str, dict[str, Any]] = {}
    for name, scores in (("verifier", verified), ("cross-encoder", read), ("both", odds)):
        scored = Scored(scores, same[held], np.full(len(held), "held"))
        found[name] = {f"{rate:.1%}": at_point(scored, scored.threshold(rate)) for rate in RATES}
    return found


if __name__ == "__main__":
    main()
