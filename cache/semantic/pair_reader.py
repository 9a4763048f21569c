"""Pair reader: what the verifier leaves in doubt, read together on a thread. What is the score?

The model is loaded at the first pair that needs it. A score that is late, or that too many wait
for, is none: verification fails closed.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from cache.cross_encoder.pair_classifier import PairClassifier
from cache.semantic.pair_encoder import PAIR_VERSION, PairEncoder, load_pair_classifier
from cache.verification.verifier import EmbeddedText

_log = logging.getLogger(__name__)
MOST_PAIRS_WAITING: Final = 8
"""Pairs that wait for the thread; about 0.1 s of work."""

ScorePair = Callable[[EmbeddedText, EmbeddedText, float, str | None], float]


class PairReader:
    """Asks the pair encoder; one for a process. For one event loop."""

    def __init__(
        self, classifier: PairClassifier, load: Callable[[], ScorePair], wait_s: float
    ) -> None:
        """load: makes the encoder, on the thread; may raise NoEmbedder."""
        self.classifier = classifier
        self._load = load
        self._wait_s = wait_s
        self._score: ScorePair | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="pair-reader")
        self._waiting = 0
        self.is_missing = False

    async def score(
        self, asked: EmbeddedText, stored: EmbeddedText, verified: float, language: str | None
    ) -> float | None:
        """The score of both models; None: not in time, or there is no model. Never raises.

        verified: the verifier's; language: of both texts.
        """
        if self.is_missing or self._waiting >= MOST_PAIRS_WAITING:
            return None
        self._waiting += 1
        loop = asyncio.get_running_loop()
        scored = loop.run_in_executor(
            self._pool, self._score_now, asked, stored, verified, language
        )
        scored.add_done_callback(self._done)
        await asyncio.wait([scored], timeout=self._wait_s)
        if not scored.done() or scored.cancelled() or scored.exception() is not None:
            return None
        return scored.result()

    def close(self) -> None:
        """Ends the thread."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _score_now(
        self, asked: EmbeddedText, stored: EmbeddedText, verified: float, language: str | None
    ) -> float:
        if self._score is None:
            self._score = self._load()
        return self._score(asked, stored, verified, language)

    def _done(self, scored: asyncio.Future[float]) -> None:
        self._waiting -= 1
        error = None if scored.cancelled() else scored.exception()
        if error is None:
            return
        if self._score is not None:  # this pair's fault, not the model's
            _log.warning("the cache's pair encoder failed: %s", type(error).__name__)
        elif not self.is_missing:
            self.is_missing = True
            _log.warning("the cache's pair encoder is off, the verifier decides alone: %s", error)


def pair_reader(directory: Path, verifier: str, wait_s: float) -> PairReader | None:
    """The reader with the model in a folder, for the verifier of that embedder version.

    None, and a line in the log, when there is none.
    """
    try:
        classifier = load_pair_classifier()
    except (OSError, ValueError, KeyError) as error:
        _log.warning("the cache's pair encoder is off, the verifier decides alone: %s", error)
        return None
    problem = None
    if not (directory / PAIR_VERSION).is_file():
        problem = f"no model in {directory}; build it with `make embedder`"
    elif classifier.verifier != verifier:
        problem = f"it was trained beside {classifier.verifier}, not {verifier}"
    if problem is None:
        return PairReader(classifier, lambda: PairEncoder(directory).score_now, wait_s)
    _log.warning("the cache's pair encoder is off, the verifier decides alone: %s", problem)
    return None
