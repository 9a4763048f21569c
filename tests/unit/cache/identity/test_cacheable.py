from decimal import Decimal

import pytest
from pydantic import TypeAdapter

from cache.identity.cacheable import (
    DoNotKeep,
    KeepBriefly,
    KeepForAll,
    Retention,
    refuse_answer,
    refuse_request,
    retention_of,
)
from cache.semantic.recogniser_file import load_recogniser
from producers.contract import (
    CacheOutcome,
    CacheSubject,
    ChatBody,
    Done,
    RouteTaken,
    Timings,
    Usage,
)
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


RECOGNISER = load_recogniser()


def kept(text: str | None, *, has_history: bool = False, **changes: object) -> Retention:
    about = changes.pop("about", None)
    policy = CachePolicy.model_validate(changes)
    return retention_of(
        text, policy, RECOGNISER, about=TypeAdapter(CacheSubject | None).validate_python(about),
        has_history=has_history,
    )  # fmt: skip


BOUND = [
    ("What is the weather in Paris today?", "moment"),
    ("Wie wird das Wetter morgen in Berlin?", "moment"),
    ("¿Cuáles son las últimas noticias?", "moment"),
    ("今日の東京の天気は？", "moment"),
    ("كم سعر الدولار اليوم؟", "moment"),
    ("Where is my order?", "person"),
    ("Où est mon colis ?", "person"),
    ("Jakie jest moje saldo?", "person"),
    ("我的订单到哪了？", "person"),
    ("Siparişim nerede?", "person"),
]


@pytest.mark.parametrize(("text", "kind"), BOUND)
def test_questions_of_the_moment_or_of_one_person(text: str, kind: str) -> None:
    reason = {"moment": "about the moment", "person": "about the person who asks"}[kind]
    assert kept(text) == DoNotKeep(reason)
    assert kept(text, has_history=True, allow_time_bound=True, allow_personal=True) == KeepForAll()


@pytest.mark.parametrize(
    "text",
    [
        "What is a mutex?",
        "What is the capital of Peru?",
        "How do I sort my list in Python?",
        "Was bedeutet „Wo ist meine Bestellung?“ auf Englisch?",
        "Qui a écrit Les Misérables ?",
        "光合成とは何ですか",
    ],
)
def test_questions_for_everybody(text: str) -> None:
    assert kept(text) == KeepForAll()


@pytest.mark.parametrize(
    "text", ["Write to jane@example.com", "Is 4111111111111111 a card?", "call +49 30 1234567"]
)
def test_signs_of_one_person(text: str) -> None:
    assert kept(text) == DoNotKeep("about the person who asks")


@pytest.mark.parametrize("about", ["moment", "person", "conversation"])
def test_a_caller_may_declare_what_the_recogniser_does_not_see(about: str) -> None:
    assert isinstance(kept("What is a mutex?", about=about), DoNotKeep)


@pytest.mark.parametrize(("text", "_kind"), BOUND)
def test_a_caller_may_declare_that_one_answer_serves_all(text: str, _kind: str) -> None:
    assert kept(text, about="everyone", declared_only=True) == KeepForAll()


def test_a_tenant_may_keep_what_is_declared_only() -> None:
    assert isinstance(kept("What is a mutex?", declared_only=True), DoNotKeep)


def test_earlier_turns_in_the_request_make_a_question_about_them_keepable() -> None:
    text = "Translate your last answer into French"
    assert kept(text) == DoNotKeep("about this conversation")
    assert kept(text, has_history=True) == KeepForAll()


@pytest.mark.parametrize("text", ["Какая завтра погода в Москве?", "내일 서울 날씨는 어때요?"])
def test_a_language_not_learned_is_kept_briefly(text: str) -> None:
    assert isinstance(kept(text), KeepBriefly)


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
