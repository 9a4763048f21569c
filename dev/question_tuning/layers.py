"""Transformer layers, forward and backward: what do low-rank changes of their weights do to a loss?

Post-norm as in BERT. All texts of a batch have the same length, so nothing is padded or masked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from dev.build_embedder import EPSILON, HEADS, WIDTH, Weights
from dev.build_multilingual_embedder import TUNED_PRODUCTS

Array: TypeAlias = NDArray[np.float32]
Layer: TypeAlias = dict[str, Array]
OnGradient: TypeAlias = Callable[[str, Array, Array], None]
"""Takes a product's name, what went in, and the gradient of what came out."""

_NORMS: Final = {"inner": "attention.output.LayerNorm", "outer": "output.LayerNorm"}
_HEAD: Final = WIDTH // HEADS
_SCALE: Final = np.float32(_HEAD**-0.5)
_HALF: Final = np.float32(0.5)
_ROOT: Final = np.float32(2**-0.5)
_BELL: Final = np.float32((2 * np.pi) ** -0.5)


def layer_of(weights: Weights, number: int) -> Layer:
    """One layer's matrices, biases and norms."""
    layer: Layer = {}
    for name, long in (*TUNED_PRODUCTS.items(), *_NORMS.items()):
        matrix = weights[f"encoder.layer.{number}.{long}.weight"].astype(np.float32)
        layer[name] = np.ascontiguousarray(matrix.T) if name in TUNED_PRODUCTS else matrix
        layer[f"{name} bias"] = weights[f"encoder.layer.{number}.{long}.bias"].astype(np.float32)
    return layer


@dataclass(frozen=True, slots=True)
class Trace:
    """What a layer's backward pass needs of its forward pass."""

    into: Array
    heads: tuple[Array, Array, Array]
    """Query, key, value."""
    shares: Array
    mixed: Array
    inner: tuple[Array, Array]
    attended: Array
    wide: Array
    gate: Array
    outer: tuple[Array, Array]


def forward(layer: Mapping[str, Array], into: Array, texts: int) -> tuple[Array, Trace]:
    """What comes out of a layer. into: the tokens of all texts, one row each."""
    query, key, value = (
        _in_heads(_product(layer, name, into), texts) for name in ("query", "key", "value")
    )
    scores = np.matmul(query, key.transpose(0, 1, 3, 2)) * _SCALE
    scores -= scores.max(axis=-1, keepdims=True)
    shares = np.exp(scores, out=scores)
    shares /= shares.sum(axis=-1, keepdims=True)
    mixed = _in_rows(np.matmul(shares, value))
    attended, inner = _norm(layer, "inner", _product(layer, "mixed", mixed) + into)
    wide = _product(layer, "wide", attended)
    gate = _HALF * (1 + erf(wide * _ROOT))
    narrow = _product(layer, "narrow", wide * gate)
    out, outer = _norm(layer, "outer", narrow + attended)
    return out, Trace(into, (query, key, value), shares, mixed, inner, attended, wide, gate, outer)


def backward(
    layer: Mapping[str, Array], trace: Trace, after: Array, on_gradient: OnGradient
) -> Array:
    """The gradient of what went into a layer, by that of what came out."""
    texts = len(trace.shares)
    narrow = _norm_back(layer, "outer", trace.outer, after)
    on_gradient("narrow", trace.wide * trace.gate, narrow)
    bell = trace.wide * np.exp(-_HALF * trace.wide**2) * _BELL
    wide = (narrow @ layer["narrow"].T) * (trace.gate + bell)
    on_gradient("wide", trace.attended, wide)
    attended = narrow + wide @ layer["wide"].T
    mixed = _norm_back(layer, "inner", trace.inner, attended)
    on_gradient("mixed", trace.mixed, mixed)
    query, key, value = trace.heads
    by_head = _in_heads(mixed @ layer["mixed"].T, texts)
    shares = np.matmul(by_head, value.transpose(0, 1, 3, 2))
    scores = trace.shares * (shares - (shares * trace.shares).sum(axis=-1, keepdims=True)) * _SCALE
    gradients = {
        "query": _in_rows(np.matmul(scores, key)),
        "key": _in_rows(np.matmul(scores.transpose(0, 1, 3, 2), query)),
        "value": _in_rows(np.matmul(trace.shares.transpose(0, 1, 3, 2), by_head)),
    }
    before = mixed
    for name, gradient in gradients.items():
        on_gradient(name, trace.into, gradient)
        before = before + gradient @ layer[name].T
    return before


def _product(layer: Mapping[str, Array], name: str, into: Array) -> Array:
    return np.asarray(into @ layer[name] + layer[f"{name} bias"])


def _norm(layer: Mapping[str, Array], name: str, into: Array) -> tuple[Array, tuple[Array, Array]]:
    centred = into - into.mean(axis=-1, keepdims=True)
    spread: Array = 1 / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + EPSILON)
    plain = centred * spread
    return plain * layer[name] + layer[f"{name} bias"], (plain, spread)


def _norm_back(
    layer: Mapping[str, Array], name: str, trace: tuple[Array, Array], after: Array
) -> Array:
    plain, spread = trace
    scaled = after * layer[name]
    shift = scaled.mean(axis=-1, keepdims=True)
    along = (scaled * plain).mean(axis=-1, keepdims=True)
    return np.asarray(spread * (scaled - shift - plain * along))


def _in_heads(rows: Array, texts: int) -> Array:
    return rows.reshape(texts, -1, HEADS, _HEAD).transpose(0, 2, 1, 3)


def _in_rows(by_head: NDArray[Any]) -> Array:
    return np.ascontiguousarray(by_head.transpose(0, 2, 1, 3)).reshape(-1, WIDTH)
