"""Tuned network: low-rank changes of the last layers and a classifier, fitted together.

A matrix W becomes W + A B, with A of `RANK` columns: a file of 0.4 MB says how 7 MB change.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cache.identity.recogniser import KINDS
from dev.build_embedder import WIDTH
from dev.build_multilingual_embedder import TUNED_PRODUCTS, TUNING_SCALE
from dev.question_tuning.adam import Adam, Parts, low_rank_gradients
from dev.question_tuning.layers import Array, Layer, Trace, backward, forward
from dev.question_tuning.states import BATCH, FROZEN, States, equally_long

RANK: Final = 16
MEAN_OF_EVERY: Final = 20
"""The mean of the vectors is that of every twentieth text."""
HIDDEN: Final = 64
PASSES: Final = 2
QUESTIONS_A_STEP: Final = 64
LAYER_RATE: Final = 6e-4
CLASSIFIER_RATE: Final = 1e-3
SMOOTHING: Final = 0.03
"""Of a question's label, shared out among all kinds."""
_WARM_UP: Final = 50
_LEAST_RATE: Final = 0.02
_CLASSIFIER: Final = ("hidden", "hidden_bias", "output", "output_bias")


@dataclass(slots=True)
class Network:
    """base: the layers as they are; parts: what is learned; mean: of all vectors."""

    base: list[Layer]
    parts: Parts
    mean: Array

    def layers(self) -> list[Layer]:
        """The layers with their changes."""
        tuned = [dict(layer) for layer in self.base]
        for name, layer, product in _changed(len(tuned)):
            change = self.parts[f"{name}.A"] @ self.parts[f"{name}.B"]
            tuned[layer][product] = tuned[layer][product] + np.float32(TUNING_SCALE) * change
        return tuned

    def vectors(self, states: States, places: NDArray[np.int64]) -> Array:
        """Vectors of unit length, one row a text."""
        layers, vectors = self.layers(), np.zeros((len(states.lengths), WIDTH), np.float32)
        for length, mine in equally_long(states.lengths, places, BATCH):
            rows = states.batch(mine, length)
            for layer in layers:
                rows, _ = forward(layer, rows, len(mine))
            vectors[mine] = rows.reshape(len(mine), length, WIDTH).mean(axis=1)
        chosen = vectors[places]
        return np.asarray(chosen / np.linalg.norm(chosen, axis=1, keepdims=True))


def new_network(base: list[Layer], states: States) -> Network:
    """A network that changes nothing yet."""
    draw = np.random.default_rng(0)
    parts: Parts = {}
    for name, layer, product in _changed(len(base)):
        width, out = base[layer][product].shape
        parts[f"{name}.A"] = (draw.standard_normal((width, RANK)) / width**0.5).astype(np.float32)
        parts[f"{name}.B"] = np.zeros((RANK, out), np.float32)
    parts["hidden"] = _drawn(draw, WIDTH, HIDDEN, 2)
    parts["hidden_bias"] = np.zeros(HIDDEN, np.float32)
    parts["output"] = _drawn(draw, HIDDEN, len(KINDS), 1)
    parts["output_bias"] = np.zeros(len(KINDS), np.float32)
    network = Network(base, parts, np.zeros(WIDTH, np.float32))
    some = np.flatnonzero(states.lengths)[::MEAN_OF_EVERY]
    network.mean = network.vectors(states, some).mean(axis=0)
    return network


