from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.identity.key import NotCacheable, Question, question_of
from producers.contract import CacheControl, ChatBody, ChatMessage, Request, Route, Routing

SYSTEM: ChatMessage = {"role": "system", "content": "You are terse."}
USER: ChatMessage = {"role": "user", "content": "What is a mutex?"}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {}}}


def question(
    messages: list[ChatMessage] | None = None,
    *,
    tenant: str = "acme",
    scope: str | None = None,
    route: Route | None = None,
    knowledge: str = "",
    **parameters: object,
) -> Question:
    body = ChatBody.model_validate({"messages": messages or [SYSTEM, USER], **parameters})
    routing = Routing(cache=CacheControl(scope=scope))
    asked = question_of(
        Request(id="r", tenant=tenant, body=body, routing=routing),
        route or Route(tier="economy"),
        knowledge=knowledge,
    )
    assert isinstance(asked, Question)
    return asked


OTHERS: dict[str, dict[str, Any]] = {
    "tenant": {"tenant": "other"},
    "named scope": {"scope": "docs"},
    "tier": {"route": Route(tier="premium")},
    "pinned model": {"route": Route(tier="economy", model="gpt-4o")},
    "zone": {"route": Route(tier="economy", zone="eu")},
    "knowledge": {"knowledge": "2"},
    "system prompt": {"messages": [{"role": "system", "content": "You are kind."}, USER]},
    "no system prompt": {"messages": [USER]},
    "history": {"messages": [SYSTEM, USER, {"role": "assistant", "content": "A lock."}, USER]},
    "speaker": {"messages": [SYSTEM, {**USER, "name": "ann"}]},
    "tools": {"tools": [TOOL]},
    "response format": {"response_format": {"type": "json_object"}},
    "temperature": {"temperature": 0.5},
    "length": {"max_tokens": 10},
    "seed": {"seed": 7},
    "a parameter of tomorrow": {"reasoning_effort": "high"},
}


@pytest.mark.parametrize("change", OTHERS)
def test_every_setting_is_a_partition(change: str) -> None:
    other = question(**OTHERS[change])
    assert other.scope != question().scope
    assert other.slot != question().slot
    assert other.text == question().text


def test_all_partitions_differ_from_each_other() -> None:
    scopes = [question(**change).scope for change in OTHERS.values()]
    assert len(set(scopes)) == len(OTHERS)


def test_what_has_no_part_in_the_answer_does_not_divide() -> None:
    same = question(model="auto", stream=True, user="u-1", metadata={"a": "b"})
    assert same == question(model="gpt-4o")


@settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_no_text_of_one_tenant_has_the_key_of_another(one: str, other: str) -> None:
    left = question_of(_request("left", one), Route(tier="t"))
    right = question_of(_request("right", other), Route(tier="t"))
    assert isinstance(left, Question)
    assert isinstance(right, Question)
    assert {left.scope, left.exact, left.slot}.isdisjoint({right.scope, right.exact, right.slot})


@settings(deadline=None)
@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_the_border_between_history_and_question_counts(one: str, other: str) -> None:
    together = question([{"role": "user", "content": one + other}])
    apart = question([{"role": "user", "content": one}, {"role": "user", "content": other}])
    assert together.slot != apart.slot


def test_forms_of_one_question_share_a_slot_but_not_the_exact_key() -> None:
    form = question([SYSTEM, {"role": "user", "content": " what is a  mutex  "}])
    assert form.slot == question().slot
    assert form.exact != question().exact


def test_an_image_is_compared_whole_and_has_no_text() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,x"}}
    with_image = question([{"role": "user", "content": [image]}])
    assert with_image.text is None
    assert with_image.slot == with_image.exact


def test_text_parts_are_text() -> None:
    parts = question([SYSTEM, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}])
    assert parts.text == "Hi"


def test_a_turn_of_somebody_else_is_no_question() -> None:
    asked = question_of(
        Request(
            id="r",
            tenant="acme",
            body=ChatBody(messages=[USER, {"role": "assistant", "content": "A"}]),
        ),
        Route(tier="t"),
    )
    assert asked == NotCacheable("the last message isn't the user's")


def _request(tenant: str, text: str) -> Request:
    return Request(
        id="r", tenant=tenant, body=ChatBody(messages=[{"role": "user", "content": text}])
    )
