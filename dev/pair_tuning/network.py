"""Pair network: low-rank changes of the layers that read two questions, and the head above them.

Batches hold pairs of one length, so nothing is padded; the two halves' gradients are worked out
side by side.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dev.build_embedder import WIDTH
from dev.build_multilingual_embedder import TUNED_PRODUCTS, TUNING_SCALE
from dev.build_pair_encoder import ALONE
from dev.question_tuning.adam import Adam, Parts, low_rank_gradients
from dev.question_tuning.layers import Array, Layer, Trace, backward, forward
from dev.question_tuning.states import States, equally_long

Places: TypeAlias = NDArray[np.int64]

RANK: Final = 32
HIDDEN: Final = 128
PAIRS_A_HALF: Final = 16
SMOOTHING: Final = 0.03
LAYER_RATE: Final = 6e-4
HEAD_RATE: Final = 1e-3
SPREAD: Final = 0.27
"""Of a product or gap beside a standardised feature."""
_WARM_UP: Final = 60
_LEAST_RATE: Final = 0.02
_FALLS_FROM: Final = 0.65
"""The share of the steps after which the rates fall."""
_HEAD: Final = ("hidden", "hidden_bias", "output", "output_bias")


@dataclass(frozen=True, slots=True)
class Pairs:
    """What is learned from. first, second: places among the texts of `states`."""

    states: States
    first: Places
    second: Places
    features: Array
    """Standardised."""
    same: Array

    @property
    def lengths(self) -> Places:
        """Tokens of both texts."""
        return self.states.lengths[self.first] + self.states.lengths[self.second]


@dataclass(slots=True)
class PairNetwork:
    """base: the layers as they are; parts: what is learned; centre, scales: of the means."""

    base: list[Layer]
    parts: Parts
    centre: Array
    scales: Array

    def layers(self) -> list[Layer]:
        """The layers with their changes."""
        tuned = [dict(layer) for layer in self.base]
        for number, layer in enumerate(tuned):
            for product in TUNED_PRODUCTS:
                name = f"{ALONE + number}.{product}"
                change = self.parts[f"{name}.A"] @ self.parts[f"{name}.B"]
                layer[product] = layer[product] + np.float32(TUNING_SCALE) * change
        return tuned

    def log_odds(self, pairs: Pairs, places: Places) -> Array:
        """Of one answer for both, for each place."""
        layers, found = self.layers(), np.zeros(len(pairs.same), np.float32)
        for _, mine in equally_long(pairs.lengths, places, 64):
            read = _read(self, layers, pairs, mine, pairs.first[mine], pairs.second[mine])
            found[mine] = _headed(self, read, pairs.features[mine]).log_odds
        return found[places]


def new_pair_network(base: list[Layer], pairs: Pairs, some: Places) -> PairNetwork:
    """A network that changes nothing yet. some: pairs by which the means are standardised."""
    draw, parts = np.random.default_rng(0), Parts()
    for number, layer in enumerate(base):
        for product in TUNED_PRODUCTS:
            width, out = layer[product].shape
            name = f"{ALONE + number}.{product}"
            parts[f"{name}.A"] = _drawn(draw, (width, RANK), width)
            parts[f"{name}.B"] = np.zeros((RANK, out), np.float32)
    features = pairs.features.shape[1]
    parts["sides"] = _drawn(draw, (2, WIDTH), 2500)
    parts["hidden"] = _drawn(draw, (2 * WIDTH + features, HIDDEN), features)
    parts["hidden_bias"] = np.zeros(HIDDEN, np.float32)
    parts["output"] = _drawn(draw, (HIDDEN,), HIDDEN)
    parts["output_bias"] = np.zeros(1, np.float32)
    network = PairNetwork(base, parts, np.zeros(WIDTH, np.float32), np.ones(2, np.float32))
    means = [
        np.stack([read.first, read.second])
        for _, mine in equally_long(pairs.lengths, some, 64)
        for read in [_read(network, base, pairs, mine, pairs.first[mine], pairs.second[mine])]
    ]
    first, second = np.concatenate(means, axis=1)
    network.centre = np.concatenate([first, second]).mean(axis=0)
    products = (first - network.centre) * (second - network.centre)
    gaps = np.abs(first - second)
    network.scales = np.array([SPREAD / products.std(), SPREAD / gaps.std()], dtype=np.float32)
    return network


def fit_pairs(network: PairNetwork, pairs: Pairs, places: Places, passes: float) -> None:
    """Fits the network to the pairs at `places`, as often as they stand there, `passes` times."""
    draw, step = np.random.default_rng(0), 0
    head = dict.fromkeys(_HEAD, HEAD_RATE)
    adam = Adam(network.parts, dict.fromkeys(network.parts, LAYER_RATE) | head)
    steps = int(passes * len(places) / PAIRS_A_HALF / 2)
    halves, losses = _halves(pairs, places, draw), list[float]()
    with ThreadPoolExecutor(2) as pool:
        while step < steps:
            share = min(1.0, (step + 1) / _WARM_UP)
            left = (1 - step / steps) / (1 - _FALLS_FROM)
            share *= max(_LEAST_RATE, min(1.0, left))
            step += 1
            both = [(next(halves), int(draw.integers(1 << 30))) for _ in range(2)]
            size = sum(len(mine) for mine, _ in both)
            half = partial(_gradients, network, network.layers(), pairs, size)
            results = list(pool.map(half, *zip(*both, strict=True)))
            losses.append(sum(loss for loss, _ in results))
            found = {name: results[0][1][name] + results[1][1][name] for name in network.parts}
            adam.step(found, share)
            if step % 100 == 0:
                print(f"step {step} of {steps}: loss {np.mean(losses[-100:]):.3f}", flush=True)


def _halves(pairs: Pairs, places: Places, draw: np.random.Generator) -> Iterator[Places]:
    while True:
        for _, mine in equally_long(
            pairs.lengths[places], np.arange(len(places)), PAIRS_A_HALF, draw
        ):
            yield places[mine]


@dataclass(frozen=True, slots=True)
class _Pair:
    """Means of each question's tokens, and what the backward pass needs."""

    first: Array
    second: Array
    is_first: NDArray[np.bool_]
    traces: list[Trace]


