"""Pair judge: the hit test outside of a worker. Would one's answer be served for the other?"""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from cache.commands.pairs_file import BadLine, InputLine, Pair
from cache.identity.normalisation import canonical
from cache.semantic.embedder import LocalEmbedder
from cache.semantic.pair_encoder import PairEncoder
from cache.verification.accept import PairAccepted, accept_objected, with_form
from cache.verification.detail_guard import objections
from cache.verification.quantized_embedding import QuantizedEmbedding, quantize
from cache.verification.verifier import EmbeddedText, Verifier

CHUNK: Final = 256


class PairJudge:
    """The same canonical form, verifiers, guard and operating points as in the look-up."""

    def __init__(
        self,
        embedder: LocalEmbedder,
        verifier: Verifier,
        pairs: PairEncoder | None,
        target: float,
    ) -> None:
        self._embedder = embedder
        self._verifier = verifier
        self._pairs = pairs
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
                verdicts = pool.map(self._verdict, embedded, verified)
                for line in chunk:
                    match line:
                        case Pair():
                            yield line.fields | next(verdicts)
                        case BadLine():
                            yield line.fields | _unusable(line)

    def _verdict(self, pair: tuple[EmbeddedText, EmbeddedText], score: float) -> dict[str, Any]:
        a, b = (side.text for side in pair)
        if canonical(a) == canonical(b):
            return {"score": 1.0, "hit": True, "reason": "the same words in another form"}
        differences = objections(a, b)
        certainty, left = with_form(score, a, b, differences)
        if self._pairs and self._pairs.classifier.leaves_doubt(certainty, a, b, left):
            score = certainty = self._pairs.score_now(*pair, certainty)
        verdict = accept_objected(certainty, left, self._verifier, self._target)
        hit = isinstance(verdict, PairAccepted)
        return {"score": round(score, 6), "hit": hit, "reason": verdict.reason}

    def _text(self, text: str) -> EmbeddedText:
        return EmbeddedText(text, self._embedding(text))

    def _quantized(self, text: str) -> QuantizedEmbedding:
        embedding = self._embedder.embed_now(text)
        return quantize(
            embedding.sentence, embedding.ids, embedding.tokens, self._verifier.projection
        )


def _unusable(line: BadLine) -> dict[str, Any]:
    return {"score": 0.0, "hit": False, "reason": f"unusable line {line.line}: {line.problem}"}


def verdict_lines(judged: Iterable[dict[str, Any]]) -> Iterator[str]:
    """As JSON Lines."""
    return (json.dumps(fields, ensure_ascii=False) + "\n" for fields in judged)
