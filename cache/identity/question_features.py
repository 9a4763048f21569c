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
    # a set first, for which the engine looks fast; then which sign of it that was
    "[\"“„«「『《‘'](?:"
    r'(?<=")[^"\n]{1,600}"|(?<=“)[^”\n]{1,600}[”“]|(?<=„)[^“”\n]{1,600}[“”]|(?<=«)[^»\n]{1,600}»'
    r"|(?<=「)[^」\n]{1,600}」|(?<=『)[^』\n]{1,600}』|(?<=《)[^》\n]{1,600}》"
    r"|(?<=‘)[^’\n]{2,600}’(?!\w)|(?<=')(?<!\w')[^'\n]{2,600}'(?!\w))"
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
_LETTER_FORMS: Final = str.maketrans(
    {"ł": "l", "ı": "i", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ى": "ي", "ة": "ه"}
)
_APOSTROPHES: Final = str.maketrans({"’": "'", "ʼ": "'", "`": "'", "：": ":"})
_ENOUGH_OUTSIDE: Final = re.compile(r"[^\W\d_](?:[\W\d_]*[^\W\d_]){3}")
"""Four letters outside of a quotation make it a quotation, and not the whole question."""
_UNSPACED: Final = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")
"""A character of a script that puts no space between words: a word of its own here."""

CHAR_SIZES: Final = (2, 3, 4, 5)
LANGUAGE_SIZES: Final = (1, 2, 3, 4)
END: Final = "\x03"
"""What stands between sentences, as a word."""
NEIGHBOUR_SIZES: Final = (2, 3, 4)
_NEIGHBOUR_SALT: Final = np.array(NEIGHBOUR_SIZES, dtype=np.uint64)[:, np.newaxis]
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
        text = " ".join(_UNSPACED.split(unicodedata.normalize("NFKC", text).casefold()))
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
    try:
        numbers = [zlib.crc32(word.encode()) for word in words]
    except UnicodeEncodeError:  # half of a surrogate pair
        numbers = [zlib.crc32(word.encode(errors="replace")) for word in words]
    return np.array(numbers, dtype=np.uint64)


def neighbour_buckets(hashes: NDArray[np.uint64]) -> Buckets:
    """Buckets of pairs, triples and quadruples of neighbouring words, one row a size.

    A column is the place of the first word; near the end what would follow counts as 0.
    """
    count = len(hashes)
    own = np.zeros(count + NEIGHBOUR_SIZES[-1], dtype=np.uint64)
    own[:count] = hashes
    rolled, rows = own[:count], np.empty((len(NEIGHBOUR_SIZES), count), dtype=np.uint64)
    for at, size in enumerate(NEIGHBOUR_SIZES):
        np.multiply(rolled, _FACTOR, out=rows[at])
        rows[at] += own[size - 1 : count + size - 1]
        rolled = rows[at]
    rows += _NEIGHBOUR_SALT
    return _mixed(rows, BITS)


@dataclass(frozen=True, slots=True)
class GramBuckets:
    """The buckets of words and of their n-grams among the features of one table.

    Where no n-gram of a size begins, `grams` has the number of buckets: the row after the last.
    """

    words: Buckets
    """Of the whole words."""
    grams: Buckets
    """By size and by place among the characters of all words."""

    def flat(self, bits: int) -> Buckets:
        """All of them, in one row."""
        return np.concatenate([self.words, self.grams[self.grams < 1 << bits]])


@dataclass(frozen=True, slots=True)
class WordGrams:
    """The n-grams of the characters of words, hashed: what the buckets of both tables come from."""

    hashes: NDArray[np.uint64]
    """Of the whole words."""
    starts: NDArray[np.int64]
    """Of each word, the place of its first character among those of all."""
    lengths: NDArray[np.int64]
    """Of each word, in characters, with the signs of its beginning and its end."""
    rolled: NDArray[np.uint64]
    """By size, from 1 on, and by place."""

    def kinds(self) -> GramBuckets:
        """The buckets among the features of a kind."""
        return self._buckets(CHAR_SIZES, BITS, 0)

    def languages(self) -> GramBuckets:
        """The buckets among the features of a language."""
        return self._buckets(LANGUAGE_SIZES, LANGUAGE_BITS, 32)

    def counts(self, sizes: tuple[int, ...]) -> NDArray[np.int64]:
        """How many buckets each word has, itself among them."""
        longer = self.lengths[:, np.newaxis] - (np.array(sizes) - 1)
        return np.asarray(1 + np.maximum(longer, 0).sum(axis=1))

    def _buckets(self, sizes: tuple[int, ...], bits: int, salt: int) -> GramBuckets:
        numbers = np.array(sizes, dtype=np.uint64)[:, np.newaxis]
        first = sizes[0] - 1
        grams = _mixed(self.rolled[first : first + len(sizes)] + (numbers + np.uint64(salt)), bits)
        ends = np.repeat(self.starts + self.lengths, self.lengths)
        left = ends - np.arange(self.rolled.shape[1])
        grams[left < numbers.astype(np.int64)] = 1 << bits
        return GramBuckets(_mixed(self.hashes + np.uint64(WHOLE_WORD + salt), bits), grams)


def grams_of(words: Sequence[str]) -> WordGrams:
    """The n-grams of words, none of which crosses the end of its word."""
    joined = "".join([f"\x02{word}\x03" for word in words])
    points = np.frombuffer(joined.encode("utf-32-le", "replace"), dtype=np.uint32)
    lengths = np.array([len(word) for word in words]) + 2
    longest = max(*CHAR_SIZES, *LANGUAGE_SIZES)
    own = np.zeros(len(points) + longest - 1, dtype=np.uint64)
    own[: len(points)] = points
    rolled = np.empty((longest, len(points)), dtype=np.uint64)
    rolled[0] = points
    for size in range(1, longest):
        np.multiply(rolled[size - 1], _FACTOR, out=rolled[size])
        rolled[size] += own[size : size + len(points)]
    return WordGrams(word_hashes(words), np.cumsum(lengths) - lengths, lengths, rolled)


def _mixed(salted: NDArray[np.uint64], bits: int) -> Buckets:
    """Numbers below 2 to the power of `bits`. salted: is overwritten."""
    salted *= _MIX
    salted ^= salted >> _SHIFT
    salted *= _FACTOR
    salted >>= np.uint64(64 - bits)
    return salted.view(np.int64)


def _cut(words: list[str]) -> list[str]:
    if max(map(len, words)) <= LONGEST_WORD:
        return words
    return [word[:LONGEST_WORD] for word in words]


def _number(found: re.Match[str]) -> str:
    return "¥" if _YEAR.fullmatch(found[0]) else "0"


def _without_quotations(text: str) -> str:
    """What is quoted is spoken about, and not asked: "where is my order" in a translation."""
    outside = _QUOTED.sub(" § ", text)
    return outside if _ENOUGH_OUTSIDE.search(outside) else text
