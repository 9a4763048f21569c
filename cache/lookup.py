"""Is there an answer to this request already, and how is a new one kept for the next asker?

`find` → Hit: serve it. Miss: call the provider, then `keep` or, when that failed, `abandon`.
Bypass: call the provider. Nothing here raises for what Redis or the embedder do: a request then
goes to the provider. A request with `cache.mode` = `only-if-cached` that isn't a Hit must be
answered with `not_in_cache`.
"""

import asyncio
import logging
from dataclasses import replace
from functools import lru_cache
from typing import Final

from redis.asyncio import Redis

from producers.messages import CacheOutcome, Done, Request, Route

from .cacheable import refuse_answer, refuse_question, refuse_request
from .credit import Credits
from .entry import Entry, encode, lifetime_ms, usage_of
from .flight import FIRST_PAUSE_S, LONGEST_PAUSE_S, Alone, Flights, Follows, Leads
from .found import Bypass, Found, Hit, Miss, Refresh
from .key import NoQuestion, Question, ask, model_class
from .reads import Reads, Unavailable
from .settings import CacheSettings, Policy
from .store import Glance, NotKept, Store

CANONICAL_SCORE: Final = 0.99
"""Below the 1.0 of the very same words, so that a caller can ask for those alone."""

_log = logging.getLogger(__name__)


