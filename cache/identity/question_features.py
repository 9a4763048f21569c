"""Hashed n-gram features of a question: characters of its words, and neighbouring words.

A text is folded first (case, accents, marks, years, quotations, code), so that all its canonical
forms have the same features. The work is bounded: of a long text its head and its tail are read.
"""

import re
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Buckets: TypeAlias = NDArray[np.int64]

HEAD_CHARS: Final = 1_000
TAIL_CHARS: Final = 500
"""Of a longer text, the middle is not read at all."""
LONGEST_WORD: Final = 32
"""Characters of a longer word are not read."""
BITS: Final = 18
"""Of a bucket's number among the features of a kind of question."""
LANGUAGE_BITS: Final = 15
"""Of a bucket's number among the features of a language."""

_CODE: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,400}`", re.DOTALL)
_QUOTE: Final = re.compile("[\"“„«「『《‘']")
_QUOTED: Final = re.compile(
    r'"[^"\n]{1,600}"|“[^”\n]{1,600}[”“]|„[^“”\n]{1,600}[“”]|«[^»\n]{1,600}»|「[^」\n]{1,600}」'
    r"|『[^』\n]{1,600}』|《[^》\n]{1,600}》|‘[^’\n]{2,600}’(?!\w)|(?<!\w)'[^'\n]{2,600}'(?!\w)"
)
_MARKS: Final = re.compile(r"[\u0300-\u036f\u0640\u064b-\u0655\u0670]")
_NUMBER: Final = re.compile(r"\d+(?:[.,:]\d+)*")
_YEAR: Final = re.compile(r"(?:1\d|20)\d\d")
_SIGNS: Final = str.maketrans(
    {
        **dict.fromkeys("\t\f\v,;¿¡،؛、，；…·|*#~_-", " "),
        **dict.fromkeys(".!?؟。！？\r", "\n"),
    }
)
"""What makes a pause, and what ends a sentence."""
_LETTERS: Final = re.compile(r"[^\W\d_]")
_LETTER_FORMS: Final = str.maketrans(
    {"ł": "l", "ı": "i", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ى": "ي", "ة": "ه"}
)
_APOSTROPHES: Final = str.maketrans({"’": "'", "ʼ": "'", "`": "'", "：": ":"})
_LEAST_OUTSIDE: Final = 4
"""Letters outside of a quotation that make it a quotation, and not the whole question."""
_UNSPACED: Final = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")
"""A character of a script that puts no space between words: a word of its own here."""

CHAR_SIZES: Final = (2, 3, 4, 5)
LANGUAGE_SIZES: Final = (1, 2, 3, 4)
END: Final = "\x03"
"""What stands between sentences, as a word."""
NEIGHBOUR_SIZES: Final = (2, 3, 4)
WHOLE_WORD: Final = 17
_FACTOR: Final = np.uint64(0x100000001B3)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(29)


def fold(text: str) -> str:
    """The text in the form whose n-grams are counted: words by spaces, sentences by lines."""
    if len(text) > HEAD_CHARS + TAIL_CHARS:
        text = f"{text[:HEAD_CHARS]}\n{text[-TAIL_CHARS:]}"
    if "`" in text:
        text = _CODE.sub(" ¤ ", text)
    if _QUOTE.search(text):
        text = _without_quotations(text)
    if text.isascii():
        text = text.lower()
    else:
        text = _UNSPACED.sub(r" \1 ", unicodedata.normalize("NFKC", text).casefold())
        text = text.translate(_APOSTROPHES)
    text = _NUMBER.sub(_number, text)
    lines = [line.split() for line in text.translate(_SIGNS).split("\n")]
    return "\n".join([" ".join(_cut(words)) for words in lines if words])


def bare(word: str) -> str:
    """A folded word without its accents and forms of letters, which many writers leave out."""
    if word.isascii():
        return word
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", word))
    return unicodedata.normalize("NFC", plain).translate(_LETTER_FORMS)


def words_of(folded: str) -> list[str]:
    """The words of a folded text, with `END` before, between and behind its sentences."""
    return [END, *folded.replace("\n", f" {END} ").split(" "), END]


