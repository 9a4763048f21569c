"""Cases of one's own: a line of JSONL or a row of CSV as a case.

Fields: `prompt` (or `messages`), and any of `id`, `reference`, `task`, `context`, `system`,
`group`, `user`; in JSONL also `body`, any parameter of OpenAI's Chat Completions, and `validators`.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from observability.evaluation.data_sets.evaluation_case import EvaluationCase

MAX_CASES: Final = 200_000
"""Of one data set."""
MAX_CASE_BYTES: Final = 1_000_000
"""Of one line: of a request."""
_PLAIN: Final = ("reference", "task", "context", "group", "user", "validators")


class WrongCaseError(ValueError):
    """A line is no case; the message says which and what is wrong."""


def jsonl_cases(lines: Iterable[bytes], tenant: str) -> Iterator[EvaluationCase]:
    """The cases of JSON lines; blank ones are passed over. Raises WrongCaseError."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(line) > MAX_CASE_BYTES:
            raise WrongCaseError(f"line {number}: more than {MAX_CASE_BYTES:,} bytes")
        try:
            fields = from_json(line, allow_inf_nan=False)
        except ValueError as error:
            raise WrongCaseError(f"line {number}: no JSON: {error}") from None
        if not isinstance(fields, dict):
            raise WrongCaseError(f"line {number}: must be a JSON object")
        yield _case(fields, number, tenant)


def csv_cases(lines: Iterable[str], tenant: str) -> Iterator[EvaluationCase]:
    """The cases of CSV with a header. Raises WrongCaseError."""
    reader = csv.DictReader(lines)
    try:
        for number, row in enumerate(reader, 1):
            named = {name: value for name, value in row.items() if name and value}
            yield _case(named, number, tenant)
    except csv.Error as error:
        raise WrongCaseError(f"row {reader.line_num}: {error}") from None


def _case(fields: Mapping[str, Any], number: int, tenant: str) -> EvaluationCase:
    if number > MAX_CASES:
        raise WrongCaseError(f"more than {MAX_CASES:,} cases")
    body = fields.get("body")
    body = dict(body) if isinstance(body, Mapping) else {}
    if "messages" in fields:
        body["messages"] = fields["messages"]
    elif "prompt" in fields:
        system = fields.get("system")
        first = [{"role": "system", "content": system}] if system else []
        body["messages"] = [*first, {"role": "user", "content": fields["prompt"]}]
    elif "messages" not in body:
        raise WrongCaseError(f"case {number}: neither `prompt` nor `messages`")
    plain = {name: fields[name] for name in _PLAIN if fields.get(name) not in (None, "")}
    whole = {"id": fields.get("id") or f"{number:06}", "tenant": tenant, "body": body, **plain}
    try:
        return EvaluationCase.model_validate(whole)
    except ValidationError as error:
        first_error = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first_error["loc"]))[:200]
        raise WrongCaseError(f"case {number}: {where}: {first_error['msg']}") from None
