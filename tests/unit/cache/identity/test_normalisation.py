import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.identity.normalisation import canonical


@pytest.mark.parametrize(
    "form",
    [
        "What is a mutex?",
        "  what IS a\u00a0mutex ",
        "Hi, what is a mutex?",
        "Please tell me: what is a mutex?",
        "What is a mutex? Thanks!",
        "Hello! Could you tell me what is a mutex, please?",
    ],
)
def test_forms_of_one_question(form: str) -> None:
    assert canonical(form) == "what is a mutex"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("print(X)\nprint(x)", "print(x)\nprint(X)"),
        ("What is 1.5?", "What is 15?"),
        ("What is C?", "What is C++?"),
        ("Is it -5?", "Is it 5?"),
        ("Who leads US banks?", "Who leads us banks?"),
        ("Who is he?", "Who is she?"),
    ],
)
def test_what_differs_stays_different(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_a_greeting_alone_stays() -> None:
    assert canonical("Hello!") == "hello"


@settings(deadline=None)
@given(st.text(min_size=1))
def test_only_blanks_and_marks_can_vanish(text: str) -> None:
    assert canonical(text) or not any(character.isalnum() for character in text)
