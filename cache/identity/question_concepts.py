"""Concepts in a question: what is told by words of many languages, as features that they share.

A word of the lexicon stands for a concept in one language: "today", "heute" and "今日" for `now`.
What the recogniser learns of a concept in one language thus holds for the others.
"""

import itertools
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

EVERY_LANGUAGE: Final = ""
UNSPACED: Final = frozenset({"ja", "zh"})
LONGEST_STEM: Final = 14
LONGEST_ENDING: Final = 7
_SIGNS: Final = ("§", "¤", "¥", "0", ":")
"""In a folded text: a quotation, code, a year, another number, a colon."""
_LENGTHS: Final = (1, 2, 3, 5, 8, 13, 30)
"""Of words; a character of an unspaced script is a third of one."""
_ARABIC_PREFIXES: Final = ("وال", "بال", "لل", "ال", "و", "ف", "ب", "ل", "ك")
_ELISIONS: Final = ("l'", "d'", "j'", "m'", "t'", "s'", "qu'", "dell'", "all'", "un'", "c'", "n'")


@dataclass(frozen=True, slots=True)
class WordConcepts:
    """What one word means, and which phrases it may begin, by language."""

    own: dict[str, Ids]
    """A sign means the same in `EVERY_LANGUAGE`."""
    phrases: dict[str, Phrases]


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
    seconds: dict[str, int]
    """Second words of phrases, numbered."""
    stem_sizes: dict[str, tuple[int, ...]]
    """How long the stems are that begin with two letters."""
    ending_sizes: dict[str, tuple[int, ...]]
    """How long the endings are that end with a letter."""

    def concepts_of(self, word: str) -> WordConcepts:
        """Of one folded word."""
        own: dict[str, Ids] = {}
        phrases: dict[str, Phrases] = {}
        for form in _forms(word):
            for entry in self._entries(form):
                for language, ids in entry.items():
                    own[language] = own[language] + ids if language in own else ids
            # a phrase is compared by the words after its first, which may have lost an article
            if form in self.phrases:
                for language, listed in self.phrases[form].items():
                    known = phrases.get(language)
                    phrases[language] = listed if known is None else _joined(known, listed)
        if word in _SIGNS:
            own[EVERY_LANGUAGE] = (len(self.names) + _SIGNS.index(word),)
        return WordConcepts(own, phrases)

    def _entries(self, form: str) -> list[dict[str, Ids]]:
        """The lexicon's entries of a word, of how it begins and of how it ends."""
        words, endings, stems = self.words, self.endings, self.stems
        entries = [words[form]] if form in words else []
        entries += [
            endings[end]
            for size in self.ending_sizes.get(form[-1:], ())
            if (end := form[-size:]) in endings and len(form) - len(end) > 1
        ]
        entries += [
            stems[stem]
            for size in self.stem_sizes.get(form[:2], ())
            if (stem := form[:size]) in stems
        ]
        return entries


def _joined(phrases: Phrases, more: Phrases) -> Phrases:
    seconds = {**phrases, **more}
    return {second: (*phrases.get(second, ()), *more.get(second, ())) for second in seconds}


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
                mine[rest[0]] = (*mine.get(rest[0], ()), entry)
            else:
                table = stems if phrase.endswith("*") else words
                table = endings if phrase.startswith("*") else table
                by_language = table.setdefault(folded, {})
                by_language[language] = (*by_language.get(language, ()), number)
    stem_sizes = _sizes(stems, slice(0, 2), range(2, LONGEST_STEM + 1))
    ending_sizes = _sizes(endings, slice(-1, None), range(1, LONGEST_ENDING + 1))
    listed_phrases = [listed for mine in phrases.values() for listed in mine.values()]
    seconds = dict(zip(dict.fromkeys(itertools.chain(*listed_phrases)), itertools.count()))
    return Lexicon(tuple(names), words, stems, endings, phrases, seconds, stem_sizes, ending_sizes)


def _sizes(parts: Iterable[str], sign: slice, read: range) -> dict[str, tuple[int, ...]]:
    """By the sign of parts of words how long they are, as far as such are read."""
    sizes: dict[str, set[int]] = {}
    for part in parts:
        if len(part) in read:
            sizes.setdefault(part[sign], set()).add(len(part))
    return {name: tuple(sorted(lengths)) for name, lengths in sizes.items()}


def concept_width(concepts: int) -> int:
    """The number of features: all single concepts and signs, and all pairs."""
    single = concepts + len(_SIGNS) + len(_LENGTHS) + 1
    return single + single * (single - 1) // 2


def concept_features(
    seen: set[int], length: int, languages: tuple[str, ...], concepts: int
) -> NDArray[np.int64]:
    """Numbers of the features of a text. seen: its concepts and signs; length: in words."""
    spaced = length / (3 if languages[0] in UNSPACED else 1)
    size = concepts + len(_SIGNS) + bisect_left(_LENGTHS, spaced)
    ordered = np.array(sorted({*seen, size}), dtype=np.int64)
    pairs = np.add.outer(_pair_starts(concepts).take(ordered), ordered)
    return np.concatenate([ordered, pairs.take(_pairs(len(ordered)))])


@lru_cache(maxsize=8)
def _pair_starts(concepts: int) -> NDArray[np.int64]:
    """Of each single feature, the number of its pair with the first one."""
    single = concepts + len(_SIGNS) + len(_LENGTHS) + 1
    high = np.arange(single, dtype=np.int64)
    return single + high * (high - 1) // 2


@lru_cache(maxsize=128)
def _pairs(count: int) -> NDArray[np.int64]:
    """Where in a square of so many features the pairs of a later with an earlier one lie."""
    lower, upper = np.triu_indices(count, 1)
    return (upper * count + lower).astype(np.int64)


def _forms(word: str) -> Sequence[str]:
    """The word, and without what is written together with it."""
    prefixes = _ELISIONS if "'" in word else () if word.isascii() else _ARABIC_PREFIXES
    if not word.startswith(prefixes):
        return (word,)
    shorter = [
        word[len(prefix) :]
        for prefix in prefixes
        if word.startswith(prefix) and len(word) > len(prefix) + 1
    ]
    return (word, *shorter)