def word_hashes(words: Sequence[str]) -> NDArray[np.uint64]:
    """One number a word."""
    return np.array([zlib.crc32(word.encode(errors="replace")) for word in words], dtype=np.uint64)


def neighbour_buckets(hashes: NDArray[np.uint64]) -> Buckets:
    """Buckets of pairs, triples and quadruples of neighbouring words, one row a size.

    A column is the place of the first word; near the end what would follow counts as 0.
    """
    longest = NEIGHBOUR_SIZES[-1]
    own = np.zeros(len(hashes) + longest, dtype=np.uint64)
    own[: len(hashes)] = hashes
    rolled, rows = own[: len(hashes)], np.empty((len(NEIGHBOUR_SIZES), len(hashes)), np.uint64)
    for row, size in enumerate(NEIGHBOUR_SIZES):
        rolled = rolled * _FACTOR + own[size - 1 : len(hashes) + size - 1]
        rows[row] = rolled + np.uint64(size)
    rows *= _MIX
    rows ^= rows >> _SHIFT
    rows *= _FACTOR
    return (rows >> np.uint64(64 - BITS)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class WordGrams:
    """The n-grams of the characters of words, hashed: what the buckets of both tables come from."""

    hashes: NDArray[np.uint64]
    """Of the whole words."""
    rolled: tuple[NDArray[np.uint64], ...]
    """By size, from 1 on."""
    owners: tuple[NDArray[np.int64], ...]
    """Of each n-gram, the place of its word."""

    def kinds(self) -> tuple[Buckets, NDArray[np.int64]]:
        """The bucket of each word and n-gram among the features of a kind; the word's place."""
        return self._buckets(CHAR_SIZES, BITS, 0)

    def languages(self) -> tuple[Buckets, NDArray[np.int64]]:
        """The same for the features of a language."""
        return self._buckets(LANGUAGE_SIZES, LANGUAGE_BITS, 32)

    def _buckets(
        self, sizes: tuple[int, ...], bits: int, salt: int
    ) -> tuple[Buckets, NDArray[np.int64]]:
        salted = [self.hashes + np.uint64(WHOLE_WORD + salt)]
        salted += [self.rolled[size - 1] + np.uint64(size + salt) for size in sizes]
        owners = [np.arange(len(self.hashes)), *(self.owners[size - 1] for size in sizes)]
        return _mixed(np.concatenate(salted), bits).astype(np.int64), np.concatenate(owners)


def grams_of(words: Sequence[str]) -> WordGrams:
    """The n-grams of words, none of which crosses the end of its word."""
    joined = "".join([f"\x02{word}\x03" for word in words])
    points = np.frombuffer(joined.encode("utf-32-le", "replace"), dtype=np.uint32)
    owner = np.repeat(np.arange(len(words)), [len(word) + 2 for word in words])
    own = points.astype(np.uint64)
    rolled, owners, longest = [own], [owner], own
    for size in range(2, max(*CHAR_SIZES, *LANGUAGE_SIZES) + 1):
        longest = longest[:-1] * _FACTOR + own[size - 1 :]
        inside = owner[: len(longest)] == owner[size - 1 :]
        rolled.append(longest[inside])
        owners.append(owner[: len(longest)][inside])
    return WordGrams(word_hashes(words), tuple(rolled), tuple(owners))


def _mixed(salted: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    mixed = salted * _MIX
    mixed ^= mixed >> _SHIFT
    return np.asarray((mixed * _FACTOR) >> np.uint64(64 - bits))


def _cut(words: list[str]) -> list[str]:
    if max(map(len, words)) <= LONGEST_WORD:
        return words
    return [word[:LONGEST_WORD] for word in words]


def _number(found: re.Match[str]) -> str:
    return "¥" if _YEAR.fullmatch(found[0]) else "0"


def _without_quotations(text: str) -> str:
    """What is quoted is spoken about, and not asked: "where is my order" in a translation."""
    outside = _QUOTED.sub(" § ", text)
    return outside if len(_LETTERS.findall(outside)) >= _LEAST_OUTSIDE else text
