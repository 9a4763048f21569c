"""The likeliest spelling of a text with known pieces."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cache.identity.word_pieces import WORD_START, piece_model

PIECES = ["<unk>", WORD_START, "a", "b", "ab", WORD_START + "a", WORD_START + "ab", "ba"]
SCORES = [0.0, -3.0, -2.0, -2.5, -3.1, -2.9, -3.3, -4.0]
MODEL = piece_model(PIECES, SCORES, 0)


def spellings(word: str) -> list[float]:
    """The scores of all ways to spell a word."""
    cuts = range(1, len(word))
    ways = []
    for chosen in range(1 << len(cuts)):
        places = [0, *(at for at in cuts if chosen >> (at - 1) & 1), len(word)]
        parts = [word[start:end] for start, end in pairwise(places)]
        if all(part in PIECES or len(part) == 1 for part in parts):
            ways.append(sum(MODEL.scores[MODEL.numbers.get(part, 0)] for part in parts))
    return ways


@given(st.text("abc", min_size=1, max_size=6))
def test_no_other_spelling_is_likelier(word: str) -> None:
    spelt = MODEL.pieces_of(word, 20)
    best = max(spellings(WORD_START + word))
    assert abs(sum(MODEL.scores[number] for number in spelt) - best) < 1e-9


@given(st.text(max_size=40), st.integers(1, 8))
def test_any_text_has_a_spelling_of_at_most_so_many_pieces(text: str, most: int) -> None:
    spelt = MODEL.pieces_of(text, most)
    assert len(spelt) <= most
    assert bool(spelt) == bool(text.split())


def test_compatibility_forms_and_spaces_are_one() -> None:
    assert MODEL.pieces_of("\uff41b  a", 9) == MODEL.pieces_of("ab\ta", 9)


def test_a_text_without_spaces_costs_no_more_than_a_long_word() -> None:
    assert len(MODEL.pieces_of("c" * 1_000_000, 10_000)) <= 401
