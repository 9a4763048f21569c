"""Inverted index of concepts: by language, which words mean something, of those seen lately.

Most words of a question mean nothing. So it isn't asked of each word what it means, but of each
language which words of the question it lists.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cache.identity.question_concepts import EVERY_LANGUAGE, Ids, Lexicon, Phrases

_SIGNATURE_BITS: Final = 64


@dataclass(slots=True)
class ConceptIndex:
    """What words mean, by their places. Words are folded and bare."""

    lexicon: Lexicon
    capacity: int
    words: list[str] = field(default_factory=list)
    own: dict[str, dict[int, Ids]] = field(default_factory=dict)
    """Concepts of single words, by language."""
    phrases: dict[int, dict[str, Phrases]] = field(default_factory=dict)
    """What phrases a word may begin, by language."""
    wanted: NDArray[np.uint64] = field(init=False)
    """Signatures of the words that may come next in a phrase which a word begins."""
    signatures: NDArray[np.uint64] = field(init=False)
    """One bit of a word that may come next in any: others may have the same."""

    def __post_init__(self) -> None:
        self.wanted = np.zeros(self.capacity, dtype=np.uint64)
        self.signatures = np.zeros(self.capacity, dtype=np.uint64)

    def add(self, words: Iterable[str]) -> None:
        """Words, for the next places."""
        for place, word in enumerate(words, len(self.words)):
            meaning = self.lexicon.concepts_of(word)
            for language, ids in meaning.own.items():
                self.own.setdefault(language, {})[place] = ids
            if meaning.phrases:
                self.phrases[place] = meaning.phrases
                seconds = itertools.chain(*meaning.phrases.values())
                self.wanted[place] = reduce(or_, map(self._signature, seconds))
            if word in self.lexicon.seconds:
                self.signatures[place] = self._signature(word)
            self.words.append(word)

    def _signature(self, second: str) -> int:
        return 1 << self.lexicon.seconds[second] % _SIGNATURE_BITS

    def clear(self) -> None:
        """Forgets all words."""
        self.words.clear()
        self.own.clear()
        self.phrases.clear()
        self.wanted.fill(0)
        self.signatures.fill(0)

    def concepts_in(
        self, places: Sequence[int], rows: NDArray[np.int64], languages: Iterable[str]
    ) -> set[int]:
        """Concepts and signs of a text. places: its words'; rows: the same; languages: that count.

        A word that comes again means the same, so what it means is read once.
        """
        seen, distinct = set[int](), set(places)
        for language in (EVERY_LANGUAGE, *languages):
            own = self.own.get(language)
            if own is not None:
                seen.update(*map(own.__getitem__, distinct & own.keys()))
        begun = self.wanted.take(rows[:-1]) & self.signatures.take(rows[1:])
        for at in begun.nonzero()[0].tolist():
            seen.update(*self._phrases_at(places, at, languages))
        return seen

    def _phrases_at(
        self, places: Sequence[int], at: int, languages: Iterable[str]
    ) -> Iterable[Ids]:
        """The concepts of phrases that begin at a word."""
        second, words = self.words[places[at + 1]], self.words
        for language in languages:
            phrases = self.phrases[places[at]].get(language, {})
            for size, rest, ids in phrases.get(second, ()):
                if " ".join([words[place] for place in places[at + 1 : at + 1 + size]]) == rest:
                    yield ids