class Lookup:
    """The cache as a worker sees it. One per process and event loop; close it at the end."""

    def __init__(self, settings: CacheSettings, redis: Redis) -> None:
        budget_s = settings.budget_ms / 1000
        reads = Reads(redis, budget_s)
        self._settings = settings
        self._policy = lru_cache(maxsize=4096)(settings.policy)
        self._store = Store(redis, reads, settings.key_prefix)
        self._flights = Flights(redis, reads, lease_s=settings.lease_s, budget_s=budget_s)
        self._credits = Credits(self._store)

    async def find(self, request: Request, route: Route, now_ms: int) -> Found:
        """What the cache has for a request. now_ms: Unix milliseconds. Never raises."""
        try:
            return await self._find(request, route, now_ms)
        except Exception:  # noqa: BLE001 - a bug here must not cost a request
            _log.exception("cache lookup failed; the request goes to the provider")
            return Bypass(CacheOutcome(result="error", reason="internal error of the cache"))

    async def keep(self, miss: Miss, done: Done) -> None:
        """Keeps the answer, if it may be, and lets those go who wait for it. Never raises."""
        kept = False
        try:
            kept = await self._keep(miss, done)
        except Exception:  # noqa: BLE001 - the answer is already sent
            _log.exception("an answer could not be kept")
        finally:
            await self._land(miss, shared=kept)

    async def abandon(self, miss: Miss) -> None:
        """The call failed: somebody else may try. Never raises."""
        await self._land(miss, shared=True)

    async def close(self) -> None:
        """Writes what is left and stops the background tasks."""
        await self._flights.close()
        await self._credits.close()

    async def _find(self, request: Request, route: Route, now_ms: int) -> Found:
        policy = self._policy(request.tenant, route.tier)
        knowledge = self._settings.knowledge_version
        by_canonical = "canonical" in policy.steps
        question = ask(request, route, knowledge=knowledge, by_canonical=by_canonical)
        if isinstance(question, NoQuestion):
            return _bypass(question.reason)
        refused = refuse_request(request.body, question.text, policy)
        if refused is not None:
            return _bypass(refused)
        miss = _blank(request, route, question, policy, now_ms)
        glance = await self._store.look(request.tenant, question.entry)
        if isinstance(glance, Unavailable):
            return replace(miss, outcome=CacheOutcome(result="error", reason=glance.reason))
        return await self._decide(request, miss, glance)

    async def _decide(self, request: Request, miss: Miss, glance: Glance) -> Found:
        control = request.routing.cache
        if control.mode != "no-store":
            miss = replace(miss, age=glance.age)
        if control.mode != "no-cache":
            hit = await self._serve(miss, glance.entry, control.min_confidence)
            if hit is not None:
                return hit
        # asked late: what is never kept is never hit
        refused = refuse_question(miss.question.text, miss.policy)
        if refused is not None:
            return _bypass(refused)
        if control.mode == "no-cache":
            return replace(miss, outcome=_missed("the caller asked for a new answer"))
        if control.mode != "default" or not miss.policy.single_flight:
            return miss
        return await self._join(miss, control.min_confidence)

    async def _serve(self, miss: Miss, entry: Entry | None, bar: float | None) -> Hit | None:
        if entry is None or _ended(entry, miss):
            return None
        same = entry.exact == miss.question.exact
        score = 1.0 if same else CANONICAL_SCORE
        if bar is not None and score < bar:
            return None
        name = miss.question.entry
        outcome = CacheOutcome(
            result="hit",
            step="exact" if same else "canonical",
            score=score,
            age_s=entry.age_s(miss.now_ms),
            entry=name,
            saved_micro_usd=entry.cost_micro_usd,
        )
        self._credits.hit(miss.question.tenant, name, entry.cost_micro_usd)
        hit = Hit(entry.body, usage_of(entry), outcome)
        return hit if miss.now_ms < entry.fresh_until_ms else await self._refresh(hit, miss)

    async def _refresh(self, hit: Hit, miss: Miss) -> Hit:
        """One caller gets the task to renew a stale entry; all get the answer."""
        if miss.age is None:
            return hit
        role = await self._flights.join(self._flight_key(miss.question))
        return (
            replace(hit, follow_up=Refresh(replace(miss, lead=role)))
            if isinstance(role, Leads)
            else hit
        )

    async def _join(self, miss: Miss, bar: float | None) -> Found:
        """Leads, or follows whoever leads until there is an answer, at most `wait_s`."""
        key, question = self._flight_key(miss.question), miss.question
        role, pause_s = await self._flights.join(key), FIRST_PAUSE_S
        loop = asyncio.get_running_loop()
        until = loop.time() + miss.policy.wait_s
        while True:
            glance = await self._store.look(question.tenant, question.entry)
            if isinstance(glance, Glance) and (hit := await self._serve(miss, glance.entry, bar)):
                if isinstance(role, Leads):
                    await self._flights.land(role, shared=True)
                return hit
            match role:
                case Leads():
                    return replace(miss, lead=role)
                case Alone(reason):
                    return replace(miss, outcome=_missed(reason))
                case Follows() if loop.time() >= until:
                    return replace(miss, outcome=_missed("waited too long for another worker"))
                case Follows():
                    role = await self._flights.wait(key, pause_s)
                    pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _keep(self, miss: Miss, done: Done) -> bool:
        if miss.age is None or refuse_answer(done, miss.policy) is not None:
            return False
        life_ms = lifetime_ms(miss.ttl_s, miss.policy.ttl_jitter)
        entry = _entry(miss, done, life_ms)
        if len(encode(entry)) > miss.policy.max_answer_bytes:
            return False
        kept = await self._store.keep(
            miss.question.tenant,
            miss.question.entry,
            entry,
            age=miss.age,
            ttl_ms=life_ms + int(miss.policy.stale_s * 1000),
            quota_bytes=int(miss.policy.quota_mb * 1_000_000),
            tags=miss.tags,
        )
        return not isinstance(kept, NotKept)

    async def _land(self, miss: Miss, *, shared: bool) -> None:
        if miss.lead is not None:
            await self._flights.land(miss.lead, shared=shared)

    def _flight_key(self, question: Question) -> str:
        return self._store.key(question.tenant, "f", question.entry)


def _blank(request: Request, route: Route, question: Question, policy: Policy, now_ms: int) -> Miss:
    control = request.routing.cache
    scope = () if control.scope is None else (f"scope:{control.scope}",)
    tags = (*control.tags, *scope, model_class(route))
    ttl_s = min(control.ttl_s or policy.ttl_s, policy.ttl_s)
    return Miss(CacheOutcome(result="miss"), question, policy, now_ms, ttl_s, tags)


def _entry(miss: Miss, done: Done, life_ms: int) -> Entry:
    return Entry(
        exact=miss.question.exact,
        text=miss.question.text,
        epoch=(miss.age or "").partition(".")[0],
        kept_ms=miss.now_ms,
        fresh_until_ms=miss.now_ms + life_ms,
        cost_micro_usd=done.cost_micro_usd,
        usage=done.usage.model_dump(),
        body=done.body,
    )


def _ended(entry: Entry, miss: Miss) -> bool:
    return miss.now_ms >= entry.fresh_until_ms + miss.policy.stale_s * 1000


def _bypass(reason: str) -> Bypass:
    return Bypass(CacheOutcome(result="bypass", reason=reason))


def _missed(reason: str) -> CacheOutcome:
    return CacheOutcome(result="miss", reason=reason)
