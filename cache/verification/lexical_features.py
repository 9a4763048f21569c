"""Lexical features of a question pair. How alike are the words, and where do they differ?

They are the trained model's input: a change of any needs a new `verifier.npz`. Every feature is
symmetric: the pair (a, b) looks like (b, a). Overlaps are shares, 0..1.
"""

import itertools
import math
from collections.abc import Set as AbstractSet
from difflib import SequenceMatcher
from typing import Final

from cache.verification.antonyms import ANTONYM_PAIRS, EXCLUSIVE_GROUPS
from cache.verification.lexical_guard import differences, one_sided_names
from cache.verification.tokenizer import QuestionWords
from cache.verification.vocabulary import FUNCTION_WORDS

LEXICAL_FEATURES: Final = (
    "tokens_fewer", "tokens_more", "tokens_ratio",
    "token_jaccard", "stem_jaccard", "stem_dice", "stem_within", "stem_covers",
    "trigram_jaccard", "bigram_jaccard", "order", "common_start", "common_end",
    "same_first", "same_last", "same_kind", "kinds_apart", "sentences_apart",
    "stems_only_fewer", "stems_only_more", "function_only",
    "numbers_differ", "numbers_only_fewer", "numbers_only_more", "any_number",
    "negation_differs", "any_negation",
    "opposites", "rivals", "name_differs", "names_only_fewer", "names_only_more", "any_name",
    "one_word_apart", "same_length", "longest_only", "spelling",
)  # fmt: skip


def lexical_features(a: QuestionWords, b: QuestionWords) -> list[float]:
    """The values of LEXICAL."""
    tokens_a, tokens_b = set(a.tokens), set(b.tokens)
    details = {difference.detail for difference in differences(a, b)}
    return [
        *_lengths(a, b),
        _jaccard(tokens_a, tokens_b),
        *_stems(a.stems, b.stems),
        _jaccard(a.trigrams, b.trigrams),
        _jaccard(_bigrams(a.tokens), _bigrams(b.tokens)),
        *_order(a.tokens, b.tokens),
        *_kinds(a, b),
        *_sorted(len(a.stems - b.stems), len(b.stems - a.stems)),
        _jaccard(tokens_a & FUNCTION_WORDS, tokens_b & FUNCTION_WORDS),
        float("number" in details),
        *_sorted(len(set(a.numbers) - set(b.numbers)), len(set(b.numbers) - set(a.numbers))),
        float(bool(a.numbers or b.numbers)),
        float("negation" in details),
        float(a.negations + b.negations > 0),
        float("opposite" in details),
        _rivals(tokens_a - tokens_b, tokens_b - tokens_a),
        float("name" in details),
        *_sorted(*one_sided_names(a, b)),
        float(bool(a.names or b.names)),
        *_apart(a, b),
    ]


def _sorted(left: float, right: float) -> tuple[float, float]:
    return (float(left), float(right)) if left <= right else (float(right), float(left))


def _lengths(a: QuestionWords, b: QuestionWords) -> tuple[float, float, float]:
    fewer, more = _sorted(len(a.tokens), len(b.tokens))
    return fewer, more, fewer / max(more, 1.0)


def _jaccard(a: AbstractSet[object], b: AbstractSet[object]) -> float:
    common = len(a & b)
    total = len(a) + len(b) - common
    return common / total if total else 1.0


def _stems(a: AbstractSet[str], b: AbstractSet[str]) -> tuple[float, float, float, float]:
    common = len(a & b)
    fewer, more = _sorted(len(a), len(b))
    dice = 2 * common / (fewer + more) if more else 1.0
    return _jaccard(a, b), dice, common / max(more, 1.0), common / max(fewer, 1.0)


def _bigrams(tokens: tuple[str, ...]) -> set[tuple[str, str]]:
    return set(itertools.pairwise(tokens))


def _order(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[float, float, float]:
    a, b = sorted((a, b))  # SequenceMatcher isn't symmetric; a fixed order makes it so
    longest = max(len(a), len(b), 1)
    blocks = SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
    start = next((at for at, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1]), -1)
    end = next(
        (at for at, pair in enumerate(zip(a[::-1], b[::-1], strict=False)) if pair[0] != pair[1]),
        -1,
    )
    shortest = min(len(a), len(b))
    return (
        sum(block.size for block in blocks) / longest,
        (shortest if start < 0 else start) / longest,
        (shortest if end < 0 else end) / longest,
    )


def _kinds(a: QuestionWords, b: QuestionWords) -> tuple[float, float, float, float, float]:
    both = bool(a.tokens and b.tokens)
    return (
        float(both and a.tokens[0] == b.tokens[0]),
        float(both and a.tokens[-1] == b.tokens[-1]),
        float(a.kind == b.kind),
        float(bool(a.kind and b.kind) and a.kind != b.kind),
        float(abs(a.sentences - b.sentences)),
    )


def _rivals(only_a: AbstractSet[str], only_b: AbstractSet[str]) -> float:
    """How many words on one side have an opposite or a sibling on the other."""
    groups = {group for word in only_b for group in EXCLUSIVE_GROUPS.get(word, ())}
    nothing: frozenset[object] = frozenset()
    opposed = (ANTONYM_PAIRS.get(word, nothing) & only_b for word in only_a)
    siblings = (EXCLUSIVE_GROUPS.get(word, nothing) & groups for word in only_a)
    return float(sum(bool(left or right) for left, right in zip(opposed, siblings, strict=True)))


def _apart(a: QuestionWords, b: QuestionWords) -> tuple[float, float, float, float]:
    only_a, only_b = a.stems - b.stems, b.stems - a.stems
    one_apart = len(only_a) == len(only_b) == 1
    longest = max((len(word) for word in only_a | only_b), default=0)
    spelling = 0.0
    if one_apart:
        first, second = sorted((*only_a, *only_b))
        spelling = SequenceMatcher(None, first, second, autojunk=False).ratio()
    return float(one_apart), float(len(a.tokens) == len(b.tokens)), math.log1p(longest), spelling
