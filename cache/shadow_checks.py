"""Shadow checks: a sample of semantic hits also calls the model. Was the stored answer right?"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from redis.asyncio import Redis

from cache.identity.normalisation import canonical
from cache.results.lookup_result import ShadowCheck
from cache.semantic.embedder import Embedder
from cache.semantic.error_bound import (
    ErrorBound,
    Observation,
    decode_error_bound,
    decode_record,
    encode_error_bound,
    encode_record,
)
from cache.storage.store import EntryStore
from cache.verification.tokenizer import tokenize_question
from producers.contract import answer_text
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.lua_files import lua

RECORD_TTL_S: Final = 30 * 86_400
SAME_ANSWER_COSINE: Final = 0.8
"""Cosine from which two answers in different words are taken to say the same."""
MAX_TRIES: Final = 8

_log = logging.getLogger(__name__)


class AnswerComparison(Protocol):
    """Compares two answers to one question; a model that judges is one, too."""

    async def same(self, kept: str, new: str) -> bool | None:
        """Whether they say the same; None: it can't tell."""
        ...


class AnswerSimilarity:
    """By the answers' words, then by their vectors; a short answer's numbers must agree."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def same(self, kept: str, new: str) -> bool | None:
        """None when the embedder is away."""
        if canonical(kept) == canonical(new):
            return True
        short = max(len(kept), len(new)) <= 80  # noqa: PLR2004 - about a dozen words
        if short and tokenize_question(kept).numbers != tokenize_question(new).numbers:
            return False
        try:
            left, right = await self._embedder.embed(kept), await self._embedder.embed(new)
        except OSError:
            return None
        return float(left.sentence @ right.sentence) >= SAME_ANSWER_COSINE


class ShadowChecks:
    """Writes the observations that `error_bound` reasons about: per entry and per group."""

    def __init__(self, redis: Redis, store: EntryStore, answers: AnswerComparison) -> None:
        self._redis = redis
        self._store = store
        self._answers = answers
        self._swap = redis.register_script(lua("cache.storage", "swap"))

    async def check(self, shadow: ShadowCheck, body: dict[str, Any]) -> bool | None:
        """Whether the stored answer was right; the records are written. None: it can't be told."""
        stored, new = answer_text(shadow.entry.body), answer_text(body)
        right = await self._answers.same(stored, new) if stored and new else None
        if right is None:
            return None
        await self._observe(shadow, right=right)
        return right

    async def _observe(self, shadow: ShadowCheck, *, right: bool) -> None:
        terms = shadow.miss.terms
        tenant, group, limit = terms.question.tenant, terms.group, terms.policy.max_wrong_hits
        latest = Observation(shadow.score, right)
        entry_key = self._store.key(tenant, "observed", shadow.entry_name)
        await self._change(entry_key, lambda old: encode_record([*decode_record(old), latest]))

        def count(old: str) -> str:
            before = decode_error_bound(old)
            after = before.with_observation(right=right, limit=limit)
            _log_change(tenant, group, before, after)
            return encode_error_bound(after)

        await self._change(self._store.key(tenant, "promise", group), count)

    async def _change(self, key: str, change: Callable[[str], str]) -> None:
        """Reads, changes and writes, unless another worker wrote in between: then again."""
        for _ in range(MAX_TRIES):
            try:
                value = cast("bytes | None", await self._redis.get(key))
                old = "" if value is None else value.decode()
                if await self._swap(keys=[key], args=[old, change(old), RECORD_TTL_S]):
                    return
            except REDIS_UNAVAILABLE:
                return  # an observation lost
            await asyncio.sleep(0)


def _log_change(tenant: str, group: str, before: ErrorBound, after: ErrorBound) -> None:
    if after.level > before.level:
        change = "switched off" if after.is_off else "tightened"
        _log.warning(
            "semantic cache %s for tenant %s, %s: %d of %d hits checked were wrong",
            change, tenant, group, before.wrong + 1, before.checked + 1,
        )  # fmt: skip
