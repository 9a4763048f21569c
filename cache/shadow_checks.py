"""Shadow checks: a sample of the hits also calls the model. Was the stored answer right?"""

import asyncio
from typing import Any, Final, Protocol

from cache.answers.answer_pair import (
    LEAST_CHANCE,
    AnswerPairFeatures,
    answer_pair_features,
    chance_of_same,
    with_question,
)
from cache.identity.normalisation import canonical
from cache.identity.terms import LookupTerms
from cache.promise.error_bound import EXACT_COMPARISON, ComparisonError
from cache.promise.group_bounds import rules_of
from cache.promise_records import ObservedHit, PromiseRecords
from cache.results.lookup_result import HitSample
from cache.semantic.embedder import Embedder
from producers.contract import answer_text

MEASURED_ERROR: Final = ComparisonError(false_alarm=(0.0, 0.167), miss=(0.281, 0.427))
"""By `python -m bench.cache_answers`, on answers that were written to be hard to tell apart. Models
repeat themselves more, so the lower end of the false alarms is none at all."""


class AnswerComparison(Protocol):
    """Compares two answers to one question; a model that judges is one, too."""

    @property
    def error(self) -> ComparisonError:
        """How often it errs; enters the bound of wrong hits."""
        ...

    async def same(self, question: str, kept: str, new: str) -> bool | None:
        """Whether both answer the question in the same way; None: it can't tell."""
        ...


class AnswerSimilarity:
    """By the answers' words, then by a model of words, numbers and vectors."""

    error: Final = MEASURED_ERROR

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def same(self, question: str, kept: str, new: str) -> bool | None:
        """None when the embedder is away."""
        if canonical(kept) == canonical(new):
            return True
        features = await self.features(question, kept, new)
        return None if features is None else chance_of_same(features) >= LEAST_CHANCE

    async def features(self, question: str, kept: str, new: str) -> AnswerPairFeatures | None:
        """What both have in common; None as `same`."""
        try:
            left = await self._embedder.embed(with_question(question, kept))
            right = await self._embedder.embed(with_question(question, new))
        except OSError:
            return None
        cosine = float(left.sentence @ right.sentence)
        return await asyncio.to_thread(answer_pair_features, question, kept, new, cosine)


class ShadowChecks:
    """Compares hits with fresh answers, and writes what came of it."""

    def __init__(self, records: PromiseRecords, answers: AnswerComparison | None) -> None:
        self._records = records
        self._answers = answers

    @property
    def error(self) -> ComparisonError:
        """Of the comparison."""
        return EXACT_COMPARISON if self._answers is None else self._answers.error

    @property
    def can_tell(self) -> bool:
        """Whether there is anything to compare answers with."""
        return self._answers is not None

    async def check(
        self, terms: LookupTerms, sample: HitSample, body: dict[str, Any]
    ) -> bool | None:
        """Whether the stored answer was right; the records are written. None: it can't be told."""
        stored, new = answer_text(sample.entry.body), answer_text(body)
        question = terms.question.text or ""
        if self._answers is None or not stored or not new:
            return None
        right = await self._answers.same(question, stored, new)
        if right is None:
            return None
        hit = ObservedHit(
            terms.question.tenant, terms.group, sample.cell, sample.entry_name, sample.score
        )
        rules = rules_of(sample.cell, terms.policy.max_wrong_hits, self.error)
        await self._records.observe(hit, rules, right=right)
        return right
