"""How do a look's findings become what the worker and the reply say of it?"""

from typing import Final

from cache.identity.key import Question, model_class
from cache.results.lookup_result import Bypass, Hit, Miss
from cache.settings import CachePolicy
from cache.storage.entry import CacheEntry, entry_usage
from cache.verification.quantized_embedding import encode_quantized as encode_sketch
from producers.contract import CacheOutcome, Done, Request, Route

CANONICAL_SCORE: Final = 0.99
"""Below the 1.0 of the very same words, so that a caller can ask for those alone."""


def blank_miss(
    request: Request, route: Route, question: Question, policy: CachePolicy, now_ms: int
) -> Miss:
    """The miss that a look begins with."""
    control = request.routing.cache
    scope = () if control.scope is None else (f"scope:{control.scope}",)
    group = f"scope:{control.scope}" if control.scope else model_class(route)
    return Miss(
        outcome=CacheOutcome(result="miss"),
        question=question,
        policy=policy,
        now_ms=now_ms,
        ttl_s=min(control.ttl_s or policy.ttl_s, policy.ttl_s),
        min_confidence=control.min_confidence,
        tags=(*control.tags, *scope, model_class(route)),
        group=group,
    )


def hit_on(entry: CacheEntry, miss: Miss, name: str, score: float | None = None) -> Hit:
    """The hit on an entry. score: of a semantic one."""
    same = entry.exact == miss.question.exact
    step: Final = "semantic" if score is not None else "exact" if same else "canonical"
    sure = score if score is not None else 1.0 if same else CANONICAL_SCORE
    outcome = CacheOutcome(
        result="hit",
        step=step,
        score=sure,
        age_s=entry.age_s(miss.now_ms),
        entry=name,
        saved_micro_usd=entry.cost_micro_usd,
    )
    return Hit(entry.body, entry_usage(entry), outcome)


def new_entry(miss: Miss, done: Done, life_ms: int) -> CacheEntry:
    """What is kept of an answer, fresh for `life_ms`."""
    return CacheEntry(
        exact=miss.question.exact,
        text=miss.question.text,
        sketch=None if miss.indexed is None else encode_sketch(miss.indexed.quantized),
        epoch=(miss.version or "").partition(".")[0],
        kept_ms=miss.now_ms,
        fresh_until_ms=miss.now_ms + life_ms,
        cost_micro_usd=done.cost_micro_usd,
        usage=done.usage.model_dump(),
        body=done.body,
    )


def is_expired(entry: CacheEntry, miss: Miss) -> bool:
    """Whether an entry is too old even to be served while it is renewed."""
    return miss.now_ms >= entry.fresh_until_ms + miss.policy.stale_s * 1000


def bypass(reason: str) -> Bypass:
    """The cache has no part in the request."""
    return Bypass(CacheOutcome(result="bypass", reason=reason))


def missed(reason: str) -> CacheOutcome:
    """A miss, and why."""
    return CacheOutcome(result="miss", reason=reason)
