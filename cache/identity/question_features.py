"""Hashed n-gram features of a question: characters of its words, and neighbouring words.

A text is folded first (case, accents, marks, years, quotations, code), so that all its canonical
forms have the same features. The work is bounded: of a long text its head and its tail are read.
"""

import re
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

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
_NUMBER: Final = re.compile(r"\d\d*(?:[.,:]\d+)*")
_ASCII_NUMBER: Final = re.compile(r"[0-9][0-9]*(?:[.,:][0-9]+)*")
"""The same in a text of ASCII, in which it is found faster."""
_YEAR: Final = re.compile(r"(?:1\d|20)\d\d")
_PAUSES: Final = "\t\f\v,;¿¡،؛、，；…·|*#~_-"
_SENTENCE_ENDS: Final = ".!?؟。！？\r"
_MARKS_OF_SIGNS: Final = {**dict.fromkeys(_PAUSES, " "), **dict.fromkeys(_SENTENCE_ENDS, "\n")}
_ASCII_SIGNS: Final = bytes(
    [ord(_MARKS_OF_SIGNS.get(chr(code), chr(code))) for code in range(128)] + [*range(128, 256)]
)
_OTHER_SIGNS: Final = [(sign, by) for sign, by in _MARKS_OF_SIGNS.items() if not sign.isascii()]
_LETTER_FORMS: Final = str.maketrans(
    {"ł": "l", "ı": "i", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ى": "ي", "ة": "ه"}
)
_WRITTEN_ALIKE: Final = (("’", "'"), ("ʼ", "'"), ("`", "'"), ("：", ":"))
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
_NEIGHBOUR_SHIFT: Final = np.uint64(64 - BITS)
WHOLE_WORD: Final = 17
"""In the place of its size, what is added to a whole word's hash."""
_FACTOR: Final = np.uint64(0x100000001B3)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(29)


def _powers(sizes: Sequence[int]) -> NDArray[np.uint64]:
    """By size, the factors that make an n-gram's hash of its parts, by their place in it."""
    rows = [
        [pow(int(_FACTOR), size - 1 - at, 1 << 64) if at < size else 0 for at in range(max(sizes))]
        for size in sizes
    ]
    return np.array(rows, dtype=np.uint64)


_PAIR: Final = 2
_SIZES: Final = (*CHAR_SIZES, *LANGUAGE_SIZES)
_LONGEST: Final = max(_SIZES)
_POWERS: Final = _powers(_SIZES)
_NEIGHBOUR_POWERS: Final = _powers(NEIGHBOUR_SIZES)
_TABLES: Final = [(0, BITS)] * len(CHAR_SIZES) + [(32, LANGUAGE_BITS)] * len(LANGUAGE_SIZES)
"""Of each row of n-grams, the salt of its table and the bits of its buckets' numbers."""
_SALTS: Final = np.array(
    [[size + salt] for size, (salt, _) in zip(_SIZES, _TABLES, strict=True)], dtype=np.uint64
)
_SHIFTS: Final = np.array([[64 - bits] for _, bits in _TABLES], dtype=np.uint64)
_BUCKETS: Final = np.array([[1 << bits] for _, bits in _TABLES])
_PAIRS: Final = [
    (row, np.uint64(WHOLE_WORD + salt))
    for row, (size, (salt, _)) in enumerate(zip(_SIZES, _TABLES, strict=True))
    if size == _PAIR
]
"""The rows of pairs, and the salt of a whole word there."""
_MISSING: Final = np.array([[size - 1 if size != _PAIR else 0] for size in _SIZES])
"""By row, at how many of a word's last places no n-gram begins, nor the whole word stands."""
_BEYOND: Final = np.array(_SIZES) - 1
"""By row, how many signs an n-gram has after its first."""


def fold(text: str) -> str:
    """The text in the form whose n-grams are counted: words by spaces, sentences by lines."""
    return "\n".join([" ".join(cut(words)) for words in _sentences(text)])


def folded_words(text: str) -> list[str]:
    """The folded words of a text, not cut, with `END` before, between and behind its sentences."""
    words = [END]
    for sentence in _sentences(text):
        words += sentence
        words.append(END)
    return words if len(words) > 1 else [END, "", END]


def cut(words: list[str]) -> list[str]:
    """The words, of each what is read."""
    if max(map(len, words)) <= LONGEST_WORD:
        return words
    return [word[:LONGEST_WORD] for word in words]


def _sentences(text: str) -> list[list[str]]:
    """The words of each sentence that has any, folded."""
    if len(text) > HEAD_CHARS + TAIL_CHARS:
        text = f"{text[:HEAD_CHARS]}\n{text[-TAIL_CHARS:]}"
    if "`" in text:
        text = _CODE.sub(" ¤ ", text)
    is_ascii = text.isascii()
    if '"' in text or "'" in text if is_ascii else _QUOTE.search(text):
        text = _without_quotations(text)
        is_ascii = text.isascii()
    if is_ascii:
        text = _ASCII_NUMBER.sub(_number, text.lower())
    else:
        text = " ".join(_UNSPACED.split(unicodedata.normalize("NFKC", text).casefold()))
        text = _NUMBER.sub(_number, _replaced(text, _WRITTEN_ALIKE))
        text = _replaced(text, _OTHER_SIGNS)
    # by bytes: `str.translate` takes 40 times as long where one character isn't ASCII
    parted = text.encode(errors="surrogatepass").translate(_ASCII_SIGNS)
    lines = [line.split() for line in parted.decode(errors="surrogatepass").split("\n")]
    return [words for words in lines if words]


def _replaced(text: str, signs: Iterable[tuple[str, str]]) -> str:
    for sign, by in signs:
        text = text.replace(sign, by)
    return text


def bare(word: str) -> str:
    """A folded word without its accents and forms of letters, which many writers leave out."""
    if word.isascii():
        return word
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", word))
    return unicodedata.normalize("NFC", plain).translate(_LETTER_FORMS)


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
    rows = _NEIGHBOUR_POWERS @ _windows(hashes, NEIGHBOUR_SIZES[-1])
    rows += _NEIGHBOUR_SALT
    return _mixed(rows, _NEIGHBOUR_SHIFT)


@dataclass(frozen=True, slots=True)
class WordGrams:
    """The n-grams of the characters of words, as buckets of both tables of features."""

    hashes: NDArray[np.uint64]
    """Of the whole words."""
    starts: NDArray[np.int64]
    """Of each word, the place of its first character among those of all."""
    lengths: NDArray[np.int64]
    """Of each word, in characters, with the signs of its beginning and its end."""
    buckets: Buckets
    """By `CHAR_SIZES`, then by `LANGUAGE_SIZES`, and by the place where the n-gram begins.

    A pair that would begin at a word's last sign stands for the whole word. Where no other n-gram
    begins stands the number of buckets: the row after the table's last.
    """

    @property
    def kinds(self) -> Buckets:
        """Those among the features of a kind."""
        return self.buckets[: len(CHAR_SIZES)]

    @property
    def languages(self) -> Buckets:
        """Those among the features of a language."""
        return self.buckets[len(CHAR_SIZES) :]

    def counts(self) -> NDArray[np.int64]:
        """How many buckets each word has, itself among them: of kinds, and of languages."""
        longer = np.maximum(self.lengths[:, np.newaxis] - _BEYOND, 0)
        return 1 + np.add.reduceat(longer, (0, len(CHAR_SIZES)), axis=1)


def grams_of(words: Sequence[str]) -> WordGrams:
    """The n-grams of words, none of which crosses the end of its word."""
    hashes = word_hashes(words)
    joined = "".join([f"\x02{word}\x03" for word in words])
    points = np.frombuffer(joined.encode("utf-32-le", "replace"), dtype=np.uint32)
    lengths = np.array([len(word) for word in words]) + 2
    ends = lengths.cumsum()
    rows = _POWERS @ _windows(points, _LONGEST)
    rows += _SALTS
    for row, salt in _PAIRS:
        rows[row, ends - 1] = hashes + salt
    buckets = _mixed(rows, _SHIFTS)
    left = np.repeat(ends, lengths) - np.arange(len(points))
    np.copyto(buckets, _BUCKETS, where=left <= _MISSING)
    return WordGrams(hashes, ends - lengths, lengths, buckets)


def _windows(numbers: NDArray[Any], size: int) -> NDArray[np.uint64]:
    """By size and by place the number that comes so much later; 0 after the last."""
    padded = np.zeros(len(numbers) + size - 1, dtype=np.uint64)
    padded[: len(numbers)] = numbers
    return np.ndarray((size, len(numbers)), np.uint64, padded, 0, padded.strides * 2)


def _mixed(salted: NDArray[np.uint64], shifts: NDArray[np.uint64] | np.uint64) -> Buckets:
    """The bits of a bucket's number, 64 less the shift. salted: is overwritten."""
    salted *= _MIX
    salted ^= salted >> _SHIFT
    salted *= _FACTOR
    salted >>= shifts
    return salted.view(np.int64)


def _number(found: re.Match[str]) -> str:
    return "¥" if _YEAR.fullmatch(found[0]) else "0"


def _without_quotations(text: str) -> str:
    """What is quoted is spoken about, and not asked: "where is my order" in a translation."""
    outside = _QUOTED.sub(" § ", text)
    return outside if _ENOUGH_OUTSIDE.search(outside) else text
