"""Concepts in a question: what is told by words of many languages, as features that they share.

A word of the lexicon stands for a concept in one language: "today", "heute" and "今日" for `now`.
What the recogniser learns of a concept in one language thus holds for the others.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cache.identity.question_features import fold

Lexicon: TypeAlias = Mapping[str, Mapping[str, tuple[int, ...]]]
"""By language: the concepts of a folded word or phrase; `word*` stands for all that begin so."""

WITHOUT_SPACES: Final = frozenset({"ja", "zh"})
LONGEST_PHRASE: Final = 4
LONGEST_STEM: Final = 14
_SIGNS: Final = ("§", "¤", "¥", "0", ":")
"""In a folded text: a quotation, code, a year, another number, a colon."""
_LENGTHS: Final = (1, 2, 3, 5, 8, 13, 30)
"""Of words; of three characters in languages that are written without spaces."""
_ARABIC_PREFIXES: Final = ("وال", "بال", "لل", "ال", "و", "ف", "ب", "ل", "ك")
_ELISIONS: Final = ("l'", "d'", "j'", "m'", "t'", "s'", "qu'", "dell'", "all'", "un'", "c'", "n'")


def lexicon_of(lines: Iterable[str]) -> tuple[Lexicon, tuple[str, ...]]:
    """The lexicon and its concepts' names, of lines such as `now.de: heut*|jetzt`."""
    lexicon: dict[str, dict[str, tuple[int, ...]]] = {}
    names: dict[str, int] = {}
    for line in lines:
        head, phrases = line.split(": ", 1)
        name, language = head.split(".")
        number = names.setdefault(name, len(names))
        words = lexicon.setdefault(language, {})
        for phrase in phrases.strip().split("|"):
            stem = fold(phrase) + ("*" if phrase.endswith("*") else "")
            words[stem] = tuple(sorted({*words.get(stem, ()), number}))
    return lexicon, tuple(names)


def concept_width(concepts: int) -> int:
    """The number of features: all single concepts and signs, and all pairs."""
    single = concepts + len(_SIGNS) + len(_LENGTHS) + 1
    return single + single * (single - 1) // 2


def concept_features(
    folded: str, languages: tuple[str, ...], lexicon: Lexicon, concepts: int
) -> NDArray[np.int64]:
    """Numbers of the features of a folded text. languages: whose words count."""
    dense = bool(WITHOUT_SPACES & {*languages[:1]})
    length = len(folded) / 3 if dense else folded.count(" ") + 1
    phrases = set(_in_characters(folded) if dense else _in_words(folded))
    known = [lexicon[language] for language in languages if language in lexicon]
    seen = {number for words in known for phrase in phrases for number in words.get(phrase, ())}
    seen |= {concepts + at for at, sign in enumerate(_SIGNS) if sign in folded}
    seen.add(concepts + len(_SIGNS) + sum(length > limit for limit in _LENGTHS))
    single = concepts + len(_SIGNS) + len(_LENGTHS) + 1
    ordered = sorted(seen)
    pairs = [single + high * (high - 1) // 2 + low for low, high in combinations(ordered, 2)]
    return np.array([*ordered, *pairs], dtype=np.int64)


def _in_words(folded: str) -> Iterable[str]:
    """Each word, each phrase of up to `LONGEST_PHRASE` words, each beginning of a word."""
    words = folded.split(" ")
    for at, word in enumerate(words):
        for size in range(2, LONGEST_PHRASE + 1):
            yield " ".join(words[at : at + size])
        for form in _forms(word):
            yield form
            for size in range(2, min(len(form), LONGEST_STEM) + 1):
                yield form[:size] + "*"


def _forms(word: str) -> Iterable[str]:
    """The word, and without what is written together with it."""
    yield word
    for prefix in _ELISIONS if "'" in word else _ARABIC_PREFIXES:
        if word.startswith(prefix) and len(word) > len(prefix) + 1:
            yield word[len(prefix) :]


def _in_characters(folded: str) -> Iterable[str]:
    """All pieces of the text of up to 8 characters."""
    for at in range(len(folded)):
        for size in range(1, 9):
            yield folded[at : at + size]
