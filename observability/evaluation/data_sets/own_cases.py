"""Cases of one's own: a line of JSONL or a row of CSV as a case.

Fields: `prompt` (or `messages`), and any of `id`, `reference`, `task`, `context`, `system`,
`group`, `user`; in JSONL also `body`, any parameter of OpenAI's Chat Completions, and `validators`.
What is wrong is said with the number of its line.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from observability.evaluation.data_sets.csv_table import (
    BYTE_ORDER_MARK,
    UnusableLineError,
    table_rows,
)
from observability.evaluation.data_sets.evaluation_case import EvaluationCase

MAX_CASES: Final = 200_000
"""Of one data set."""
MAX_CASE_BYTES: Final = 1_000_000
"""Of one line: of a request."""
MAX_CASES_FILE_BYTES: Final = 1_073_741_824
"""Of an imported file: its cases are held in memory."""
_PLAIN: Final = ("reference", "task", "context", "group", "user", "validators")
_KNOWN: Final = frozenset({*_PLAIN, "id", "prompt", "messages", "system", "body"})
_ASKED: Final = frozenset({"prompt", "messages"})


class _Ids:
    """The ids so far, with the lines they are from."""

    def __init__(self) -> None:
        self._lines: dict[str, int] = {}

    def add(self, case: EvaluationCase, number: int) -> EvaluationCase:
        """The case. Raises UnusableLineError if its id is another's."""
        first = self._lines.setdefault(case.id, number)
        if first != number:
            raise UnusableLineError(
                f"line {number}: the id {case.id!r} is that of line {first}, too"
            )
        if len(self._lines) > MAX_CASES:
            raise UnusableLineError(f"line {number}: more than {MAX_CASES:,} cases")
        return case


def file_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file in binary mode, none of which is read beyond its limit.

    Raises UnusableLineError.
    """
    size, number = 0, 0
    while line := file.readline(MAX_CASE_BYTES + 1):
        number += 1
        size += len(line)
        if len(line) > MAX_CASE_BYTES:
            raise UnusableLineError(f"line {number}: more than {MAX_CASE_BYTES:,} bytes")
        if size > MAX_CASES_FILE_BYTES:
            raise UnusableLineError(
                f"line {number}: more than {MAX_CASES_FILE_BYTES:,} bytes of file"
            )
        yield line


def jsonl_cases(lines: Iterable[bytes], tenant: str) -> Iterator[EvaluationCase]:
    """The cases of JSON lines; blank ones are passed over. Raises UnusableLineError."""
    ids = _Ids()
    for number, raw in enumerate(lines, 1):
        line = raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw
        if not line.strip():
            continue
        if len(line) > MAX_CASE_BYTES:
            raise UnusableLineError(f"line {number}: more than {MAX_CASE_BYTES:,} bytes")
        try:
            fields = from_json(line, allow_inf_nan=False)
        except ValueError as error:
            raise UnusableLineError(f"line {number}: no JSON: {_in_the_line(error)}") from None
        if not isinstance(fields, dict):
            raise UnusableLineError(f"line {number}: must be a JSON object")
        yield ids.add(_case(fields, number, tenant), number)


def csv_cases(lines: Iterable[bytes], tenant: str) -> Iterator[EvaluationCase]:
    """The cases of CSV with a header, parted by comma, semicolon, tab or bar.

    Raises UnusableLineError.
    """
    ids = _Ids()
    for number, row in table_rows(lines, _KNOWN, _ASKED, MAX_CASE_BYTES):
        yield ids.add(_case(row, number, tenant), number)


def _in_the_line(error: ValueError) -> str:
    """The reader counts the lines of what it got, which is one."""
    return str(error).replace("at line 1 column", "at column")


def _case(fields: Mapping[str, Any], number: int, tenant: str) -> EvaluationCase:
    body = fields.get("body")
    if body is not None and not isinstance(body, Mapping):
        raise UnusableLineError(f"line {number}: body: must be a JSON object")
    body = dict(body or {})
    if "messages" in fields:
        body["messages"] = fields["messages"]
    elif "prompt" in fields:
        system = fields.get("system")
        first = [{"role": "system", "content": system}] if system else []
        body["messages"] = [*first, {"role": "user", "content": fields["prompt"]}]
    elif "messages" not in body:
        raise UnusableLineError(f"line {number}: neither `prompt` nor `messages`")
    plain = {name: fields[name] for name in _PLAIN if fields.get(name) not in (None, "")}
    if type(plain.get("reference")) in {int, float}:
        plain["reference"] = f"{plain['reference']:.15g}"
    name = fields.get("id")
    name = f"{number:06}" if name in (None, "") else str(name) if type(name) is int else name
    whole = {"id": name, "tenant": tenant, "body": body, **plain}
    try:
        return EvaluationCase.model_validate(whole)
    except ValidationError as error:
        first_error = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first_error["loc"]))[:200]
        raise UnusableLineError(f"line {number}: {where}: {first_error['msg']}") from None
