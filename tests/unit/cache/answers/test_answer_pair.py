"""Answers to one question: what says the same in other words, and what only sounds like it."""

import json
from pathlib import Path

import pytest

from cache.answers.answer_pair import (
    INTERCEPT,
    LEAST_CHANCE,
    WEIGHTS,
    answer_pair_features,
    chance_of_same,
)
from cache.shadow_checks import MEASURED_ERROR

CAPITAL = "What is the capital of Peru?"


@pytest.mark.parametrize(
    ("question", "a", "b"),
    [
        (CAPITAL, "Lima", "The capital of Peru is Lima."),
        ("What is 15 % of 80?", "12", "15 % of 80 is 12."),
        ("Wer schrieb Faust?", "Goethe", "Faust wurde von Goethe geschrieben."),
    ],
)
def test_a_word_and_its_sentence_say_the_same(question: str, a: str, b: str) -> None:
    features = answer_pair_features(question, a, b, 0.8)
    assert (features.contained, features.numbers_differ) == (1.0, 0.0)
    assert chance_of_same(features) >= LEAST_CHANCE


@pytest.mark.parametrize(
    ("question", "a", "b"),
    [
        (CAPITAL, "Lima", "The capital of Peru is Cusco."),
        ("What is 15 % of 80?", "12", "15 % of 80 is 16."),
        ("How tall is it?", "It is 8,849 metres high.", "It is 8,611 metres high."),
    ],
)
def test_one_other_word_or_number_is_another_answer(question: str, a: str, b: str) -> None:
    features = answer_pair_features(question, a, b, 0.8)
    assert features.contained < 1 or features.numbers_differ == 1
    assert chance_of_same(features) < LEAST_CHANCE


def test_long_answers_are_told_by_their_beginnings() -> None:
    endless = "word " * 100_000
    assert answer_pair_features("Why?", endless + "a", endless + "b", 1.0).contained == 1.0


def test_weights_and_error_are_those_that_were_measured() -> None:
    found = json.loads(Path("bench/results/cache_answers.json").read_text(encoding="utf-8"))
    assert (list(WEIGHTS), INTERCEPT) == (found["weights"], found["intercept"])
    assert found["false alarms"]["between"][1] == MEASURED_ERROR.false_alarm[1]
    assert found["misses"]["between"] == list(MEASURED_ERROR.miss)
