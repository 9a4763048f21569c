"""Streams of more calls or fields than a model makes: refused, since each costs when they end."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from runtime import limits
from workers.providers.base.dialect import Answer
from workers.providers.openai.request import OpenAiDialect


def chunk(reason: str | None = None, **delta: Any) -> bytes:  # noqa: ANN401 JSON
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def calls(number: int) -> Iterator[Mapping[str, Any]]:
    function = {"name": "f", "arguments": "{}"}
    return (
        {"tool_calls": [{"index": n, "id": f"c{n}", "function": function}]} for n in range(number)
    )


def fields(number: int) -> Iterator[Mapping[str, Any]]:
    return ({f"field{n}": "x"} for n in range(number))


def fields_of_one(number: int) -> Iterator[Mapping[str, Any]]:
    return ({"audio": {f"field{n}": "x"}} for n in range(number))


@pytest.mark.parametrize("deltas", [calls, fields, fields_of_one])
def test_so_many_are_taken_and_no_more(deltas: Any) -> None:  # noqa: ANN401 one of those above
    most = limits.PROVIDER_PIECES.value
    assert isinstance(read(deltas(most)), Answer)
    with pytest.raises(ValueError, match="at most 4,096 may be"):
        read(deltas(most + 1))


def read(deltas: Iterator[Mapping[str, Any]]) -> object:
    reader = OpenAiDialect().stream_reader()
    for delta in deltas:
        list(reader.feed(chunk(**delta)))
    list(reader.feed(chunk("stop") + b"data: [DONE]\n\n"))
    return reader.result()
