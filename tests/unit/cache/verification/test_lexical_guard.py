import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.verification.lexical_guard import differences
from cache.verification.tokenizer import tokenize_question


def details(a: str, b: str) -> set[str]:
    return {
        difference.detail for difference in differences(tokenize_question(a), tokenize_question(b))
    }


@pytest.mark.parametrize(
    ("a", "b", "detail"),
    [
        ("How far is 5 km?", "How far is 6 km?", "number"),
        ("Is 10k enough?", "Is 100k enough?", "number"),
        ("What are the three laws?", "What are the four laws?", "number"),
        ("Is it safe?", "Is it not safe?", "negation"),
        ("Can I fly?", "Why can't I fly?", "negation"),
        ("The best car", "The worst car", "opposite"),
        ("How do I enable it?", "How do I disable it?", "opposite"),
        ("Is Paris old?", "Is Berlin old?", "name"),
        ("how is java typed", "how is python typed", "name"),
        ("Who is Ann Smith?", "Who is Ann Jones?", "name"),
    ],
)
def test_details_that_change_the_answer(a: str, b: str, detail: str) -> None:
    assert detail in details(a, b)
    assert detail in details(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Is it 1,000 km?", "Is it 1000 km?"),
        ("What are the five laws?", "What are the 5 laws?"),
        ("Is 10k enough?", "Is 10,000 enough?"),
        ("How do I cook rice?", "What is the way to cook rice?"),
        ("I can't not see it", "I see it"),
        ("WHO IS ANN?", "Who is Ann?"),
    ],
)
def test_forms_of_the_same_details(a: str, b: str) -> None:
    assert details(a, b) == set()


def test_the_words_are_told() -> None:
    (found,) = differences(tokenize_question("Is 3 odd?"), tokenize_question("Is 4 odd?"))
    assert str(found) == "number: 3 against 4"


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_it_is_symmetric_and_silent_on_equal_texts(a: str, b: str) -> None:
    assert details(a, b) == details(b, a)
    assert details(a, a) == set()
