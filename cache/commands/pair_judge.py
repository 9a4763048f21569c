"""Pair judge: the hit test outside of a worker. Would one's answer be served for the other?"""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import islice
from typing import Any, Final, TypeAlias

from cache.commands.pairs_file import BadLine, InputLine, Pair
from cache.cross_encoder.pair_classifier import language_of_both, objections_to_reading
from cache.identity.normalisation import canonical
from cache.identity.recogniser import Recogniser
from cache.semantic.embedder import LocalEmbedder
from cache.semantic.pair_encoder import PairEncoder
from cache.semantic.semantic_search import least_cosine
from cache.verification.accept import (
    PairAccepted,
    accept_objected,
    with_form,
)
from cache.verification.detail_guard import objections
from cache.verification.quantized_embedding import QuantizedEmbedding, quantize
from cache.verification.verifier import EmbeddedText, Verifier

CHUNK: Final = 256
Languages: TypeAlias = tuple[str | None, str | None]


class PairJudge:
    """Languages, nearness, canonical form, verifiers, guard and points as in the look-up."""

    def __init__(
        self,
        embedder: LocalEmbedder,
        verifier: Verifier,
        pairs: PairEncoder | None,
        recogniser: Recogniser,
        target: float,
    ) -> None:
        self._embedder = embedder
        self._verifier = verifier
        self._pairs = pairs
        self._recogniser = recogniser
        self._target = target
        self._embedding = lru_cache(maxsize=20_000)(self._quantized)

    def judge(self, lines: Iterable[InputLine], threads: int = 2) -> Iterator[dict[str, Any]]:
        """Each line's object with `score`, `hit` and `reason`, in order."""
        waiting = iter(lines)
        with ThreadPoolExecutor(threads) as pool:
            while chunk := list(islice(waiting, CHUNK)):
                pairs = [line for line in chunk if isinstance(line, Pair)]
                left = list(pool.map(self._text, (pair.a for pair in pairs)))
                right = list(pool.map(self._text, (pair.b for pair in pairs)))
                embedded = list(zip(left, right, strict=True))
                verified = self._verifier.score(embedded).tolist()
                languages = list(map(self._languages, pairs))
                verdicts = pool.map(self._verdict, embedded, verified, languages)
                for line in chunk:
                    match line:
                        case Pair():
                            yield line.fields | next(verdicts)
                        case BadLine():
                            yield line.fields | _unusable(line)

    def _verdict(
        self, pair: tuple[EmbeddedText, EmbeddedText], score: float, languages: Languages
    ) -> dict[str, Any]:
        a, b = (side.text for side in pair)
        if canonical(a) == canonical(b):
            return {"score": 1.0, "hit": True, "reason": "the same words in another form"}
        unread = _unread(pair, languages)
        if unread is not None:
            return {"score": round(score, 6), "hit": False, "reason": unread}
        differences = objections(a, b)
        certainty, left = with_form(score, a, b, differences)
        language = language_of_both(*languages)
        if self._pairs and self._pairs.classifier.leaves_doubt(certainty, a, b, left, language):
            score = certainty = self._pairs.score_now(*pair, certainty, language)
            left = objections_to_reading(left, language)
        verdict = accept_objected(certainty, left, self._verifier, self._target)
        hit = isinstance(verdict, PairAccepted)
        return {"score": round(score, 6), "hit": hit, "reason": verdict.reason}

    def _languages(self, pair: Pair) -> Languages:
        a, b = (self._recogniser.recognise(text).language for text in (pair.a, pair.b))
        return a, b

    def _text(self, text: str) -> EmbeddedText:
        return EmbeddedText(text, self._embedding(text))

    def _quantized(self, text: str) -> QuantizedEmbedding:
        embedding = self._embedder.embed_now(text)
        return quantize(
            embedding.sentence, embedding.ids, embedding.tokens, self._verifier.projection
        )


def _unread(pair: tuple[EmbeddedText, EmbeddedText], languages: Languages) -> str | None:
    """Why the look-up wouldn't compare the two at all."""
    if None in languages:
        return "a language that wasn't measured: the same words only"
    a, b = (side.embedding.sentence for side in pair)
    return "not near enough" if float(a @ b) < least_cosine(languages[0]) else None


def _unusable(line: BadLine) -> dict[str, Any]:
    return {"score": 0.0, "hit": False, "reason": f"unusable line {line.line}: {line.problem}"}


def verdict_lines(judged: Iterable[dict[str, Any]]) -> Iterator[str]:
    """As JSON Lines."""
    return (json.dumps(fields, ensure_ascii=False) + "\n" for fields in judged)
