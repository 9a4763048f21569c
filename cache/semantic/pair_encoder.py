"""Pair encoder: multilingual-e5-small reads two questions together. What is one answer's log-odds?

Each question goes through the lower layers by itself, both together through the upper ones, which
were tuned to this. About 9 ms of CPU a short pair. `dev.build_pair_encoder` makes the layers.
"""

import json
from pathlib import Path
from typing import Final

import numpy as np

from cache.cross_encoder.pair_classifier import PairClassifier, read_pair_classifier
from cache.semantic.embedder import NoEmbedder
from cache.semantic.question_embedder import onnx_session, question_words
from cache.verification.quantized_embedding import Vector
from cache.verification.verifier import EmbeddedText, pair_features

PAIR_CLASSIFIER: Final = Path(__file__).with_name("pair_classifier.npz")
PAIR_VERSION: Final = "pair_version.json"
LOWER: Final = "pair_lower.onnx"
UPPER: Final = "pair_upper.onnx"
PREFIX_PIECES: Final = slice(1, 3)
"""The pieces of the prefix, which say nothing of the question."""


class PairEncoder:
    """One model; for one thread at a time or for several."""

    def __init__(self, directory: Path) -> None:
        """Raises NoEmbedder when the model isn't there, is damaged, or isn't the classifier's."""
        try:
            about = json.loads((directory / PAIR_VERSION).read_text())
            self._words = question_words(directory)
            self._lower = onnx_session(directory / LOWER)
            self._upper = onnx_session(directory / UPPER)
            version = f"{about['name']}-{about['weights']}-{about['recipe']}"
            self.classifier = load_pair_classifier()
        except Exception as error:  # noqa: BLE001 - onnxruntime raises its own kinds
            raise NoEmbedder(
                f"no pair encoder in {directory} ({error}); build it with `make embedder`"
            ) from None
        if version != self.classifier.layers:
            raise NoEmbedder(
                f"the pair encoder in {directory} is {version}, its classifier was trained on"
                f" {self.classifier.layers}; build it anew with `make embedder`"
            )

    def score_now(
        self, asked: EmbeddedText, stored: EmbeddedText, verified: float, language: str | None
    ) -> float:
        """What the verifier (`verified`) and this model say together, on the calling thread.

        language: of both texts.
        """
        log_odds = self.log_odds(asked, stored)
        return self.classifier.scale(language).score(verified, log_odds)

    def log_odds(self, asked: EmbeddedText, stored: EmbeddedText) -> float:
        """What this model alone says, on the calling thread."""
        first, second = self._tokens(asked.text), self._tokens(stored.text)
        rows = self.classifier.joined(first, second)
        tokens: Vector = self._upper.run(None, {"tokens_below": rows})[0][0]
        features = np.array(pair_features(asked, stored), dtype=np.float32)
        return self.classifier.log_odds(tokens, len(first), features)

    def _tokens(self, text: str) -> Vector:
        """One question's tokens after the lower layers."""
        tokens: Vector = self._lower.run(["tokens"], self._words.feed_of(text))[0][0]
        return np.delete(tokens, PREFIX_PIECES, axis=0)


def load_pair_classifier() -> PairClassifier:
    """The trained classifier. Raises OSError, ValueError or KeyError."""
    with np.load(PAIR_CLASSIFIER, allow_pickle=False) as archive:
        return read_pair_classifier(archive)
