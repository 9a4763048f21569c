"""What of a question's embedding is kept beside its answer, so that a later one can be compared?

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
_TINY: Final = np.float32(1e-9)


@dataclass(frozen=True, slots=True)
class QuantizedEmbedding:
    """A question for the verifier: its sentence, and one row for each of its word pieces."""

    sentence: Vector = field(compare=False)
    ids: NDArray[np.int32] = field(compare=False)
    tokens: Vector = field(compare=False)


def quantize(
    sentence: Vector, ids: NDArray[np.int64], tokens: Vector, projection: Vector
) -> QuantizedEmbedding:
    """The sketch of an embedding, exactly as it will be read back."""
    pieces = ids[:MAX_PIECES].astype(np.int32)
    width = projection.shape[1]
    rows = tokens[: len(pieces)] @ projection if len(pieces) else np.zeros((0, width), np.float32)
    return QuantizedEmbedding(_float(_small(sentence)), pieces, _float(_small(rows)))


def encode_quantized(sketch: QuantizedEmbedding) -> str:
    """As text, for the entry."""
    parts = (_small(sketch.sentence), sketch.ids, _small(sketch.tokens))
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
    longest = np.abs(vectors).max(axis=-1, keepdims=True, initial=0) + _TINY
    return np.asarray(np.rint(vectors * (127 / longest)), dtype=np.int8)


def _float(small: NDArray[np.int8]) -> Vector:
    vectors = small.astype(np.float32)
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + _TINY))
