"""Kept answers: what is stored of an answer, and what a hit on it says. Pure."""

from dataclasses import dataclass
from typing import Final

from cache.identity.answer_limits import exceeded_limit
from cache.identity.cacheable import refuse_answer
from cache.identity.terms import LookupTerms
from cache.promise.group_bounds import PromiseCell, cell_of
from cache.results.lookup_result import Hit, HitSample, Miss, Refresh, ShadowCheck
from cache.storage.entry import CacheEntry, entry_usage
from cache.verification.quantized_embedding import encode_quantized
from producers.contract import CacheOutcome, Done

CANONICAL_SCORE: Final = 0.99
"""Below the 1.0 of the very same words, so that a caller can ask for those alone."""


@dataclass(frozen=True, slots=True)
class HitSource:
    """The entry that answers, what found it, and how sure that is that both ask the same, 0..1."""

    cell: PromiseCell
    name: str
    entry: CacheEntry
    score: float

    @property
    def sample(self) -> HitSample:
        """What is compared with a fresh answer."""
        return HitSample(self.cell, self.name, self.entry, self.score)


def direct_source(entry: CacheEntry, terms: LookupTerms) -> HitSource | None:
    """The entry in the question's own slot, as a hit; None when the caller wants more certainty."""
    step: Final = "exact" if entry.exact == terms.question.exact else "canonical"
    score = 1.0 if step == "exact" else CANONICAL_SCORE
    if score < terms.min_confidence:
        return None
    return HitSource(cell_of(step, entry.language), terms.question.entry, entry, score)


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
        usage=done.usage.model_dump(exclude_defaults=True),
        body=done.body,
        language=miss.terms.language,
        same_words_only=miss.terms.same_words_only,
        space=None if indexed is None else indexed.space,
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
        step=source.cell.step,
        score=source.score,
        age_s=entry.age_s(terms.now_ms),
        entry=source.name,
        saved_micro_usd=entry.cost_micro_usd,
    )
    return Hit(entry.body, entry_usage(entry), outcome, follow_up)


def shadow_check(terms: LookupTerms, version: str, sample: HitSample) -> ShadowCheck:
    """The call that tells whether a hit was right; its answer is stored, too."""
    miss = Miss(CacheOutcome(result="miss"), terms, stored_version(terms, version))
    return ShadowCheck(miss, sample)


def stored_version(terms: LookupTerms, version: str) -> str | None:
    """The version that an answer is stored under; None: it isn't to be stored."""
    return version if terms.may_store else None
