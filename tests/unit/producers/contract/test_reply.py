from typing import Any

import pytest

from producers.contract import answer_message, answer_text


def completion(message: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message}]}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (completion({"content": "42"}), "42"),
        (completion({"content": ""}), None),
        (completion({"content": None, "tool_calls": [{"id": "c"}]}), None),
        (completion({"content": [{"type": "text", "text": "42"}]}), None),
        (completion(None), None),
        ({"choices": []}, None),
        ({"choices": None}, None),
        ({}, None),
    ],
)
def test_the_text_of_an_answer_is_its_first_choices_content(
    body: dict[str, Any], text: str | None
) -> None:
    assert answer_text(body) == text


def test_the_message_of_an_answer_is_empty_where_there_is_none() -> None:
    message = {"content": None, "refusal": "no"}
    assert answer_message(completion(message)) == message
    assert answer_message({}) == {}
