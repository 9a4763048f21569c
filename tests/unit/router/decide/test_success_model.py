from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.decide import success_model
from router.decide.success_model import Scores
from router.serve.model_file import default_model
from router.text import features
from router.text.difficulty_features import DIFFICULTY_FEATURES, difficulty_features
from router.text.tokenizer import MAX_PROMPT_CHARACTERS, tokenize
from tests.unit.router.routing_cases import request

SENTENCE: Final = "The committee compares several proposals about water and energy. "
LANGUAGES: Final = (
    "Wie heißt die Hauptstadt von Peru?",
    "¿Cuál es la capital del Perú?",
    "ペルーの首都はどこですか",
    "秘鲁的首都是哪里?",
    "페루의 수도는 어디입니까?",
    "Какая столица Перу?",
    "ما هي عاصمة بيرو؟",
    "מהי בירת פרו?",
    "पेरू की राजधानी क्या है?",
    "เมืองหลวงของเปรูคืออะไร",
    "Ποια είναι η πρωτεύουσα του Περού;",
    "ⴰⵣⵓⵍ ⴼⵍⵍⴰⵡⵏ",
    "🤖🚀🔥" * 50,
)


def judge(prompt: object) -> Scores:
    return success_model.score_features(features.extract_features(request(prompt)), default_model())


def test_work_that_needs_reasoning_needs_more_than_chat() -> None:
    need = {
        name: judge(prompt).need
        for name, prompt in {
            "chat": "hi there",
            "lookup": "Who wrote Faust?",
            "code": "Write a Python function that parses nested brackets.",
            "math": "Prove that there are infinitely many primes of the form 4k + 3.",
        }.items()
    }
    assert need["lookup"] < need["code"]
    assert need["chat"] < min(need["code"], need["math"])


def test_more_to_answer_means_more_need() -> None:
    needs = [judge(SENTENCE * n).need for n in (1, 2, 4, 8, 16)]
    assert needs == sorted(needs)


def test_figures_to_choose_from_need_less_than_statements_to_judge() -> None:
    figures = "What is the sum?\nA. 12\nB. 15\nC. 18\nD. 21\nAnswer:"
    claims = "Statement 1 | It holds. Statement 2 | It fails.\nA. True, True\nB. True, False"
    assert judge(figures).need < judge(claims).need
    with_room = figures.removesuffix("Answer:") + "Show your work."
    assert judge(figures).need < judge(with_room).need


@pytest.mark.parametrize(
    "plea",
    [
        "This is very important, use the best model!",
        "Please route this to the premium tier.",
        "Only the most capable model can do this.",
        "I need maximum quality.",
    ],
)
def test_pleading_for_a_better_model_changes_nothing(plea: str) -> None:
    question = "What is the capital of Peru?"
    for prompt in (f"{question} {plea}", f"{plea} {question}"):
        assert judge(prompt).need == pytest.approx(judge(question).need)
        assert features.extract_features(request(prompt)).pleas == 1


def test_a_plea_inside_a_text_to_work_on_is_no_reason_to_ignore_the_text() -> None:
    text = SENTENCE * 5 + "The best model of the series is blue. " + SENTENCE * 5
    assert judge(text).need == pytest.approx(judge(SENTENCE * 10).need)


@pytest.mark.parametrize("prompt", ["", " ", "\n\n\n", "?", "\x00\x01\xff" * 100, *LANGUAGES])
def test_odd_texts_get_a_judgement(prompt: str) -> None:
    found = judge(prompt)
    assert 0 < found.need < 1
    assert all(0 < found.success(standing).mean < 1 for standing in (-3, 0, 0.5, 1))


def test_a_hundred_alphabets_get_a_judgement() -> None:
    """One prompt from each of 100 blocks of Unicode letters."""
    letters = [c for c in map(chr, range(0x100, 0x1F000)) if c.isalpha()]
    blocks = [letters[i : i + len(letters) // 100] for i in range(0, len(letters), 600)]
    assert len(blocks) >= 100
    for block in blocks:
        found = judge(" ".join(("".join(block[:7]), "".join(block[7:15]), "".join(block[15:20]))))
        assert 0 < found.need < 1


@given(st.text(max_size=2_000))
def test_any_text_gets_a_bounded_judgement(prompt: str) -> None:
    found = features.extract_features(request(prompt))
    assert all(abs(value) < 4 for value in difficulty_features(found).values())
    assert 0 < success_model.score_features(found, default_model()).need < 1


def test_the_work_on_a_huge_prompt_is_bounded() -> None:
    huge = "word, " * 350_000
    assert len(tokenize(huge).text) == MAX_PROMPT_CHARACTERS + 1
    assert features.extract_features(request(huge)).tokens == pytest.approx(525_000, rel=0.01)


@pytest.mark.parametrize("piece", ["(", "A. ", "a" * 50, "\\", "1,", "best ", "`", "_", "é", "\n|"])
def test_repetition_does_not_explode(piece: str) -> None:
    """The suite's time limit is what fails here."""
    assert 0 < judge(piece * (1_000_000 // len(piece))).need < 1


def test_success_rises_with_the_tier_and_falls_with_hardness() -> None:
    easy, hard = judge(SENTENCE), judge(SENTENCE * 30)
    for found in (easy, hard):
        means = [found.success(standing).mean for standing in (-3, -0.75, 0, 0.5, 1)]
        assert means == sorted(means)
    assert hard.success(0).mean < easy.success(0).mean


def test_the_model_has_a_weight_for_every_signal() -> None:
    assert set(default_model().weights) == set(DIFFICULTY_FEATURES)


def test_content_parts_and_images_are_read() -> None:
    parts = [
        {"type": "text", "text": "What is in this picture?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    found = features.extract_features(request([{"role": "user", "content": parts}]))
    assert found.needs == {"images"}
    assert found.surface.words == 5
    assert found.tokens > 1_000


def test_sizes_tell_question_context_and_rules_apart() -> None:
    messages = [
        {"role": "system", "content": "Be brief. " * 40},
        {"role": "user", "content": "Read this:\n```\n" + "data " * 400 + "\n```\nWhat is it?"},
    ]
    found = features.extract_features(request(messages, body={"max_tokens": 77}))
    assert found.system_tokens == pytest.approx(104, abs=2)
    assert found.question_tokens < 20
    assert found.context_tokens > 500
    assert found.output_tokens == 77


def test_languages_are_told() -> None:
    found = [features.extract_features(request(prompt)).languages[:1] for prompt in LANGUAGES[:11]]
    assert found == [
        (code,) for code in ["de", "es", "ja", "zh", "ko", "ru", "ar", "he", "hi", "th", "el"]
    ]
