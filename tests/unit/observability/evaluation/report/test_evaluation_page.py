from decimal import Decimal

from observability.evaluation.comparison.candidate_figures import EvaluationNames
from observability.evaluation.comparison.evaluation_record import evaluation_record
from observability.evaluation.comparison.verdicts import VerdictRules
from observability.evaluation.report.evaluation_page import evaluation_html
from observability.evaluation.report.point_chart import (
    CostQuality,
    cost_quality_chart,
    pareto_front,
    time_chart,
)
from tests.unit.observability.evaluation.evaluation_fakes import graded

EVIL = "<script>alert(1)</script>"


def page(text: str) -> str:
    answers = [
        graded(f"c{n}", candidate, good=candidate == "large" or n > 3, text=text, call_ms=5.0 + n)
        for n in range(20)
        for candidate in ("large", "small")
    ]
    names, rules = EvaluationNames("trial", "set@1", "exact"), VerdictRules("large", 0.05, False)  # noqa: FBT003
    return evaluation_html(evaluation_record(names, rules, answers, Decimal(9)), answers)


def test_foreign_text_is_text() -> None:
    made = page(EVIL)
    assert EVIL not in made
    assert "&lt;script&gt;alert(1)" in made


def test_nothing_comes_from_elsewhere() -> None:
    made = page("x")
    assert "default-src 'none'" in made
    assert "http://" not in made.replace('xmlns="http://', "")
    assert "<script" not in made


def test_disagreements_stand_side_by_side() -> None:
    assert page("x").count("<details>") == 4


def test_what_is_dearer_and_no_better_isnt_on_the_front() -> None:
    places = [
        CostQuality(name, cost, "$", success, success - 0.02, min(1, success + 0.02))
        for name, cost, success in (("a", 1, 0.9), ("b", 2, 0.89), ("c", 10, 0.97), ("d", 3, 0.93))
    ]
    assert [place.name for place in pareto_front(places)] == ["a", "d", "c"]
    chart = cost_quality_chart(places)
    assert chart is not None
    assert [point.name for point in chart.points if not point.on_front] == ["b"]
    assert all(
        0 <= point.x <= chart.width and 0 <= point.y <= chart.height for point in chart.points
    )


def test_of_nothing_there_is_no_picture() -> None:
    assert cost_quality_chart([]) is None
    assert time_chart({"a": []}) is None
    assert time_chart({"a": [0.0], "b": [7.0, 1e6]}) is not None
