"""Question embedder: multilingual-e5-small. What does a question of any language mean?

In this process; slower than the search's embedder (about 6 ms of CPU a short question), so only
what the recogniser is unsure about is put to it. `dev.build_multilingual_embedder` makes its
folder.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cache.identity.word_pieces import PieceModel, piece_model
from cache.semantic.embedder import NoEmbedder
from cache.verification.quantized_embedding import Vector

QUESTION_PREFIX: Final = "query: "
"""What the model was trained to see before a question."""
MOST_PIECES: Final = 126
START, END, UNKNOWN = 0, 2, 3


@dataclass(frozen=True)
class PieceVectors:
    """The model's word pieces and their vectors, which stay on disk."""

    words: NDArray[np.int8]
    scales: NDArray[np.float32]
    pieces: PieceModel

    def feed_of(self, text: str) -> dict[str, NDArray[Any]]:
        """What the model reads of a text: its pieces' vectors, and that all of them count."""
        pieces = [START, *self.pieces.pieces_of(QUESTION_PREFIX + text, MOST_PIECES), END]
        words = self.words[pieces] * self.scales[pieces, None]
        return {"words": words[None], "attention_mask": np.ones((1, len(pieces)), dtype=np.int64)}


class QuestionEmbedder:
    """One model; for one thread at a time or for several."""

    def __init__(self, directory: Path) -> None:
        """Raises NoEmbedder when the model isn't there or is damaged."""
        try:
            about = json.loads((directory / "version.json").read_text())
            self._words = question_words(directory)
            self._session = onnx_session(directory / "model.onnx")
            self.version = f"{about['name']}-{about['weights']}-{about['recipe']}"
        except Exception as error:  # noqa: BLE001 - onnxruntime raises its own kinds
            raise NoEmbedder(
                f"no question embedder in {directory} ({error}); build it with `make embedder`"
            ) from None

    def embed_now(self, text: str) -> Vector:
        """The text's vector of unit length, shape (384,), on the calling thread."""
        sentence: Vector = self._session.run(["sentence"], self.feed_of(text))[0][0]
        return sentence

    def feed_of(self, text: str) -> dict[str, NDArray[Any]]:
        """What the model reads of a text."""
        return self._words.feed_of(text)


@lru_cache(maxsize=1)
def question_words(directory: Path) -> PieceVectors:
    """The words of the model in a folder, once for all who read it: 27 MB."""
    listed = json.loads((directory / "pieces.json").read_text())
    words = np.load(directory / "words.npy", mmap_mode="r", allow_pickle=False)
    scales = np.load(directory / "word_scales.npy", allow_pickle=False)
    pieces = piece_model(listed["pieces"], listed["scores"], UNKNOWN)
    return PieceVectors(words, scales, pieces)


def onnx_session(model: Path) -> Any:  # noqa: ANN401 - onnxruntime ships no types
    """A model, on one thread."""
    import onnxruntime  # noqa: PLC0415 - as in `embedder`

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