@dataclass(frozen=True, slots=True)
class _Headed:
    first: Array
    second: Array
    seen: Array
    inner: Array
    log_odds: Array


def _read(  # noqa: PLR0913, PLR0917 - the pairs and the order of their texts
    network: PairNetwork, layers: list[Layer], pairs: Pairs, mine: Places, a: Places, b: Places
) -> _Pair:
    states, tokens = pairs.states, int(pairs.lengths[mine[0]])
    at, lengths = np.arange(tokens)[None], states.lengths[a][:, None]
    is_first = at < lengths
    rows = np.where(
        is_first, states.starts[a][:, None] + at, states.starts[b][:, None] + at - lengths
    )
    sides = np.where(is_first[..., None], network.parts["sides"][0], network.parts["sides"][1])
    hidden = (states.tokens[rows].astype(np.float32) + sides).reshape(-1, WIDTH)
    traces = []
    for layer in layers:
        hidden, trace = forward(layer, hidden, len(mine))
        traces.append(trace)
    whole = hidden.reshape(len(mine), tokens, WIDTH)
    first = np.einsum("nt,ntw->nw", (is_first / lengths).astype(np.float32), whole)
    second = np.einsum("nt,ntw->nw", (~is_first / (tokens - lengths)).astype(np.float32), whole)
    return _Pair(first, second, is_first, traces)


def _headed(network: PairNetwork, read: _Pair, features: Array) -> _Headed:
    parts = network.parts
    first, second = read.first - network.centre, read.second - network.centre
    products, gaps = first * second * network.scales[0], np.abs(first - second) * network.scales[1]
    seen = np.concatenate([products, gaps, features], axis=1)
    inner = np.maximum(seen @ parts["hidden"] + parts["hidden_bias"], 0)
    return _Headed(first, second, seen, inner, inner @ parts["output"] + parts["output_bias"][0])


def _gradients(  # noqa: PLR0913, PLR0917 - a half of a step
    network: PairNetwork, layers: list[Layer], pairs: Pairs, size: int, mine: Places, seed: int
) -> tuple[float, Parts]:
    """The loss of a half of a step and its gradient by each part.

    size: of the whole step; seed: of the texts' order.
    """
    parts = network.parts
    turned = np.random.default_rng(seed).random(len(mine)) < 0.5
    a = np.where(turned, pairs.second[mine], pairs.first[mine])
    b = np.where(turned, pairs.first[mine], pairs.second[mine])
    read = _read(network, layers, pairs, mine, a, b)
    head = _headed(network, read, pairs.features[mine])
    labels = pairs.same[mine] * (1 - 2 * SMOOTHING) + SMOOTHING
    shares = 1 / (1 + np.exp(-head.log_odds))
    logs = labels * np.log(shares + 1e-7) + (1 - labels) * np.log(1 - shares + 1e-7)
    scores = ((shares - labels) / size).astype(np.float32)
    inner = np.outer(scores, parts["output"]) * (head.inner > 0)
    found: Parts = {
        "output": head.inner.T @ scores,
        "output_bias": scores.sum(keepdims=True),
        "hidden": head.seen.T @ inner,
        "hidden_bias": inner.sum(axis=0),
    }
    after = _through_means(network, read, head, inner @ parts["hidden"].T)
    for number in reversed(range(len(layers))):

        def on_gradient(product: str, into: Array, out: Array, number: int = number) -> None:
            name = f"{ALONE + number}.{product}"
            found.update(low_rank_gradients(parts, name, into, out))

        after = backward(layers[number], read.traces[number], after, on_gradient)
    rows = after.reshape(len(mine), -1, WIDTH)
    one = (rows * read.is_first[..., None]).sum(axis=(0, 1))
    found["sides"] = np.stack([one, rows.sum(axis=(0, 1)) - one])
    return -float(logs.sum()) / size, found


def _through_means(network: PairNetwork, read: _Pair, head: _Headed, seen: Array) -> Array:
    """The gradient of the tokens by that of the products and gaps of their means."""
    products = seen[:, :WIDTH] * network.scales[0]
    gaps = np.sign(head.first - head.second) * seen[:, WIDTH : 2 * WIDTH] * network.scales[1]
    first, second = products * head.second + gaps, products * head.first - gaps
    tokens = read.is_first.shape[1]
    lengths = read.is_first.sum(axis=1, keepdims=True)
    rows = np.where(
        read.is_first[..., None],
        (first / lengths)[:, None],
        (second / (tokens - lengths))[:, None],
    )
    return np.ascontiguousarray(rows.reshape(-1, WIDTH), dtype=np.float32)


def _drawn(draw: np.random.Generator, shape: tuple[int, ...], width: float) -> Array:
    return np.asarray(draw.standard_normal(shape) / width**0.5, dtype=np.float32)
