"""Concepts in a question: what is told by words of many languages, as features that they share.

A word of the lexicon stands for a concept in one language: "today", "heute" and "今日" for `now`.
What the recogniser learns of a concept in one language thus holds for the others.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cache.identity.question_features import bare, fold

Ids: TypeAlias = tuple[int, ...]
Phrases: TypeAlias = dict[str, tuple[tuple[int, str, Ids], ...]]
"""By the second word: each with the number of the words after the first, and these words."""

UNSPACED: Final = frozenset({"ja", "zh"})
LONGEST_STEM: Final = 14
LONGEST_ENDING: Final = 7
_SIGNS: Final = ("§", "¤", "¥", "0", ":")
"""In a folded text: a quotation, code, a year, another number, a colon."""
_LENGTHS: Final = (1, 2, 3, 5, 8, 13, 30)
"""Of words; a character of an unspaced script is a third of one."""
_ARABIC_PREFIXES: Final = ("وال", "بال", "لل", "ال", "و", "ف", "ب", "ل", "ك")
_ELISIONS: Final = ("l'", "d'", "j'", "m'", "t'", "s'", "qu'", "dell'", "all'", "un'", "c'", "n'")


@dataclass(frozen=True, slots=True, eq=False)
class WordConcepts:
    """What one word means, and which phrases it may begin, by language.

    Compared by identity: there is one of each word.
    """

    own: dict[str, Ids]
    phrases: dict[str, Phrases]


NO_CONCEPTS: Final = WordConcepts({}, {})


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of the concepts, folded."""

    names: tuple[str, ...]
    words: dict[str, dict[str, Ids]]
    """By word, then by language."""
    stems: dict[str, dict[str, Ids]]
    """The same for all words that begin so."""
    endings: dict[str, dict[str, Ids]]
    """The same for all longer words that end so."""
    phrases: dict[str, dict[str, Phrases]]
    """By a phrase's first word, then by language."""

    def concepts_of(self, word: str) -> WordConcepts:
        """Of one folded word."""
        own: dict[str, set[int]] = {}
        phrases: dict[str, Phrases] = {}
        for form in _forms(word):
            entries = [self.words.get(form)]
            longest = min(len(form), LONGEST_STEM)
            shortest = max(len(form) - LONGEST_ENDING, 2)
            entries += [self.endings.get(form[at:]) for at in range(shortest, len(form))]
            entries += [self.stems.get(form[:size]) for size in range(2, longest + 1)]
            for language, ids in (item for entry in entries if entry for item in entry.items()):
                own.setdefault(language, set()).update(ids)
            # a phrase is compared by the words after its first, which may have lost an article
            for language, listed in self.phrases.get(form, {}).items():
                _add_phrases(phrases.setdefault(language, {}), listed)
        if not own and not phrases:
            return NO_CONCEPTS
        return WordConcepts(
            {language: tuple(sorted(ids)) for language, ids in own.items()}, phrases
        )


def _add_phrases(phrases: Phrases, more: Phrases) -> None:
    for second, listed in more.items():
        phrases[second] = (*phrases.get(second, ()), *listed)


def lexicon_of(lines: Iterable[str]) -> Lexicon:
    """The lexicon of lines such as `now.de: heut*|jetzt` or `my.tr: *imiz`."""
    names: dict[str, int] = {}
    words: dict[str, dict[str, Ids]] = {}
    stems: dict[str, dict[str, Ids]] = {}
    endings: dict[str, dict[str, Ids]] = {}
    phrases: dict[str, dict[str, Phrases]] = {}
    for line in lines:
        head, listed = line.split(": ", 1)
        name, language = head.split(".")
        number = names.setdefault(name, len(names))
        for phrase in listed.strip().split("|"):
            folded = " ".join(map(bare, fold(phrase).split(" ")))
            first, *rest = folded.split(" ")
            if rest:
                mine = phrases.setdefault(first, {}).setdefault(language, {})
                entry = (len(rest), " ".join(rest), (number,))
                _add_phrases(mine, {rest[0]: (entry,)})
            else:
                table = stems if phrase.endswith("*") else words
                table = endings if phrase.startswith("*") else table
                by_language = table.setdefault(folded, {})
                by_language[language] = (*by_language.get(language, ()), number)
    return Lexicon(tuple(names), words, stems, endings, phrases)


def concept_width(concepts: int) -> int:
    """The number of features: all single concepts and signs, and all pairs."""
    single = concepts + len(_SIGNS) + len(_LENGTHS) + 1
    return single + single * (single - 1) // 2


def concept_features(
    words: Sequence[str],
    meanings: Sequence[WordConcepts],
    languages: tuple[str, ...],
    concepts: int,
) -> NDArray[np.int64]:
    """Numbers of the features of folded words. languages: whose words count."""
    seen = _concepts_in(words, meanings, languages)
    present = set(words)
    seen.update([concepts + at for at, sign in enumerate(_SIGNS) if sign in present])
    length = len(words) / (3 if languages[0] in UNSPACED else 1)
    seen.add(concepts + len(_SIGNS) + bisect_left(_LENGTHS, length))
    single = concepts + len(_SIGNS) + len(_LENGTHS) + 1
    ordered = np.array(sorted(seen), dtype=np.int64)
    lower, upper = _pairs(len(ordered))
    low, high = ordered[lower], ordered[upper]
    return np.concatenate([ordered, single + high * (high - 1) // 2 + low])


def _concepts_in(
    words: Sequence[str], meanings: Sequence[WordConcepts], languages: tuple[str, ...]
) -> set[int]:
    """The concepts of single words and of phrases."""
    seen: set[int] = set()
    # a word that comes again means the same, so what it means is read once
    distinct = set(meanings)
    for language in languages:
        seen.update(*[meaning.own[language] for meaning in distinct if language in meaning.own])
        if not any(language in meaning.phrases for meaning in distinct):
            continue
        for at, (meaning, following) in enumerate(zip(meanings, words[1:], strict=False)):
            if language in meaning.phrases and following in meaning.phrases[language]:
                for size, rest, ids in meaning.phrases[language][following]:
                    if " ".join(words[at + 1 : at + 1 + size]) == rest:
                        seen.update(ids)
    return seen


@lru_cache(maxsize=128)
def _pairs(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of all pairs of so many features."""
    lower, upper = np.triu_indices(count, 1)
    return lower.astype(np.int64), upper.astype(np.int64)


def _forms(word: str) -> Iterable[str]:
    """The word, and without what is written together with it."""
    yield word
    for prefix in _ELISIONS if "'" in word else () if word.isascii() else _ARABIC_PREFIXES:
        if word.startswith(prefix) and len(word) > len(prefix) + 1:
            yield word[len(prefix) :]
