"""Verifier: gradient-boosted trees and a small network. Does one answer serve both questions?

The two look at the words (`lexical_features`), at the alignment of their vectors
(`token_alignment`) and at the sentences' vectors; their log-odds are averaged. Trained by
`dev/train_verifier.py`; what the model is good and bad at: docs/model-card-verifier.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cache.verification.lexical_features import lexical_features
from cache.verification.quantized_embedding import QuantizedEmbedding, Vector
from cache.verification.token_alignment import alignment_features
from cache.verification.tokenizer import tokenize_question

Array: TypeAlias = NDArray[Any]
FORMAT: Final = "1"
PRODUCT_WEIGHT: Final = 0.5
"""Of one product of vectors against one feature; it is part of the trained model."""


@dataclass(frozen=True, slots=True)
class EmbeddedText:
    """A question and its quantized embedding."""

    text: str
    embedding: QuantizedEmbedding


@dataclass(frozen=True)
class Verifier:
    """The model. The trees' arrays have one row a tree, one column a node."""

    embedder: str
    """The version of the embedder whose vectors it was trained on."""
    projection: Vector
    """From word pieces' vectors to their main directions; shape (width, dimensions)."""
    feature: Array
    """The feature that a node asks; shape (trees, nodes)."""
    threshold: Array
    """At or below it the left child is next."""
    left: Array
    right: Array
    """The children; a leaf is its own child."""
    value: Array
    """A leaf's log-odds."""
    offset: float
    """Log-odds before the first tree."""
    depth: int
    """Levels of the deepest tree."""
    mean: Vector
    scale: Vector
    """Standardise the features for the network."""
    layers: tuple[tuple[Vector, Vector], ...]
    """The network's weights and biases."""
    rates: Vector
    """Shares of false hits, rising."""
    points: Vector
    """The score that keeps each rate: the operating points."""

    def score(self, pairs: Sequence[tuple[EmbeddedText, EmbeddedText]]) -> Vector:
        """The probability, 0..1, that one answer serves both, for each pair."""
        if not pairs:
            return np.zeros(0, np.float32)
        return self.score_inputs(*model_inputs(pairs))

    def score_inputs(self, seen: Vector, products: Vector) -> Vector:
        """The same, for what `model_inputs` gives. Shape (pairs,)."""
        odds = (self._tree_log_odds(seen) + self._network_log_odds(seen, products)) / 2
        return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float32)

    def operating_point(self, target: float) -> float:
        """The least score to accept, so that at most `target` of non-duplicates are accepted."""
        # between two calibrated rates: linear in the logarithm, for rates are a decade apart
        return float(np.interp(np.log(target), np.log(self.rates), self.points))

    @cached_property
    def _flat(self) -> tuple[Array, Array, Array, Array]:
        """All trees in one row: features, thresholds, each node's two children, the roots."""
        trees, width = self.feature.shape
        # whole words: numpy turns narrower positions into these at every look-up
        roots = np.arange(trees, dtype=np.intp) * width
        # children become positions in the one flat row, so a step down is a single lookup
        children = np.stack([self.left, self.right]).reshape(2, trees, width) + roots[:, None]
        feature = self.feature.ravel().astype(np.intp)
        return feature, self.threshold.ravel(), children.reshape(2, -1), roots

    def _tree_log_odds(self, seen: Vector) -> Vector:
        """The trees' log-odds, pair by pair.

        Every node asks its feature, then all trees go down one level at a time. A leaf leads to
        itself, so all trees take the same number of steps.
        """
        feature, threshold, (left, right), roots = self._flat
        leaves = np.empty((len(seen), len(roots)), dtype=self.value.dtype)
        for values, reached in zip(seen, leaves, strict=True):
            following = np.where(values.take(feature) <= threshold, left, right)
            node = roots
            for _ in range(self.depth):
                node = following.take(node)
            self.value.take(node, out=reached)
        return np.asarray(leaves.sum(axis=1) + self.offset)

    def _network_log_odds(self, seen: Vector, products: Vector) -> Vector:
        value = np.concatenate([products, (seen - self.mean) * self.scale], axis=1)
        for weights, bias in self.layers[:-1]:
            value = np.maximum(value @ weights + bias, 0)
        weights, bias = self.layers[-1]
        return np.asarray((value @ weights + bias)[:, 0])


def model_inputs(pairs: Sequence[tuple[EmbeddedText, EmbeddedText]]) -> tuple[Vector, Vector]:
    """What the model sees of pairs: their features, and products and gaps of their vectors.

    Shapes (pairs, features) and (pairs, 2 x width).
    """
    seen = np.array([pair_features(a, b) for a, b in pairs], dtype=np.float32)
    left = np.array([a.embedding.sentence for a, _ in pairs])
    right = np.array([b.embedding.sentence for _, b in pairs])
    width = left.shape[1]
    # a component of a unit vector is about width**-0.5: both are scaled to about PRODUCT_WEIGHT
    products = left * right * np.float32(width * PRODUCT_WEIGHT)
    gaps = np.abs(left - right) * np.float32(width**0.5 * PRODUCT_WEIGHT)
    return seen, np.concatenate([products, gaps], axis=1)


def pair_features(a: EmbeddedText, b: EmbeddedText) -> list[float]:
    """The features of one pair, in the order of LEXICAL_FEATURES and ALIGNMENT_FEATURES."""
    return [
        *lexical_features(tokenize_question(a.text), tokenize_question(b.text)),
        *alignment_features(a.embedding, b.embedding),
    ]


def read_verifier(archive: Mapping[str, Array]) -> Verifier:
    """The model in an `.npz` archive. Raises ValueError or KeyError when it isn't one of ours."""
    if str(archive["format"]) != FORMAT:
        raise ValueError("the verifier's file is of another version; train it again")
    count = sum(name.startswith("weights") for name in archive)
    layers = [(archive[f"weights{at}"], archive[f"bias{at}"]) for at in range(count)]
    return Verifier(
        embedder=str(archive["embedder"]),
        projection=archive["projection"].astype(np.float32),
        feature=archive["feature"],
        threshold=archive["threshold"],
        left=archive["left"],
        right=archive["right"],
        value=archive["value"],
        offset=float(archive["offset"]),
        depth=int(archive["depth"]),
        mean=archive["mean"],
        scale=archive["scale"],
        layers=tuple((weights.astype(np.float32), bias) for weights, bias in layers),
        rates=archive["rates"],
        points=archive["points"],
    )
