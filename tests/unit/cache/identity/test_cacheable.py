from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.identity.cacheable import (
    EMAIL_ADDRESS,
    PERSONAL,
    POSSESSIVE,
    TIME_BOUND,
    TextPattern,
    refuse_answer,
    refuse_question,
    refuse_request,
)
from producers.contract import CacheOutcome, ChatBody, Done, RouteTaken, Timings, Usage
from runtime.config.sections.cache import CachePolicy

ASKED = ChatBody(messages=[{"role": "user", "content": "x"}])


def done(cost: Decimal | None = None, finish: str | None = "stop", **message: object) -> Done:
    choice = {"message": {"role": "assistant", "content": "A lock."} | message}
    return Done(
        id="r",
        body={"choices": [choice | {"finish_reason": finish}]},
        route=RouteTaken(tier="t"),
        cache=CacheOutcome(result="miss"),
        usage=Usage(),
        cost_micro_usd=cost,
        baseline_micro_usd=None,
        timings=Timings(),
    )


@pytest.mark.parametrize(
    "text",
    [
        "What is the weather in Paris?",
        "Who won the match yesterday?",
        "What is the latest version of Python?",
        "Where is my order?",
        "Summarise my last meeting",
        "Write to jane@example.com",
        "Is 4111111111111111 a card?",
        "Who am I?",
    ],
)
def test_questions_of_the_moment_or_of_one_person(text: str) -> None:
    assert refuse_question(text, CachePolicy()) is not None
    assert refuse_question(text, CachePolicy(allow_time_bound=True, allow_personal=True)) is None


@pytest.mark.parametrize(
    "text", ["What is a mutex?", "How do I reset my password?", "Name the 3 largest cities of 2016"]
)
def test_questions_for_everybody(text: str) -> None:
    assert refuse_question(text, CachePolicy()) is None


ASCII = st.characters(max_codepoint=127)


@pytest.mark.parametrize("sign", [TIME_BOUND, PERSONAL, POSSESSIVE, EMAIL_ADDRESS])
@given(st.data())
def test_no_text_escapes_its_expression_for_want_of_a_word(
    sign: TextPattern, data: st.DataObject
) -> None:
    text = data.draw(st.from_regex(sign.expression, alphabet=ASCII))
    assert sign.matches(text, text.casefold())


def test_varied_answers_are_wanted() -> None:
    varied = ASKED.model_copy(update={"temperature": 0.7})
    assert refuse_request(varied, "x", CachePolicy()) == "temperature 0.7 asks for varied answers"
    assert refuse_request(varied, "x", CachePolicy(allow_sampling=True)) is None
    assert refuse_request(ASKED.model_copy(update={"temperature": 0.0}), "x", CachePolicy()) is None


def test_a_whole_answer_is_kept() -> None:
    assert refuse_answer(done(), CachePolicy()) is None


@pytest.mark.parametrize(
    "answer",
    [
        done(finish="length"),
        done(finish="content_filter"),
        done(finish=None),
        done(tool_calls=[{"id": "1"}]),
        done(refusal="I can't."),
        done(content=""),
        done().model_copy(update={"body": {}}),
    ],
)
def test_others_are_not(answer: Done) -> None:
    assert refuse_answer(answer, CachePolicy()) is not None


def test_what_costs_too_little_is_not_worth_it() -> None:
    policy = CachePolicy(min_cost_micro_usd=Decimal(5))
    assert refuse_answer(done(cost=Decimal(4)), policy) is not None
    assert refuse_answer(done(cost=Decimal(5)), policy) is None
