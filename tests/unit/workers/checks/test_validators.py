"""Checks of answers, and of the checks themselves."""

import time
from typing import Any

import pytest
from pydantic import TypeAdapter

from producers.contract import ChatBody, Validator
from workers.checks.validators import (
    CheckFunction,
    CheckProblem,
    failed_checks,
    invalid_checks,
    load_checks,
    repair_request,
)

READ: TypeAdapter[Validator] = TypeAdapter(Validator)
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "pattern": "^[A-Z]"}, "age": {"minimum": 0}},
    "required": ["name"],
}


def no_digits(answer: str) -> str | None:
    return "it must hold no digit" if any(letter.isdigit() for letter in answer) else None


def breaks(_: str) -> str | None:
    raise KeyError("secret")


KNOWN: dict[str, CheckFunction] = {"no_digits": no_digits, "breaks": breaks}


def problems(text: str, **told: Any) -> list[str]:  # noqa: ANN401 - a validator's fields
    answer = {"choices": [{"message": {"content": text}}]}
    return [each.message for each in failed_checks([READ.validate_python(told)], answer, KNOWN)]


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ('{"name": "Ada"}', '{"name": "ada"}', {"kind": "json_schema", "schema": PERSON}),
        ('{"name": "Ada", "age": 3}', "Sure! {}", {"kind": "json_schema", "schema": PERSON}),
        ("yes", "yes, or no", {"kind": "regex", "pattern": "yes|no"}),
        ("red and blue", "red", {"kind": "contains", "texts": ["red", "blue"]}),
        ("12345", "123456", {"kind": "max_length", "characters": 5}),
        (
            "Die Antwort steht in der ersten Zeile des Berichts.",
            "The answer stands in the first line of the report.",
            {"kind": "language", "language": "de"},
        ),
        ("no number here", "4 numbers", {"kind": "named", "name": "no_digits"}),
    ],
)
def test_each_kind_tells_good_from_bad(good: str, bad: str, told: dict[str, Any]) -> None:
    assert problems(good, **told) == []
    assert len(problems(bad, **told)) == 1


def test_a_problem_says_where_and_what() -> None:
    told = problems('{"age": -1, "name": "Ada"}', kind="json_schema", schema=PERSON)
    assert told == ["its JSON breaks the schema at $.age: -1 is less than the minimum of 0"]


def test_a_few_words_are_in_any_language() -> None:
    assert problems("OK", kind="language", language="fr") == []


def test_a_long_answer_is_in_the_language_of_its_beginning() -> None:
    german = "Die Antwort steht in der ersten Zeile des Berichts. " * 20
    english = "The answer stands in the first line of the report. " * 200
    assert problems(german + english, kind="language", language="de") == []
    assert len(problems(german + english, kind="language", language="en")) == 1


def test_an_evil_pattern_costs_its_time_limit_and_no_more() -> None:
    begun = time.process_time()
    evil = "(a|aa)+$"
    assert problems("a" * 60 + "b", kind="regex", pattern=evil)
    schema = {"type": "string", "pattern": evil}
    assert problems(f'"{"a" * 60}b"', kind="json_schema", schema=schema)
    assert time.process_time() - begun < 10


def test_a_schema_fetches_nothing() -> None:
    schema = {"$ref": "http://127.0.0.1:9/schema.json"}
    assert problems("{}", kind="json_schema", schema=schema) == [
        f"its JSON can't be checked: {schema['$ref']!r} is no place in it, and none is fetched"
    ]


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("[" * 2000, {"type": "object"}),
        ("[" * 2000 + "]" * 2000, {"items": {"$ref": "#"}}),
        ("1e999", {"multipleOf": 0.1}),
        ("Infinity", {"type": "number"}),
        ("NaN", {"type": "number"}),
    ],
)
def test_an_answer_that_breaks_a_check_has_not_passed_it(text: str, schema: dict[str, Any]) -> None:
    assert len(problems(text, kind="json_schema", schema=schema)) == 1


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"choices": [3]}, {"choices": {"a": 1}}])
def test_an_answer_without_a_message_fails_each_check(answer: dict[str, Any]) -> None:
    check = READ.validate_python({"kind": "max_length", "characters": 5})
    assert [each.check for each in failed_checks([check], answer, KNOWN)] == ["max_length"]


@pytest.mark.parametrize("content", [3, ["x"], {"a": 1}, True])
def test_an_answer_that_is_no_text_fails_each_check(content: object) -> None:
    check = READ.validate_python({"kind": "max_length", "characters": 5})
    answer = {"choices": [{"message": {"content": content}}]}
    assert [each.check for each in failed_checks([check], answer, KNOWN)] == ["max_length"]


def test_an_operator_s_broken_check_is_a_problem_not_a_crash() -> None:
    assert problems("x", kind="named", name="breaks") == ["the check 'breaks' broke with KeyError"]


def test_a_tool_call_is_not_checked_yet() -> None:
    answer = {"choices": [{"message": {"content": None, "tool_calls": [{"id": "1"}]}}]}
    assert (
        failed_checks([READ.validate_python({"kind": "regex", "pattern": "x"})], answer, {}) == ()
    )


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"kind": "regex", "pattern": "("}, "the pattern is invalid"),
        ({"kind": "json_schema", "schema": {"type": "nothing"}}, "the schema is invalid at $.type"),
        (
            {"kind": "json_schema", "schema": {"items": [{"patternProperties": {}}]}},
            "the schema is invalid",
        ),
        (
            {"kind": "json_schema", "schema": {"anyOf": [{"patternProperties": {"a": {}}}]}},
            "patternProperties isn't supported",
        ),
        ({"kind": "contains", "texts": ["a"] * 101}, "texts of a contains check: 101 texts"),
        (
            {"kind": "named", "name": "missing"},
            "no check is called 'missing'; there are: no_digits",
        ),
    ],
)
def test_an_invalid_check_is_told_to_its_sender(told: dict[str, Any], words: str) -> None:
    good = READ.validate_python({"kind": "regex", "pattern": "x"})
    message = invalid_checks([good, READ.validate_python(told)], KNOWN)
    assert message is not None
    assert message.startswith(f"validators.1 ({told['kind']}): {words}")
    assert invalid_checks([good], KNOWN) is None


def test_a_repair_shows_the_model_its_answer_and_what_is_wrong() -> None:
    body = ChatBody.model_validate({"messages": [{"role": "user", "content": "Name one."}]})
    answer = {"choices": [{"message": {"content": "ada"}}]}
    repaired = repair_request(
        body, answer, [CheckProblem("regex", "the whole of it must match 'A.*'")]
    )
    assert [message["role"] for message in repaired.messages] == ["user", "assistant", "user"]
    assert repaired.messages[1].get("content") == "ada"
    assert "must match 'A.*'" in str(repaired.messages[2].get("content"))


def test_named_checks_are_loaded_by_their_place() -> None:
    assert load_checks({"upper": "builtins:str"})["upper"] is str
    with pytest.raises(ValueError, match=r"validators\.x: 'no\.such:f' can't be loaded"):
        load_checks({"x": "no.such:f"})
