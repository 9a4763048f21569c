import io
import json
from collections.abc import Iterator

import pytest

from observability.evaluation.data_sets import own_cases
from observability.evaluation.data_sets.csv_table import UnusableLineError
from observability.evaluation.data_sets.own_cases import csv_cases, file_lines, jsonl_cases


def lines_of(text: str | bytes) -> Iterator[bytes]:
    return file_lines(io.BytesIO(text.encode() if isinstance(text, str) else text))


def test_a_line_of_json_is_a_case() -> None:
    line = {"prompt": "2+2?", "system": "Short.", "reference": 4, "body": {"max_tokens": 9}}
    (case,) = jsonl_cases([b"\n", json.dumps(line).encode()], "me")
    assert [message["role"] for message in case.body.messages] == ["system", "user"]
    assert (case.tenant, case.reference, case.body.max_tokens) == ("me", "4", 9)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("begin", ["", "\ufeff"])
def test_a_row_of_csv_is_a_case(delimiter: str, begin: str) -> None:
    rows = 'id,Prompt,reference,task\r\na,"one, ;\t| two\nlines",3,sums\r\n\r\nb,four,,\r\n'
    quoted = rows.split('"')
    text = '"'.join(
        (quoted[0].replace(",", delimiter), quoted[1], quoted[2].replace(",", delimiter))
    )
    first, second = csv_cases(lines_of(begin + text), "me")
    assert (first.id, first.task, first.reference) == ("a", "sums", "3")
    assert first.body.messages[0]["content"] == "one, ;\t| two\nlines"
    assert (second.id, second.task, second.reference) == ("b", "other", None)


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    (case,) = jsonl_cases(lines_of("\ufeff" + json.dumps({"prompt": "x"})), "me")
    assert case.id == "000001"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "line 1: no JSON"),
        ("\n[]", "line 2: must be a JSON object"),
        ('{"reference": "x"}', "line 1: neither `prompt` nor `messages`"),
        ('{"prompt": 7}', "line 1: body.messages"),
        ('{"prompt": "x", "id": "a/b"}', "line 1: id"),
        ('{"prompt": "x", "body": 3}', "line 1: body: must be a JSON object"),
        ('{"prompt": "' + "x" * 1_000_001 + '"}', "line 1: more than 1,000,000 bytes"),
        ('{"prompt": "x"}\n{"prompt": "\\ud800"}', "line 2: no JSON: .* hex escape"),
        (b'{"prompt": "\xff"}', "line 1: no JSON: invalid unicode"),
        ("[" * 100_000, "line 1: no JSON: recursion limit"),
        ('{"prompt": "x", "id": 1}\n\n{"prompt": "y", "id": "1"}', "line 3: .* that of line 1"),
    ],
)
def test_what_is_no_case_says_where_and_why(text: str | bytes, words: str) -> None:
    with pytest.raises(UnusableLineError, match=words):
        list(jsonl_cases(lines_of(text), "me"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: no column `messages` or `prompt`"),
        ("id,question\na,x\n", "line 1: no column .* there are: 'id', 'question'"),
        ("prompt,prompt\n", "line 1: the column 'prompt' is there twice"),
        ('prompt,id\n"a\nb",1\nx,2,3\n', "line 4: 3 fields, and the header has 2"),
        ('prompt,id\na,1\n"b,2\n', "line 3: unexpected end of data"),
        ("id,prompt\na,x\na,y\n", "line 3: the id 'a' is that of line 2"),
        (b"prompt\nx\n\xe4\n", "line 3: byte 1: no UTF-8"),
        ("id,prompt\nx,\n", "line 2: neither `prompt`"),
    ],
)
def test_a_table_that_has_no_cases_says_where_and_why(text: str | bytes, words: str) -> None:
    with pytest.raises(UnusableLineError, match=words):
        list(csv_cases(lines_of(text), "me"))


def test_a_file_has_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_cases, "MAX_CASES_FILE_BYTES", 30)
    monkeypatch.setattr(own_cases, "MAX_CASES", 2)
    three = b'{"prompt": "x"}\n' * 3
    with pytest.raises(UnusableLineError, match="line 3: more than 2 cases"):
        list(jsonl_cases(three.splitlines(), "me"))
    with pytest.raises(UnusableLineError, match="line 2: more than 30 bytes of file"):
        list(lines_of(three))
