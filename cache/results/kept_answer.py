"""Kept answers: what is stored of an answer, and what a hit on it says. Pure."""

from dataclasses import dataclass

from cache.identity.answer_limits import exceeded_limit
from cache.identity.cacheable import refuse_answer
from cache.identity.terms import LookupTerms
from cache.results.lookup_result import Hit, Miss, Refresh, ShadowCheck
from cache.storage.entry import CacheEntry, entry_usage
from cache.verification.quantized_embedding import encode_quantized
from producers.contract import CacheOutcome, Done
from runtime.config.sections.cache import CacheStep


@dataclass(frozen=True, slots=True)
class HitSource:
    """The step that found an entry, its name, and how sure it is that both ask the same, 0..1."""

    step: CacheStep
    name: str
    entry: CacheEntry
    score: float


def new_entry(miss: Miss, done: Done, life_ms: int) -> CacheEntry:
    """What is stored of an answer, fresh for `life_ms`."""
    question, indexed = miss.terms.question, miss.indexed
    return CacheEntry(
        exact=question.exact,
        text=question.text,
        sketch=None if indexed is None else encode_quantized(indexed.quantized),
        epoch=(miss.version or "").partition(".")[0],
        kept_ms=miss.terms.now_ms,
        fresh_until_ms=miss.terms.now_ms + life_ms,
        cost_micro_usd=done.cost_micro_usd,
        usage=done.usage.model_dump(),
        body=done.body,
    )


def refuse_to_keep(done: Done, terms: LookupTerms) -> str | None:
    """Why an answer isn't stored: it serves nobody else, or not those who ask on these terms."""
    if terms.tier not in {None, done.route.tier}:
        return "another tier has answered"
    exceeded = exceeded_limit(terms.limits, done.body, done.usage.output)
    return refuse_answer(done, terms.policy) or (exceeded and f"it doesn't keep to {exceeded}")


def is_expired(entry: CacheEntry, terms: LookupTerms) -> bool:
    """Whether an entry is too old even to be served while it is renewed."""
    return terms.now_ms >= entry.fresh_until_ms + terms.policy.stale_s * 1000


def hit_on(source: HitSource, terms: LookupTerms, follow_up: Refresh | ShadowCheck | None) -> Hit:
    """The hit that serves an entry."""
    entry = source.entry
    outcome = CacheOutcome(
        result="hit",
        step=source.step,
        score=source.score,
        age_s=entry.age_s(terms.now_ms),
        entry=source.name,
        saved_micro_usd=entry.cost_micro_usd,
    )
    return Hit(entry.body, entry_usage(entry), outcome, follow_up)
