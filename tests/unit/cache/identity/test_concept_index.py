import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cache.identity.concept_index import ConceptIndex
from cache.identity.question_concepts import lexicon_of

LINES = (
    "now.de: heut*|jetzt|im moment|l'heure",
    "now.en: today|right now|at the moment|right this very moment",
    "mine.de: mein*|von mir|*imiz",
    "mine.fr: mon|à moi|moi",
    "other.en: " + "|".join(f"word s{at}" for at in range(80)),  # more than a signature has bits
)
LEXICON = lexicon_of(LINES)
ID = {name: at for at, name in enumerate(LEXICON.names)}
SIGNS = {sign: len(ID) + at for at, sign in enumerate(("§", "¤", "¥", "0", ":"))}
TEXT = (
    "heute jetzt im moment l'heure today right now at the this very mein von mir imiz kimiz mon a "
    "moi word s1 s64 s65 s79 l'at house 0 l'0 § : x"
)
WORDS = ["", *TEXT.split()]


def read_word_by_word(words: list[str], languages: tuple[str, ...]) -> set[int]:
    """The concepts by the lexicon alone, of each word and of each phrase at its place."""
    seen = {SIGNS[word] for word in words if word in SIGNS}
    for at, word in enumerate(words):
        meaning = LEXICON.concepts_of(word)
        for language in languages:
            seen.update(meaning.own.get(language, ()))
            for listed in meaning.phrases.get(language, {}).values():
                for size, rest, ids in listed:
                    if words[at + 1 : at + 1 + size] == rest.split():
                        seen.update(ids)
    return seen


@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=40),
    st.lists(st.sampled_from(("de", "en", "fr", "tr")), min_size=1, max_size=3, unique=True),
)
def test_the_index_finds_what_each_word_and_each_phrase_means(
    words: list[str], languages: list[str]
) -> None:
    index = ConceptIndex(LEXICON, len(WORDS))
    for order in (WORDS, WORDS[::-1]):  # the second time after all was forgotten
        index.clear()
        index.add(order)
        places = [order.index(word) for word in words]
        found = index.concepts_in(places, np.array(places), languages)
        assert found == read_word_by_word(words, tuple(languages))


def test_a_phrase_ends_with_the_text() -> None:
    index = ConceptIndex(LEXICON, 3)
    index.add(["at", "the", "moment"])
    assert index.concepts_in([0, 1, 2], np.array([0, 1, 2]), ("en",)) == {ID["now"]}
    assert index.concepts_in([0, 1], np.array([0, 1]), ("en",)) == set()
    assert index.concepts_in([0, 1, 2], np.array([0, 1, 2]), ("de",)) == set()
