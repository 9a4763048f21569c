"""Quantized embedding: a question's vectors in 8 bits. What is stored to compare it later?

The sentence's vector in 8 bits, and each word piece's vector, projected to a few dimensions, in
8 bits: about a kilobyte for a short question. All vectors have unit length, so no scale is kept.
"""

import base64
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float32]
MAX_PIECES: Final = 96
"""Word pieces that are stored of a question."""
_TINY: Final = np.float32(1e-9)


@dataclass(frozen=True, slots=True)
class QuantizedEmbedding:
    """A question for the verifier."""

    sentence: Vector = field(compare=False)
    """Of unit length; shape (width,)."""
    ids: NDArray[np.int32] = field(compare=False)
    """Its word pieces; shape (pieces,)."""
    tokens: Vector = field(compare=False)
    """The pieces' projected vectors, of unit length; shape (pieces, dimensions)."""


def quantize(
    sentence: Vector, ids: NDArray[np.int64], tokens: Vector, projection: Vector
) -> QuantizedEmbedding:
    """An embedding exactly as it will be read back.

    sentence: (width,); ids: (pieces,); tokens: (pieces, width); projection: (width, dimensions).
    """
    pieces = ids[:MAX_PIECES].astype(np.int32)
    width = projection.shape[1]
    rows = tokens[: len(pieces)] @ projection if len(pieces) else np.zeros((0, width), np.float32)
    return QuantizedEmbedding(_float(_small(sentence)), pieces, _float(_small(rows)))


def encode_quantized(embedding: QuantizedEmbedding) -> str:
    """As text, for the entry."""
    parts = (_small(embedding.sentence), embedding.ids, _small(embedding.tokens))
    return ".".join(base64.b64encode(part.tobytes()).decode() for part in parts)


def decode_quantized(text: str) -> QuantizedEmbedding | None:
    """None when it is damaged."""
    try:
        sentence, ids, tokens = (base64.b64decode(part) for part in text.split("."))
        pieces = np.frombuffer(ids, np.int32)
        rows = np.frombuffer(tokens, np.int8).reshape(len(pieces), -1)
    except ValueError:
        return None
    return QuantizedEmbedding(_float(np.frombuffer(sentence, np.int8)), pieces, _float(rows))


def _small(vectors: Vector) -> NDArray[np.int8]:
    # the largest component becomes 127: rows are of unit length, so no scale need be stored
    longest = np.maximum.reduce(np.abs(vectors), axis=-1, keepdims=True, initial=0) + _TINY
    return np.asarray(np.rint(vectors * (127 / longest)), dtype=np.int8)


def _float(small: NDArray[np.int8]) -> Vector:
    vectors = small.astype(np.float32)
    lengths = np.sqrt(np.add.reduce(vectors * vectors, axis=-1, keepdims=True))
    return np.asarray(vectors / (lengths + _TINY))
