"""The features of a question by their definition, in plain integers, beside those by numpy."""

import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cache.identity.question_features import (
    BITS,
    CHAR_SIZES,
    END,
    LANGUAGE_BITS,
    LANGUAGE_SIZES,
    LONGEST_WORD,
    NEIGHBOUR_SIZES,
    WHOLE_WORD,
    cut,
    fold,
    folded_words,
    grams_of,
    neighbour_buckets,
)

_FACTOR: Final = 0x100000001B3
_ALL: Final = (1 << 64) - 1
WORDS: Final = st.lists(st.text(max_size=LONGEST_WORD), min_size=1, max_size=12)


def mixed(number: int, bits: int) -> int:
    number = number * 0x9E3779B97F4A7C15 & _ALL
    return ((number ^ number >> 29) * _FACTOR & _ALL) >> 64 - bits


def rolled(parts: list[int]) -> int:
    number = 0
    for part in parts:
        number = (number * _FACTOR + part) & _ALL
    return number


def features(word: str, sizes: tuple[int, ...], bits: int, salt: int) -> Iterator[int]:
    signs = [2, *(ord("?") if 0xD800 <= ord(sign) < 0xE000 else ord(sign) for sign in word), 3]
    for size in sizes:
        for at in range(len(signs) - size + 1):
            yield mixed(rolled(signs[at : at + size]) + size + salt, bits)
    yield mixed(zlib.crc32(word.encode(errors="replace")) + WHOLE_WORD + salt, bits)


@given(WORDS)
def test_words_have_the_buckets_of_their_n_grams_and_of_themselves(words: list[str]) -> None:
    grams = grams_of(words)
    tables = (
        (grams.kinds, CHAR_SIZES, BITS, 0),
        (grams.languages, LANGUAGE_SIZES, LANGUAGE_BITS, 32),
    )
    for at, (buckets, sizes, bits, salt) in enumerate(tables):
        for number, word in enumerate(words):
            start = int(grams.starts[number])
            own = buckets[:, start : start + int(grams.lengths[number])]
            found = Counter(own[own < 1 << bits].tolist())
            assert found == Counter(features(word, sizes, bits, salt))
            assert grams.counts()[number, at] == found.total()


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20))
def test_neighbours_have_the_buckets_of_their_words(hashes: list[int]) -> None:
    rows = neighbour_buckets(np.array(hashes, dtype=np.uint64)).tolist()
    for row, size in zip(rows, NEIGHBOUR_SIZES, strict=True):
        later = [*hashes, *[0] * size]
        wanted = [mixed(rolled(later[at : at + size]) + size, BITS) for at in range(len(hashes))]
        assert row == wanted


@given(st.text(max_size=2_000) | st.text("ab 1,.2?\n'\"`\t", max_size=200))
def test_the_words_of_a_text_are_those_of_its_folded_form(text: str) -> None:
    written = fold(text).replace("\n", f" {END} ").split(" ")
    assert cut(folded_words(text)) == [END, *written, END]


@given(st.text() | st.text("ab é,.?!;:\n\t\r…·¿¡،؛؟、。\ud83d\u2019`\u3042_#", max_size=60))
def test_no_word_holds_what_makes_a_pause_or_ends_a_sentence(text: str) -> None:
    signs = set("".join(folded_words(text)))
    assert not signs & set("\t\f\v,;¿¡،؛、…·|*#~_-.!?؟。\uff01\uff1f\uff0c\uff1b\r\n \u2019")
