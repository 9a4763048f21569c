"""Cases of one's own: a line of JSONL or a row of CSV as a case.

Fields: `prompt` (or `messages`), and any of `id`, `reference`, `task`, `context`, `system`,
`group`, `user`; in JSONL also `body`, any parameter of OpenAI's Chat Completions, and `validators`.
What is wrong is said with the number of its line.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

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
_DELIMITERS: Final = ",;\t|"
_BOM: Final = b"\xef\xbb\xbf"
_SHOWN: Final = 60
"""Characters of a foreign name in an error."""


class WrongCaseError(ValueError):
    """A line is no case; the message says which and what is wrong."""


class _Ids:
    """The ids so far, with the lines they are from."""

    def __init__(self) -> None:
        self._lines: dict[str, int] = {}

    def add(self, case: EvaluationCase, number: int) -> EvaluationCase:
        """The case. Raises WrongCaseError if its id is another's."""
        first = self._lines.setdefault(case.id, number)
        if first != number:
            raise WrongCaseError(f"line {number}: the id {case.id!r} is that of line {first}, too")
        if len(self._lines) > MAX_CASES:
            raise WrongCaseError(f"line {number}: more than {MAX_CASES:,} cases")
        return case


def file_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file in binary mode, none of which is read beyond its limit.

    Raises WrongCaseError.
    """
    size, number = 0, 0
    while line := file.readline(MAX_CASE_BYTES + 1):
        number += 1
        size += len(line)
        if len(line) > MAX_CASE_BYTES:
            raise WrongCaseError(f"line {number}: more than {MAX_CASE_BYTES:,} bytes")
        if size > MAX_CASES_FILE_BYTES:
            raise WrongCaseError(f"line {number}: more than {MAX_CASES_FILE_BYTES:,} bytes of file")
        yield line


def jsonl_cases(lines: Iterable[bytes], tenant: str) -> Iterator[EvaluationCase]:
    """The cases of JSON lines; blank ones are passed over. Raises WrongCaseError."""
    ids = _Ids()
    for number, raw in enumerate(lines, 1):
        line = raw.removeprefix(_BOM) if number == 1 else raw
        if not line.strip():
            continue
        if len(line) > MAX_CASE_BYTES:
            raise WrongCaseError(f"line {number}: more than {MAX_CASE_BYTES:,} bytes")
        try:
            fields = from_json(line, allow_inf_nan=False)
        except ValueError as error:
            raise WrongCaseError(f"line {number}: no JSON: {_in_the_line(error)}") from None
        if not isinstance(fields, dict):
            raise WrongCaseError(f"line {number}: must be a JSON object")
        yield ids.add(_case(fields, number, tenant), number)


def csv_cases(lines: Iterable[bytes], tenant: str) -> Iterator[EvaluationCase]:
    """The cases of CSV with a header, parted by comma, semicolon, tab or bar.

    Raises WrongCaseError.
    """
    texts = _texts(lines)
    header = next(texts, "")
    delimiter = max(_DELIMITERS, key=lambda each: len(_KNOWN & set(_columns(header, each))))
    columns = _columns(header, delimiter)
    if not _ASKED & set(columns):
        names = ", ".join(repr(name[:_SHOWN]) for name in columns[:20])
        raise WrongCaseError(f"line 1: no column `prompt` or `messages`; there are: {names}")
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise WrongCaseError(f"line 1: the column {twice[:_SHOWN]!r} is there twice")
    csv.field_size_limit(MAX_CASE_BYTES)
    reader, ids = csv.reader(texts, delimiter=delimiter, strict=True), _Ids()
    begins = 2
    try:
        for row in reader:
            number, begins = begins, reader.line_num + 2
            if not any(row):
                continue
            if len(row) > len(columns):
                more = f"{len(row)} fields, and the header has {len(columns)}"
                raise WrongCaseError(f"line {number}: {more}; is a quote missing?")
            named = {name: value for name, value in zip(columns, row, strict=False) if value}
            yield ids.add(_case(named, number, tenant), number)
    except csv.Error as error:
        raise WrongCaseError(f"line {begins}: {error}") from None


def _texts(lines: Iterable[bytes]) -> Iterator[str]:
    """Raises WrongCaseError for what isn't UTF-8."""
    for number, line in enumerate(lines, 1):
        try:
            yield (line.removeprefix(_BOM) if number == 1 else line).decode()
        except UnicodeDecodeError as error:
            where = f"line {number}: byte {error.start + 1}"
            raise WrongCaseError(f"{where}: no UTF-8, as which the file must be saved") from None


def _columns(header: str, delimiter: str) -> list[str]:
    row = next(csv.reader([header], delimiter=delimiter), [])
    return [name.strip().lower() for name in row]


def _in_the_line(error: ValueError) -> str:
    """The reader counts the lines of what it got, which is one."""
    return str(error).replace("at line 1 column", "at column")


def _case(fields: Mapping[str, Any], number: int, tenant: str) -> EvaluationCase:
    body = fields.get("body")
    if body is not None and not isinstance(body, Mapping):
        raise WrongCaseError(f"line {number}: body: must be a JSON object")
    body = dict(body or {})
    if "messages" in fields:
        body["messages"] = fields["messages"]
    elif "prompt" in fields:
        system = fields.get("system")
        first = [{"role": "system", "content": system}] if system else []
        body["messages"] = [*first, {"role": "user", "content": fields["prompt"]}]
    elif "messages" not in body:
        raise WrongCaseError(f"line {number}: neither `prompt` nor `messages`")
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
        raise WrongCaseError(f"line {number}: {where}: {first_error['msg']}") from None
