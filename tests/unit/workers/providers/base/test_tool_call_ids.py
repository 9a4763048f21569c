"""Tool call ids: both sides alike, in each provider's form, whatever came."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.providers.base.shapes import UnsupportedContent
from workers.providers.base.tool_call_ids import (
    CLAUDE_IDS,
    MISTRAL_IDS,
    OPENAI_IDS,
    IdForm,
    ToolCallIds,
)

FORMS = [CLAUDE_IDS, MISTRAL_IDS, OPENAI_IDS]
foreign = st.one_of(
    st.none(), st.text(max_size=4), st.integers(), st.text("a|.:", min_size=60, max_size=99)
)


@pytest.mark.parametrize("form", FORMS)
@given(st.lists(foreign, max_size=6), st.lists(foreign, max_size=6))
def test_each_result_names_its_call(form: IdForm, first: list[Any], second: list[Any]) -> None:
    ids = ToolCallIds(form)
    seen: set[str] = set()
    for told in (first, second):
        calls = [ids.of_call(each) for each in told]
        results = [ids.of_result(each, "tool_call_id") for each in told]
        assert sorted(results) == sorted(calls)
        assert all(form.pattern.fullmatch(call) for call in calls)
        assert seen.isdisjoint(calls)
        seen |= set(calls)
        assert len(set(calls)) == len(calls)


@pytest.mark.parametrize("form", FORMS)
@given(st.lists(st.text(min_size=1), unique=True, min_size=1, max_size=6), st.randoms())
def test_named_results_may_come_in_any_order(form: IdForm, names: list[str], mixed: Any) -> None:  # noqa: ANN401 - a Random
    ids = ToolCallIds(form)
    calls = {name: ids.of_call(name) for name in names}
    mixed.shuffle(names)
    assert [ids.of_result(name, "x") for name in names] == [calls[name] for name in names]


@pytest.mark.parametrize("form", FORMS)
def test_an_id_is_the_same_in_every_request_of_a_conversation(form: IdForm) -> None:
    made = [ToolCallIds(form).of_call("functions.Bash:0|" + "x" * 90) for _ in range(2)]
    assert made[0] == made[1]


def test_a_good_id_stays() -> None:
    assert ToolCallIds(CLAUDE_IDS).of_call("toolu_01A-b") == "toolu_01A-b"
    assert ToolCallIds(MISTRAL_IDS).of_call("abcDEF123") == "abcDEF123"


def test_a_result_that_no_call_waits_for_is_refused_if_it_names_none() -> None:
    with pytest.raises(UnsupportedContent, match=r"messages\[3\].tool_call_id is missing"):
        ToolCallIds(CLAUDE_IDS).of_result(None, "messages[3].tool_call_id")
    assert ToolCallIds(CLAUDE_IDS).of_result("toolu_1", "x") == "toolu_1"
