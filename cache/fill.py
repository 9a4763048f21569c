"""Cache fill: what becomes of an answer that was bought. Is it stored, and what does it prove?"""

import logging

from cache.identity.subject import subject_tags
from cache.identity.terms import LookupTerms
from cache.results.kept_answer import new_entry, refuse_to_keep
from cache.results.lookup_result import HitSample, Miss, Refresh, ShadowCheck
from cache.semantic.semantic_search import SemanticSearch
from cache.shadow_checks import ShadowChecks
from cache.storage.entry import lifetime_ms
from cache.storage.single_flight import Leader, SingleFlight
from cache.storage.store import EntryStore, Stored
from producers.contract import Done

_log = logging.getLogger(__name__)


class CacheFill:
    """Stores answers, ends single flights, has samples compared. Nothing here raises."""

    def __init__(
        self,
        store: EntryStore,
        flights: SingleFlight,
        semantic: SemanticSearch | None,
        checks: ShadowChecks,
    ) -> None:
        self._store = store
        self._flights = flights
        self._semantic = semantic
        self._checks = checks

    async def store_answer(self, miss: Miss, done: Done) -> None:
        """As `CacheLookup.store_answer`; what a closed step would have served is compared."""
        is_stored = False
        try:
            is_stored = await self._store_answer(miss, done)
        except Exception:  # noqa: BLE001 - the answer is already sent
            _log.exception("an answer could not be stored")
        finally:
            if not is_stored:
                await self.release(miss.leader, shared=False)
        if miss.trial is not None:
            await self._compare(miss.terms, miss.trial, done)

    async def take_follow_up(self, task: Refresh | ShadowCheck, done: Done) -> bool | None:
        """As `CacheLookup.take_follow_up`."""
        is_right: bool | None = None
        if isinstance(task, ShadowCheck):
            is_right = await self._compare(task.miss.terms, task.sample, done)
        await self.store_answer(task.miss, done)
        return is_right

    async def release(self, role: object, *, shared: bool) -> None:
        """Ends the single flight that `role` leads. shared: others find its entry, or may try."""
        if isinstance(role, Leader):
            await self._flights.release(role, shared=shared)

    async def _store_answer(self, miss: Miss, done: Done) -> bool:
        terms = miss.terms
        if miss.version is None or refuse_to_keep(done, terms) is not None:
            return False
        life_ms = lifetime_ms(terms.ttl_s, terms.policy.ttl_jitter)
        result = await self._store.write(
            terms.question.tenant,
            terms.question.entry,
            new_entry(miss, done, life_ms),
            version=miss.version,
            ttl_ms=life_ms + int(terms.policy.stale_s * 1000),
            quota_bytes=int(terms.policy.quota_mb * 1_000_000),
            max_bytes=terms.policy.max_answer_bytes,
            tags=(*terms.tags, *subject_tags(terms.request_id, terms.user)),
            flight=None if miss.leader is None else miss.leader.lease,
        )
        is_stored = isinstance(result, Stored)
        if is_stored and miss.leader is not None:
            self._flights.ended(miss.leader)
        if is_stored and miss.indexed is not None and self._semantic is not None:
            await self._semantic.add(miss.indexed, terms.question.entry, int(terms.ttl_s) + 1)
        return is_stored

    async def _compare(self, terms: LookupTerms, sample: HitSample, done: Done) -> bool | None:
        """Whether a sampled hit is right by a fresh answer; None: it can't be told."""
        if refuse_to_keep(done, terms) is not None:
            return None
        try:
            return await self._checks.check(terms, sample, done.body)
        except Exception:  # noqa: BLE001 - a sample lost must not cost more
            _log.exception("an answer could not be compared")
            return None
