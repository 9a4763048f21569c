"""What is read of a question ahead of its comparison is all that the comparison reads of it."""

import pytest

from cache.verification.accept import take_apart, with_form
from cache.verification.detail_guard import objections
from cache.verification.exact_details import exact_details, is_foreign
from cache.verification.plain_question import plain_question
from cache.verification.question_form import question_form
from cache.verification.tokenizer import tokenize_question

REMEMBERED = (exact_details, is_foreign, plain_question, question_form, tokenize_question)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("Hi, how can I boil two eggs, please?", "How do I boil 2 eggs?"),
        ("Wie koche ich bitte zwei Eier?", "Wie koche ich 2 Eier?"),
        ("What is the capital of Peru?", "Which city is Peru's capital?"),
    ],
)
def test_a_question_taken_apart_is_read_no_second_time(asked: str, kept: str) -> None:
    for each in REMEMBERED:
        each.cache_clear()
    take_apart(kept)
    take_apart(asked)
    read = [each.cache_info().misses for each in REMEMBERED]
    tokenize_question(asked)
    with_form(0.5, asked, kept, objections(asked, kept))
    assert [each.cache_info().misses for each in REMEMBERED] == read