def fit(network: Network, states: States, kinds: NDArray[np.int64], weights: Array) -> None:
    """Fits the network to all texts that have tokens and a weight; prints each pass's loss."""
    labels = np.eye(len(KINDS), dtype=np.float32)[kinds] * (1 - SMOOTHING) + SMOOTHING / len(KINDS)
    draw, step = np.random.default_rng(0), 0
    head = dict.fromkeys(_CLASSIFIER, CLASSIFIER_RATE)
    adam = Adam(network.parts, dict.fromkeys(network.parts, LAYER_RATE) | head)
    places = np.flatnonzero((states.lengths > 0) & (weights > 0))
    for turn in range(PASSES):
        batches, losses = equally_long(states.lengths, places, QUESTIONS_A_STEP, draw), []
        for length, mine in batches:
            share = min(1.0, (step + 1) / _WARM_UP)
            share *= max(_LEAST_RATE, 1 - step / (PASSES * len(batches)))
            step += 1
            rows = states.batch(mine, length)
            loss, gradients = _gradients(network, rows, labels[mine], weights[mine])
            adam.step(gradients, share)
            losses.append(loss)
        print(f"pass {turn + 1}: loss {np.mean(losses):.3f}", flush=True)


@dataclass(frozen=True, slots=True)
class _Classified:
    """Shares of kinds by vectors, and what their backward pass needs."""

    shares: Array
    length: Array
    unit: Array
    distance: Array
    centred: Array
    inner: Array


def _classified(network: Network, vectors: Array) -> _Classified:
    parts = network.parts
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / length
    centred = unit - network.mean
    distance = np.linalg.norm(centred, axis=1, keepdims=True) + np.float32(1e-9)
    centred = centred / distance
    inner = np.maximum(centred @ parts["hidden"] + parts["hidden_bias"], 0)
    scores = inner @ parts["output"] + parts["output_bias"]
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares = raised / raised.sum(axis=1, keepdims=True)
    return _Classified(shares, length, unit, distance, centred, inner)


def _gradients(network: Network, rows: Array, labels: Array, weights: Array) -> tuple[float, Parts]:
    """The loss of a batch and its gradient by each part."""
    parts, layers, texts = network.parts, network.layers(), len(labels)
    traces: list[Trace] = []
    for layer in layers:
        rows, trace = forward(layer, rows, texts)
        traces.append(trace)
    tokens = len(rows) // texts
    seen = _classified(network, rows.reshape(texts, tokens, WIDTH).mean(1))
    right = np.maximum((seen.shares * labels).sum(1), 1e-9)
    loss = -float((np.log(right) * weights).mean())
    scores: Array = (seen.shares - labels) * (weights / np.float32(texts))[:, None]
    inner: Array = (scores @ parts["output"].T) * (seen.inner > 0)
    found: Parts = {
        "output": seen.inner.T @ scores,
        "output_bias": scores.sum(0),
        "hidden": seen.centred.T @ inner,
        "hidden_bias": inner.sum(0),
    }
    vectors = _back_through_length(inner @ parts["hidden"].T, seen.centred, seen.distance)
    vectors = _back_through_length(vectors, seen.unit, seen.length)
    after: Array = np.repeat(vectors / np.float32(tokens), tokens, axis=0).astype(np.float32)
    for number in reversed(range(len(layers))):

        def on_gradient(product: str, into: Array, out: Array, number: int = number) -> None:
            found.update(low_rank_gradients(parts, _name(number, product), into, out))

        after = backward(layers[number], traces[number], after, on_gradient)
    return loss, found


def _back_through_length(after: Array, unit: Array, length: Array) -> Array:
    """The gradient of vectors by that of the vectors of unit length that they became."""
    return np.asarray((after - unit * (after * unit).sum(axis=1, keepdims=True)) / length)


def _changed(layers: int) -> list[tuple[str, int, str]]:
    """Of each product that is changed: its name among the parts, its layer, its name there."""
    return [(_name(at, product), at, product) for at in range(layers) for product in TUNED_PRODUCTS]


def _name(layer: int, product: str) -> str:
    return f"{FROZEN + layer}.{product}"


def _drawn(draw: np.random.Generator, width: int, out: int, gain: float) -> Array:
    drawn = draw.standard_normal((width, out)) * (gain / width) ** 0.5
    return np.asarray(drawn, dtype=np.float32)
