"""Second look: what the recogniser is unsure about, judged by a question's meaning. Kept or not?

The model is loaded at the first question that needs it, and asked on a thread of its own. A
verdict that is late is remembered for the next who asks; until then the question is in doubt.
"""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from cache.identity.question_classifier import (
    QuestionClassifier,
    combined,
    in_doubt,
    is_unsure,
    read_classifier,
)
from cache.identity.recogniser import Recognition, Shares
from cache.semantic.embedder import NoEmbedder
from cache.semantic.question_embedder import QuestionEmbedder

_log = logging.getLogger(__name__)
CLASSIFIER: Final = Path(__file__).with_name("question_classifier.npz")
MOST_QUESTIONS_WAITING: Final = 16
"""Questions that wait for the thread; about 0.1 s of work."""
REMEMBERED: Final = 8_192
"""Verdicts; 200 bytes each."""

Classify = Callable[[str], Shares]


class _Asked(NamedTuple):
    """A question on its way to the classifier."""

    verdict: asyncio.Future[Shares]
    awaited_until: float
    """Monotonic seconds. Counted from the first who asks: a request asks up to three times."""

    async def shares(self) -> Shares | None:
        """The verdict, if it comes in time."""
        left_s = self.awaited_until - time.monotonic()
        if left_s > 0:
            await asyncio.wait([self.verdict], timeout=left_s)
        verdict = self.verdict
        if not verdict.done() or verdict.cancelled() or verdict.exception() is not None:
            return None
        return verdict.result()


class SecondLook:
    """Asks the classifier; one for a process. For one event loop."""

    def __init__(self, load: Callable[[], Classify], wait_s: float) -> None:
        """load: makes the classifier, on the thread; may raise NoEmbedder."""
        self._load = load
        self._wait_s = wait_s
        self._classify: Classify | None = None
        self._is_missing = False
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="second-look")
        self._waiting: dict[bytes, _Asked] = {}
        self._verdicts: OrderedDict[bytes, Shares] = OrderedDict()

    async def recognise(self, text: str, first: Recognition) -> Recognition:
        """What both say of a text; the recogniser's word alone where it is sure. Never raises."""
        if self._is_missing or not is_unsure(text, first):
            return first
        name = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
        known = self._verdicts.get(name)
        if known is not None:
            self._verdicts.move_to_end(name)
            return combined(first, known)
        asked = self._waiting.get(name)
        if asked is None:
            if len(self._waiting) >= MOST_QUESTIONS_WAITING:
                return in_doubt(first)
            asked = self._ask(name, text)
        shares = await asked.shares()
        return in_doubt(first) if shares is None else combined(first, shares)

    def close(self) -> None:
        """Ends the thread."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, name: bytes, text: str) -> _Asked:
        loop = asyncio.get_running_loop()
        verdict = loop.run_in_executor(self._pool, self._classify_now, text)
        asked = self._waiting[name] = _Asked(verdict, time.monotonic() + self._wait_s)
        verdict.add_done_callback(lambda judged: self._remember(name, judged))
        return asked

    def _classify_now(self, text: str) -> Shares:
        if self._classify is None:
            self._classify = self._load()
        return self._classify(text)

    def _remember(self, name: bytes, judged: asyncio.Future[Shares]) -> None:
        self._waiting.pop(name, None)
        if judged.cancelled():
            return
        error = judged.exception()
        if error is None:
            self._verdicts[name] = judged.result()
            if len(self._verdicts) > REMEMBERED:
                self._verdicts.popitem(last=False)
        elif self._classify is not None:  # this text's fault, not the model's
            _log.warning("the cache's second look failed: %s", type(error).__name__)
        elif not self._is_missing:
            self._is_missing = True
            _log.warning("the cache's second look is off, the recogniser decides alone: %s", error)


def second_look(directory: Path, wait_s: float) -> SecondLook | None:
    """The second look by the model in a folder; None, and a line in the log, when none is there."""
    if not (directory / "version.json").is_file():
        _log.warning(
            "no model in %s: the cache's recogniser decides alone; build it with `make embedder`",
            directory,
        )
        return None
    return SecondLook(lambda: _classifier_of(directory), wait_s)


def load_classifier() -> QuestionClassifier:
    """The trained classifier."""
    with np.load(CLASSIFIER, allow_pickle=False) as archive:
        return read_classifier(archive)


def _classifier_of(directory: Path) -> Classify:
    embedder, classifier = QuestionEmbedder(directory), load_classifier()
    if embedder.version != classifier.embedder:
        raise NoEmbedder(
            f"the model in {directory} is {embedder.version}, the classifier was trained on"
            f" {classifier.embedder}; build it anew with `make embedder`"
        )
    return lambda text: classifier.shares(embedder.embed_now(text))
