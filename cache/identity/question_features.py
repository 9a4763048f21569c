"""Hashed n-gram features of a question: characters of its words, and neighbouring words.

A text is folded first (case, accents, marks, years, quotations, code), so that all its canonical
forms have the same features. The work is bounded: of a long text its head and its tail are read.
"""

import re
import unicodedata
import zlib
from collections.abc import Sequence
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
_END: Final = re.compile(r"[.!?؟。！？\n\r]+")
_PAUSE: Final = re.compile(r"[\t\f\v,;¿¡،؛、，；…·|*#~_-]")
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
    lines = (line.split() for line in _END.split(_PAUSE.sub(" ", text)))
    return "\n".join(" ".join(map(_cut, words)) for words in lines if words)


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


def kind_buckets(words: Sequence[str]) -> tuple[Buckets, NDArray[np.int64]]:
    """Of each word and the n-grams of its characters: the bucket, and the place of the word."""
    return _word_buckets(words, CHAR_SIZES, BITS, 0)


def language_buckets(words: Sequence[str]) -> tuple[Buckets, NDArray[np.int64]]:
    """The same for the features of a language."""
    return _word_buckets(words, LANGUAGE_SIZES, LANGUAGE_BITS, 32)


def _word_buckets(
    words: Sequence[str], sizes: tuple[int, ...], bits: int, salt: int
) -> tuple[Buckets, NDArray[np.int64]]:
    joined = "".join(f"\x02{word}\x03" for word in words)
    points = np.frombuffer(joined.encode("utf-32-le", "replace"), dtype=np.uint32)
    owner = np.repeat(np.arange(len(words)), [len(word) + 2 for word in words])
    own = points.astype(np.uint64)
    buckets = [_mixed(word_hashes(words), WHOLE_WORD + salt, bits)]
    owners, rolled = [np.arange(len(words))], own
    for size in range(1, sizes[-1] + 1):
        if size > 1:
            rolled = rolled[:-1] * _FACTOR + own[size - 1 :]
        if size in sizes:
            inside = owner[: len(rolled)] == owner[size - 1 :]
            buckets.append(_mixed(rolled[inside], size + salt, bits))
            owners.append(owner[: len(rolled)][inside])
    return np.concatenate(buckets).astype(np.int64), np.concatenate(owners)


def _mixed(rolled: NDArray[np.uint64], salt: int, bits: int) -> NDArray[np.uint64]:
    mixed = (rolled + np.uint64(salt)) * _MIX
    mixed ^= mixed >> _SHIFT
    return np.asarray((mixed * _FACTOR) >> np.uint64(64 - bits))


def _cut(word: str) -> str:
    return word[:LONGEST_WORD]


def _number(found: re.Match[str]) -> str:
    return "¥" if _YEAR.fullmatch(found[0]) else "0"


def _without_quotations(text: str) -> str:
    """What is quoted is spoken about, and not asked: "where is my order" in a translation."""
    outside = _QUOTED.sub(" § ", text)
    return outside if len(_LETTERS.findall(outside)) >= _LEAST_OUTSIDE else text
