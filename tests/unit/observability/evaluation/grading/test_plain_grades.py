from typing import Any

import pytest

from observability.evaluation.data_sets.evaluation_case import EvaluationCase
from observability.evaluation.grading.metric import read_metric
from observability.evaluation.grading.plain_grades import Graded, Ungradable, plain_grade


def case(reference: str | None, **fields: Any) -> EvaluationCase:  # noqa: ANN401 - of a case
    body = {"messages": [{"role": "user", "content": "?"}]}
    whole = {"id": "a", "tenant": "t", "body": body, "reference": reference, **fields}
    return EvaluationCase.model_validate(whole)


@pytest.mark.parametrize(
    ("metric", "reference", "answer", "good"),
    [
        ("exact", "refund", " refund\n", True),
        ("exact", "refund", "Refund.", False),
        ("exact:fold", "refund", "**Refund.**", True),
        ("exact:fold", "refund", "a refund", False),
        ("exact", "Café", "Cafe\u0301", True),
        ("contains", "Paris", "It is paris, of course.", True),
        ("contains", "Paris", "It is Rome.", False),
        ("numeric", "1,234.5", "So 3 times 411.5 is 1234.5.", True),
        ("numeric", "42", "41.9", False),
        ("numeric:0.01", "42", "about 41.9", True),
        ("numeric", "-3", "it is \u22123", True),
        ("numeric", "0", "0.0", True),
    ],
)
def test_grades(metric: str, reference: str, answer: str, *, good: bool) -> None:
    read = read_metric(metric)
    assert plain_grade(read.kind, read, case(reference), answer) == Graded(good)  # type: ignore[arg-type]


def test_no_number_is_an_error_of_form() -> None:
    read = read_metric("numeric")
    assert plain_grade("numeric", read, case("4"), "four") == Graded(good=False, format_error=True)
    huge = plain_grade("numeric", read, case("4"), "9" * 100_000)
    assert huge == Graded(good=False, format_error=True)


def test_without_a_reference_nothing_can_be_said() -> None:
    for metric in ("exact", "contains", "numeric"):
        read = read_metric(metric)
        assert isinstance(plain_grade(read.kind, read, case(None), "x"), Ungradable)  # type: ignore[arg-type]


def test_grounded_looks_claims_up() -> None:
    read, context = (
        read_metric("grounded"),
        "The parcel left Oslo on 3 May 2026 with 14 letters. " * 3,
    )
    stated = plain_grade(
        "grounded", read, case(None, context=context), "It left Oslo on 3 May 2026."
    )
    invented = plain_grade(
        "grounded", read, case(None, context=context), "It left Lima on 9 June 2031 with 77 bags."
    )
    assert (stated, invented) == (Graded(good=True), Graded(good=False))
    assert isinstance(plain_grade("grounded", read, case(None), "x"), Ungradable)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nothing", "there is no metric"),
        ("python", "needs an argument"),
        ("judge:", "needs an argument"),
        ("contains:x", "takes no argument"),
        ("exact:loose", "fold"),
        ("numeric:2", "tolerance"),
        ("numeric:nan", "tolerance"),
    ],
)
def test_a_wrong_metric_says_what_is_right(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_metric(text)
