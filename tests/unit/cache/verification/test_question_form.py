import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.verification.accept import FORM_SCORE, with_form
from cache.verification.detail_guard import objections
from cache.verification.question_form import is_same_form, question_form

SAME = [
    ("Hi, what is recursion?", "What is recursion?"),
    ("What is recursion? Thanks!", "what is recursion"),
    ("Please explain photosynthesis", "Explain photosynthesis"),
    ("how to bake bread", "How can I bake bread?"),
    ("Is 3,000 m high?", "Is 3000 m high?"),
    ("Is 10 kg heavy?", "Is 10 kilograms heavy?"),
    ("Bonjour, comment faire du pain ?", "Comment faire du pain ?"),
    ("Hallo, wie koche ich Reis?", "wie koche ich reis"),
    ("怎么煮米饭\uff1f", "怎么煮米饭"),
    ("ご飯の炊き方は\uff1f", "ご飯の炊き方は?"),
    ("By whom was penicillin discovered?", "Who discovered penicillin?"),
    ("Who was the bridge designed by?", "Who designed the bridge?"),
    ("How does somebody learn to whistle?", "How can I learn to whistle?"),
    ("When boiling eggs, why do you add salt?", "Why do you add salt when boiling eggs?"),
    ("怎么修理自行车", "如何修理自行车\uff1f"),
]
DIFFERENT = [
    ("Please Please Me, which year?", "Me, which year?"),
    ("It is raining?", "It is raining."),
    ("What are synonyms of please?", "What are synonyms of"),
    ("What is the reply to many thanks", "What is the reply to"),
    ("What is type A blood?", "What is type O blood?"),
    ("What does a ?? b do?", "What does a ? b do?"),
    ("Continue the dialogue: Good morning!", "Continue the dialogue: Good evening!"),
    ("Who is the king of Spain?", "Who was the king of Spain?"),
    ("Capitale de l'Iran", "Capitale de l'Irak"),
    ("hello", "thanks"),
    ("谁都知道。", "谁都知道\uff1f"),
]


@pytest.mark.parametrize(("a", "b"), SAME)
def test_courtesy_and_habits_are_form(a: str, b: str) -> None:
    assert is_same_form(a, b)
    assert with_form(0.5, a, b, objections(a, b)) == (FORM_SCORE, ())


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_what_may_be_asked_is_not(a: str, b: str) -> None:
    assert not is_same_form(a, b)
    differences = objections(a, b)
    assert with_form(0.5, a, b, differences) == (0.5, differences)


def test_a_decisive_objection_outweighs_the_form() -> None:
    a, b = "What is US politics about?", "What is us politics about?"
    assert is_same_form(a, b)
    assert with_form(0.5, a, b, objections(a, b))[0] == 0.5


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_texts_have_a_form_or_none(a: str, b: str) -> None:
    assert is_same_form(a, b) == is_same_form(b, a)
    question_form(a * 20)
