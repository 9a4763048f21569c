"""Question embedder: multilingual-e5-small. What does a question of any language mean?

In this process; slower than the search's embedder (about 6 ms of CPU a short question), so only
what the recogniser is unsure about is put to it. `dev.build_multilingual_embedder` makes its
folder.
"""

import json
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


class QuestionEmbedder:
    """One model; for one thread at a time or for several. Its word table stays on disk."""

    def __init__(self, directory: Path) -> None:
        """Raises NoEmbedder when the model isn't there or is damaged."""
        self._session, self._words, self._scales, self._pieces, self.version = _load(directory)

    def embed_now(self, text: str) -> Vector:
        """The text's vector of unit length, shape (384,), on the calling thread."""
        sentence: Vector = self._session.run(["sentence"], self.feed_of(text))[0][0]
        return sentence

    def feed_of(self, text: str) -> dict[str, NDArray[Any]]:
        """What the model reads of a text: its pieces' vectors, and that all of them count."""
        pieces = [START, *self._pieces.pieces_of(QUESTION_PREFIX + text, MOST_PIECES), END]
        words = self._words[pieces] * self._scales[pieces, None]
        return {"words": words[None], "attention_mask": np.ones((1, len(pieces)), dtype=np.int64)}


def _load(
    directory: Path,
) -> tuple[Any, NDArray[np.int8], NDArray[np.float32], PieceModel, str]:
    import onnxruntime  # noqa: PLC0415 - as in `embedder`

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        about = json.loads((directory / "version.json").read_text())
        listed = json.loads((directory / "pieces.json").read_text())
        words = np.load(directory / "words.npy", mmap_mode="r", allow_pickle=False)
        scales = np.load(directory / "word_scales.npy", allow_pickle=False)
        session = onnxruntime.InferenceSession(
            str(directory / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        pieces = piece_model(listed["pieces"], listed["scores"], UNKNOWN)
        version = f"{about['name']}-{about['weights']}-{about['recipe']}"
    except Exception as error:  # noqa: BLE001 - onnxruntime raises its own kinds
        raise NoEmbedder(
            f"no question embedder in {directory} ({error}); build it with `make embedder`"
        ) from None
    return session, words, scales, pieces, version
