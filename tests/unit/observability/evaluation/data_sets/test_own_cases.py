import json

import pytest

from observability.evaluation.data_sets.own_cases import (
    WrongCaseError,
    csv_cases,
    jsonl_cases,
)


def test_a_line_of_json_is_a_case() -> None:
    line = {"prompt": "2+2?", "system": "Short.", "reference": "4", "body": {"max_tokens": 9}}
    (case,) = jsonl_cases([b"\n", json.dumps(line).encode()], "me")
    assert [message["role"] for message in case.body.messages] == ["system", "user"]
    assert (case.tenant, case.reference, case.body.max_tokens) == ("me", "4", 9)


def test_a_row_of_csv_is_a_case() -> None:
    rows = ["id,prompt,reference,task\r\n", 'a,"one, two",3,sums\r\n', "b,four,,\r\n"]
    first, second = csv_cases(rows, "me")
    assert (first.id, first.task, first.reference) == ("a", "sums", "3")
    assert (second.id, second.task, second.reference) == ("b", "other", None)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "line 1: no JSON"),
        (b"[]", "line 1: must be a JSON object"),
        (b'{"reference": "x"}', "neither `prompt` nor `messages`"),
        (b'{"prompt": 7}', "body.messages"),
        (b'{"prompt": "x", "id": "a/b"}', "id"),
        (b'{"prompt": "' + b"x" * 1_000_001 + b'"}', "bytes"),
    ],
)
def test_what_is_no_case_says_where_and_why(line: bytes, words: str) -> None:
    with pytest.raises(WrongCaseError, match=words):
        list(jsonl_cases([line], "me"))
