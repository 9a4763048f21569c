import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.verification.detail_guard import objections
from cache.verification.plain_question import MAX_PLAIN_CHARS, plain_question
from cache.verification.question_form import is_same_form
from cache.wording.accents import accent_differs
from cache.wording.courtesy import without_courtesy
from cache.wording.measures import plain_measures
from cache.wording.numerals import plain_numerals
from cache.wording.phrases import abbreviated, plain_phrases


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Können Sie mir bitte erklären, was ein Bit ist?", "was ein Bit ist?"),
        ("¿Me podrías decir qué es un verbo, por favor?", "qué es un verbo"),
        ("Подскажите, пожалуйста, что такое синус?", "что такое синус?"),
        ("what is entropy?? thx in advance", "what is entropy?"),
        ("你好, 请问什么是黑洞?", "什么是黑洞?"),
        ("関数とは何か教えてください。", "関数とは何か"),
        ("你好\uff0c红烧肉怎么做\uff1f谢谢\uff01", "红烧肉怎么做\uff1f"),
    ],
)
def test_courtesy_goes(text: str, asked: str) -> None:
    assert without_courtesy(text).rstrip(",") == asked


@pytest.mark.parametrize(
    "text",
    [
        "السلام عليكم ماذا تعني",
        "Dime, nickel or quarter?",
        "请客是什么",
        "告诉我们的是什么",
        "Say hello, thanks",
        "Привет",
    ],
)
def test_courtesy_that_is_asked_for_stays(text: str) -> None:
    assert without_courtesy(text) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("10 pounds in kilograms", "10 lb in kg"),
        ("10 pounds in dollars", "10 pounds in dollars"),
        ("50 miles per hour", "50 mph"),
        ("72 degrees Fahrenheit", "72 °F"),
        ("2 cubic metres of water", "2 m³ of water"),
        ("un chilometro quadrato", "1 km²"),
        ("ein Liter Milch", "1 l Milch"),
        ("2 килограммах", "2 kg"),
        ("3キログラムは", "3kgは"),
        ("5千米", "5km"),
        ("1 mebibyte", "1 MiB"),
        ("4 megawatts, 4 milliwatts", "4 MW, 4 mW"),
        ("a second metro", "a second metro"),
        ("5 M", "5 M"),
    ],
)
def test_units_become_symbols(text: str, plain: str) -> None:
    assert plain_measures(text) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("one hundred forty-four", "144"),
        ("two hundred and five thousand", "205000"),
        ("the nineteenth century", "the 19th century"),
        ("one of three", "one of 3"),
        ("nineteen eighty-four", "nineteen eighty-four"),
        ("two thousand five", "2005"),
        ("twenty twenty", "twenty twenty"),
    ],
)
def test_english_numbers_become_digits(text: str, plain: str) -> None:
    assert plain_numerals(text, is_foreign=False) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("vier plus einundzwanzig", "4 plus 21"),
        ("veinte por cinco", "20 por 5"),
        ("dwanaście razy trzy", "12 razy 3"),
        ("七人", "7人"),
        ("二十五 十二 十", "25 12 10"),
        ("二〇二六年", "2026年"),
        ("一下", "一下"),
        ("أركان الإسلام الخمسة الـ٥", "أركان الإسلام 5 5"),
    ],
)
def test_other_numbers_become_digits(text: str, plain: str) -> None:
    assert plain_numerals(text, is_foreign=True) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("What's the meaning of ubiquitous?", "what does ubiquitous mean?"),
        ("C'est quoi un algorithme ?", "quoi  un algorithme ?"),
        ("什么叫光合作用", "光合作用是什么"),
        ("什么叫光合作用\uff1f", "光合作用是什么"),
        ("你是什么意思", "你是什么意思"),
        ("관성이 뭐예요?", "관성 무엇"),
        ("Define a function", "Define a function"),
    ],
)
def test_phrases_of_one_meaning(text: str, plain: str) -> None:
    assert plain_phrases(text) == plain


def test_a_name_written_out_is_abbreviated() -> None:
    assert abbreviated("the United Nations and DNA") == "the UN and DNA"


@pytest.mark.parametrize(
    "text",
    [
        "How do you spell forty?",
        "What does United Nations stand for?",
        "x" * MAX_PLAIN_CHARS + " 1 l",
    ],
)
def test_questions_about_words_and_long_texts_stay(text: str) -> None:
    assert plain_question(text) == text


@pytest.mark.parametrize(
    ("a", "b", "differs"),
    [
        ("que es la fotosintesis", "qué es la fotosíntesis", False),
        ("creme brulee", "crème brûlée", False),
        ("gunes sisteminde kac", "güneş sisteminde kaç", False),
        ("jak obliczyc pole trojkata", "jak obliczyć pole trójkąta", False),
        ("cuantos anos tiene", "cuántos años tiene", True),
        ("el papa de Jose", "el papá de José", True),
        ("ou habite Paul", "où habite Paul", True),
        ("Ist es schon", "Ist es schön", True),
        ("a resume", "a résumé", True),
        ("cómo es el ano", "cómo es el año", True),
        ("Masse", "Maße", True),
    ],
)
def test_accents_left_out_by_habit(a: str, b: str, *, differs: bool) -> None:
    assert accent_differs(a.split(), b.split()) == differs
    assert accent_differs(b.split(), a.split()) == differs


@given(st.text(max_size=200))
def test_any_text_has_a_plain_wording(text: str) -> None:
    assert isinstance(plain_question(text), str)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ('what does "my bad" mean', 'what does "your bad" mean'),
        ("Fatih kimi yendi?", "Fatih'i kim yendi?"),
        ("고양이가 쥐를 쫓는 이유", "쥐가 고양이를 쫓는 이유"),
        ("会议是上午3点吗", "会议是下午3点吗"),
        ("am I allowed to record my boss", "is my boss allowed to record me"),
        ("Who painted Guernica?", "Who was painted in Guernica?"),
        ("1 Gb等于多少字节", "1 GB等于多少字节"),
        ("What is REST?", "What is rest?"),
        ("How many code points has é?", "How many code points has e\u0301?"),
    ],
)
def test_what_only_wording_shows_is_refused(a: str, b: str) -> None:
    assert any(difference.is_decisive for difference in objections(a, b))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("What is HTTP?", "What is http?"),
        ("In Rust, how do I read a file?", "How do I read a file in Rust?"),
        ("Why don't penguins fly?", "Why do penguins not fly?"),
        ("boiling point nitrogen", "What is the boiling point of nitrogen?"),
        ("Give me the quadratic formula.", "What is the quadratic formula?"),
        ("Wie funktioniert ein Kühlturm?", "Wie funktioniert ein Kuehlturm?"),
        ("Небо голубое почему?", "Почему небо голубое?"),
    ],
)
def test_one_question_in_two_wordings(a: str, b: str) -> None:
    assert objections(a, b) == () or not objections(a, b)[0].is_decisive
    assert is_same_form(a, b)
