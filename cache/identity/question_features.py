"""Hashed n-gram features of a question: characters, words and their neighbours as bucket numbers.

A text is folded first (case, accents, marks, years, quotations, code), so that all its canonical
forms have the same features. The work is bounded: of a long text its beginning and its end count.
"""

import re
import unicodedata
import zlib
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Buckets: TypeAlias = NDArray[np.int64]

MAX_READ_CHARS: Final = 4_000
"""Of a longer text, the middle is not read at all."""
MAX_CHARS: Final = 900
"""Of a longer folded text, the first two thirds and the last third of so many characters count."""
BITS: Final = 18
"""Of a bucket's number among the features of a kind of question."""
LANGUAGE_BITS: Final = 13
"""Of a bucket's number among the features of a language."""

_CODE: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,400}`", re.DOTALL)
_QUOTED: Final = re.compile(
    r'"[^"\n]{1,600}"|“[^”\n]{1,600}[”“]|„[^“”\n]{1,600}[“”]|«[^»\n]{1,600}»|「[^」\n]{1,600}」'
    r"|『[^』\n]{1,600}』|《[^》\n]{1,600}》|‘[^’\n]{2,600}’(?!\w)|(?<!\w)'[^'\n]{2,600}'(?!\w)"
)
_MARKS: Final = re.compile(r"[\u0300-\u036f\u0640\u064b-\u0655\u0670]")
_YEAR: Final = re.compile(r"(?<!\d)(?:1\d|20)\d\d(?!\d)")
_DIGITS: Final = re.compile(r"\d+")
_SPACE: Final = re.compile(r"[\s.,;!?¿¡؟،؛。、，；！？…·|*#~_-]+")
_LETTERS: Final = re.compile(r"[^\W\d_]")
_LETTER_FORMS: Final = str.maketrans(
    {"ł": "l", "ı": "i", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ى": "ي", "ة": "ه", "’": "'"}
    | {"ʼ": "'", "`": "'", "：": ":", "٠": "0"}
)
_LEAST_OUTSIDE: Final = 4
"""Letters outside of a quotation that make it a quotation, and not the whole question."""
_CHAR_SIZES: Final = (2, 3, 4, 5)
_WORD_SIZES: Final = (1, 2, 3)
_FACTOR: Final = np.uint64(0x100000001B3)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


def fold(text: str) -> str:
    """The text in the form whose n-grams are counted; at most `MAX_CHARS` characters."""
    if len(text) > MAX_READ_CHARS:
        text = f"{text[: MAX_READ_CHARS * 3 // 4]} {text[-MAX_READ_CHARS // 4 :]}"
    text = _without_quotations(_CODE.sub(" ¤ ", text))
    composed = unicodedata.normalize("NFKC", text).casefold()
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", composed))
    folded = unicodedata.normalize("NFC", plain).translate(_LETTER_FORMS)
    folded = _DIGITS.sub("0", _YEAR.sub("¥", folded))
    folded = _SPACE.sub(" ", folded).strip()
    if len(folded) <= MAX_CHARS:
        return folded
    return f"{folded[: MAX_CHARS * 2 // 3]} {folded[-MAX_CHARS // 3 :]}"


def kind_features(folded: str) -> tuple[Buckets, Buckets]:
    """Bucket numbers of a folded text: of its character n-grams, and of its words' n-grams."""
    points = np.frombuffer(f"\x02{folded}\x03".encode("utf-32-le", "replace"), dtype=np.uint32)
    words = [zlib.crc32(word.encode(errors="replace")) for word in folded.split(" ")]
    hashes = np.array([1, *words, 2], dtype=np.uint64)
    return _buckets(points, _CHAR_SIZES, BITS, 0), _buckets(hashes, _WORD_SIZES, BITS, 16)


def language_features(folded: str) -> Buckets:
    """Bucket numbers of a folded text's characters, pairs and triples, for its language."""
    points = np.frombuffer(f" {folded} ".encode("utf-32-le", "replace"), dtype=np.uint32)
    return _buckets(points, (1, 2, 3), LANGUAGE_BITS, 32)


def _without_quotations(text: str) -> str:
    """What is quoted is spoken about, and not asked: "where is my order" in a translation."""
    outside = _QUOTED.sub(" § ", text)
    return outside if len(_LETTERS.findall(outside)) >= _LEAST_OUTSIDE else text


def _buckets(values: NDArray[Any], sizes: tuple[int, ...], bits: int, salt: int) -> Buckets:
    """The distinct buckets of the n-grams of a sequence, by a rolling polynomial hash."""
    own = values.astype(np.uint64)
    rolled, parts = np.zeros(len(own), dtype=np.uint64), []
    for size in range(1, sizes[-1] + 1):
        if size > len(own):
            break
        rolled = rolled[: len(own) - size + 1] * _FACTOR + own[size - 1 :]
        if size in sizes:
            mixed = (rolled + np.uint64(size + salt)) * _MIX
            mixed ^= mixed >> np.uint64(29)
            parts.append((mixed * _FACTOR) >> np.uint64(64 - bits))
    joined = np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)
    return np.unique(joined).astype(np.int64)
