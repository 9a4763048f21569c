"""Answer limits: an answer that a provider sent against its request's limits isn't kept."""

from typing import Any

import pytest

from cache.identity.answer_limits import exceeded_limit, limits_of
from producers.contract import ChatBody


def exceeded(*texts: str, tokens: int = 5, **limits: object) -> str | None:
    asked = {"messages": [{"role": "user", "content": "Why?"}], **limits}
    choices = [{"message": {"content": text}, "finish_reason": "stop"} for text in texts]
    answer: dict[str, Any] = {"choices": choices}
    return exceeded_limit(limits_of(ChatBody.model_validate(asked)), answer, tokens)


@pytest.mark.parametrize(
    ("limits", "texts", "tokens"),
    [
        ({}, ["so"], 10_000),
        ({"n": 2}, ["a", "b"], 5),
        ({"max_tokens": 5}, ["so"], 5),
        ({"max_tokens": 3, "max_completion_tokens": 9}, ["so"], 9),
        ({"max_tokens": 5, "n": 2}, ["a", "b"], 10),
        ({"stop": "END"}, ["the end"], 5),
        ({"stop": None}, ["END"], 5),
        ({"stop": [""]}, ["END"], 5),
        ({"response_format": {"type": "json_object"}}, ['{"a": 1}'], 5),
        ({"response_format": {"type": "text"}}, ["{"], 5),
    ],
)
def test_what_keeps_to_the_limits(limits: dict[str, object], texts: list[str], tokens: int) -> None:
    assert exceeded(*texts, tokens=tokens, **limits) is None


@pytest.mark.parametrize(
    ("limits", "texts", "tokens", "broken"),
    [
        ({"n": 2}, ["a"], 5, "n"),
        ({}, ["a", "b"], 5, "n"),
        ({"max_tokens": 5}, ["so"], 6, "max_tokens"),
        ({"max_tokens": 90, "max_completion_tokens": 5}, ["so"], 6, "max_tokens"),
        ({"stop": "END"}, ["the END of it"], 5, "stop"),
        ({"stop": ["\n", "END"], "n": 2}, ["a", "b\nc"], 5, "stop"),
        ({"response_format": {"type": "json_object"}}, ["{oops"], 5, "response_format"),
        ({"response_format": {"type": "json_schema"}}, ["Sure: {}"], 5, "response_format"),
    ],
)
def test_what_breaks_a_limit_names_it(
    limits: dict[str, object], texts: list[str], tokens: int, broken: str
) -> None:
    assert exceeded(*texts, tokens=tokens, **limits) == broken
