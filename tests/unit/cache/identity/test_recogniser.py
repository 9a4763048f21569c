import time
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.identity.normalisation import canonical
from cache.identity.question_features import HEAD_CHARS, TAIL_CHARS, fold
from cache.identity.word_memory import MAX_WORDS
from cache.semantic.recogniser_file import load_recogniser
from dev.recogniser.questions import FILE
from dev.train_recogniser import read_questions

RECOGNISER = load_recogniser()


@given(st.text(max_size=3_000))
def test_any_text_gets_shares_that_add_up(text: str) -> None:
    recognition = RECOGNISER.recognise(text)
    assert sum(recognition.shares) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("piece", ['"', "`", "«a", "1 ", "a@", "'", "ا\u064b", "今日", "``` "])
def test_the_work_is_bounded_for_any_length(piece: str) -> None:
    text, began = piece * (2_000_000 // len(piece)), time.process_time()
    RECOGNISER.recognise(text)
    assert time.process_time() - began < 0.5


def test_a_long_text_is_judged_by_its_head_and_tail() -> None:
    middle = "A neutral sentence about bridges and rivers. " * 200
    for text in (f"Where is my order? {middle}", f"{middle} Where is my order?"):
        recognition = RECOGNISER.recognise(text)
        assert 1 - recognition.share("timeless") >= recognition.refuse
    assert len(fold("ab " * 10_000)) <= HEAD_CHARS + TAIL_CHARS + 1


def test_new_words_do_not_let_the_memory_grow() -> None:
    before = RECOGNISER.recognise("Where is my order?")
    for start in range(0, 2 * MAX_WORDS, 200):
        RECOGNISER.recognise(" ".join(f"x{chr(97 + at % 26)}{start + at:b}" for at in range(200)))
        assert len(RECOGNISER.memory.places) <= MAX_WORDS
    assert RECOGNISER.recognise("Where is my order?") == before


@given(st.sampled_from(read_questions(FILE)))
def test_canonical_forms_are_judged_alike(row: dict[str, str]) -> None:
    text = row["text"]
    assert fold(text) == fold(canonical(f"  {text} "))


def test_the_questions_that_it_learned_are_recognised() -> None:
    refused: dict[str, list[bool]] = defaultdict(list)
    doubted: dict[str, list[bool]] = defaultdict(list)
    for row in read_questions(FILE)[::5]:
        recognition = RECOGNISER.recognise(row["text"])
        bound, key = 1 - recognition.share("timeless"), f"{row['language']} {row['kind']}"
        refused[key].append(bound >= recognition.refuse)
        doubted[key].append(bound >= recognition.doubt)
    assert len(refused) == 48
    for key, values in refused.items():
        share_refused = sum(values) / len(values)
        share_doubted = sum(doubted[key]) / len(values)
        match key.split()[1]:
            case "timeless":
                assert share_refused <= 0.12, key
                assert share_doubted <= 0.2, key
            case "conversation":
                assert share_doubted >= 0.8, key
            case _:
                assert share_doubted >= 0.92, key
