import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from rich.console import Console, RenderableType

from producers.contract import Route, Routing
from router.decide.caller_overrides import RouteRejected
from router.decide.tier_candidates import RoutingConfig
from router.serve.commands import (
    ClassifiedPrompt,
    UnreadablePrompt,
    classified_json,
    classified_prompts,
    explain_request,
    explanation_json,
    explanation_table,
    profiles_json,
    profiles_table,
    request_to_explain,
)
from router.serve.model_file import default_model
from runtime.config.sections.policy import TaskProfile
from tests.unit.router.routing_cases import catalog, price_of

BOOK = catalog()
CONFIG = RoutingConfig(BOOK, BOOK.policy, price_of, default_model())
ESCAPE = "\x1b[31m"


def shown(renderable: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=200, force_terminal=False).print(renderable)
    return out.getvalue()


def test_an_explanation_has_the_same_decision_as_table_and_as_json() -> None:
    explanation = explain_request(request_to_explain("Who wrote Faust?"), CONFIG)
    assert isinstance(explanation.decision, Route)
    table, value = shown(explanation_table(explanation)), json.loads(explanation_json(explanation))
    assert explanation.decision.tier in table
    assert value["decision"]["tier"] == explanation.decision.tier
    assert value["need"] == explanation.scores.need
    assert all(candidate["tier"] in table for candidate in value["decision"]["candidates"])


def test_demands_reach_the_decision() -> None:
    request = request_to_explain("hi", routing=Routing(tier="premium", residency=("us",)))
    decision = explain_request(request, CONFIG).decision
    assert isinstance(decision, Route)
    assert (decision.tier, decision.zone) == ("premium", "us")
    with pytest.raises(ValidationError, match="role"):
        request_to_explain([{"role": "king", "content": "hi"}])


def test_a_task_cannot_write_on_the_terminal() -> None:
    explanation = explain_request(request_to_explain("hi", routing=Routing(tier="premum")), CONFIG)
    assert isinstance(explanation.decision, RouteRejected)
    assert "Did you mean" in shown(explanation_table(explanation))
    hostile = {f"[red]{ESCAPE}": TaskProfile(success={"economy": 0.9})}
    for text in (shown(profiles_table(hostile)), profiles_json(hostile)):
        assert "\x1b" not in text
        assert "[red]" in text


@given(st.text())
def test_a_line_is_judged_or_named_whatever_it_holds(line: str) -> None:
    for prompt in classified_prompts([line], CONFIG):
        row = json.loads(classified_json(prompt))
        match prompt:
            case ClassifiedPrompt():
                assert 0 < row["score"] < 1
            case UnreadablePrompt(error=error):
                assert row == {"error": error}
                assert error.startswith("line 1:")
