"""Job lines: a line of OpenAI's batch file as a request, and a reply as a line of a result file.

A line that is no request becomes a line of the error file, and costs the others nothing.
"""

import json
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from pydantic import ValidationError
from pydantic_core import from_json

from ..contract.codec import MAX_MESSAGE_VALUES
from ..contract.job_record import JobRecord
from ..contract.reply import Done, Failed
from ..contract.request import Request
from ..json_values import too_many_values

LONGEST_JOB_LINE: Final = 1_000_000
"""Bytes: of a request."""
MAX_JOB_LINES: Final = 200_000
"""Of one job, blank ones included: each is remembered while the file is read."""
LONGEST_ID: Final = 512
_JOB_ID: Final = "batch_"
_JOB_ID_CHARACTERS: Final = 30
ENDPOINT: Final = "/v1/chat/completions"
"""The interface that lines may be written for."""
DEMANDS: Final = "switchgear"
"""The field of a body with routing demands, as over HTTP."""
_STATUS: Final = {
    "deadline_exceeded": ("batch_expired", None),
    "cancelled": ("batch_cancelled", None),
    "invalid_request": ("invalid_request", 400),
    "budget_exceeded": ("insufficient_quota", 429),
}


@dataclass(frozen=True, slots=True)
class LineRequest:
    """A line that is a request. custom_id: the caller's."""

    line: int
    custom_id: str
    request: Request


@dataclass(frozen=True, slots=True)
class WrongLine:
    """A line that is none."""

    line: int
    custom_id: str | None
    code: str
    message: str


JobLine: TypeAlias = LineRequest | WrongLine


class LineReader:
    """Reads the lines of one job, in order: an id may come once."""

    def __init__(self, job: JobRecord) -> None:
        self._job = job
        self._seen: set[str] = set()
        self._line = -1

    def read(self, raw: bytes) -> JobLine | None:
        """The next line; None for a blank one."""
        if not raw.strip():
            return None
        self._line += 1
        try:
            return self._read(raw)
        except WrongLineError as error:
            return WrongLine(self._line, error.custom_id, error.code, str(error))

    def _read(self, raw: bytes) -> LineRequest:
        if len(raw) > LONGEST_JOB_LINE:
            raise WrongLineError("line_too_long", f"at most {LONGEST_JOB_LINE:,} bytes")
        if too_many_values(raw, MAX_MESSAGE_VALUES):
            raise WrongLineError("too_many_values", f"at most {MAX_MESSAGE_VALUES:,} values")
        try:
            told = from_json(raw, allow_inf_nan=False)
        except ValueError:
            raise WrongLineError("invalid_json_line", "the line is not valid JSON") from None
        custom_id = told.get("custom_id") if isinstance(told, dict) else None
        if not isinstance(custom_id, str) or not 0 < len(custom_id) <= LONGEST_ID:
            words = f"custom_id: a text of 1 to {LONGEST_ID} characters is needed"
            raise WrongLineError("invalid_custom_id", words)
        if custom_id in self._seen:
            raise WrongLineError("duplicate_custom_id", "custom_id: came before", custom_id)
        self._seen.add(custom_id)
        if told.get("method") != "POST" or told.get("url") != self._job.endpoint:
            words = f"method and url must be POST and {self._job.endpoint}"
            raise WrongLineError("url_mismatch", words, custom_id)
        return LineRequest(self._line, custom_id, self._request(told.get("body"), custom_id))

    def _request(self, body: object, custom_id: str) -> Request:
        if not isinstance(body, dict):
            raise WrongLineError("invalid_request", "body: an object is needed", custom_id)
        if body.get("stream"):
            raise WrongLineError("invalid_request", "stream: not in a batch", custom_id)
        routing = body.pop(DEMANDS, None) or {}
        if not isinstance(routing, dict):
            raise WrongLineError("invalid_request", f"{DEMANDS}: an object is needed", custom_id)
        job = self._job
        told = {
            "id": job.request_id(self._line),
            "tenant": job.tenant,
            "body": body,
            "routing": {"latency": "batch", **routing},
        }
        try:
            return Request.model_validate(told)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(step)[:100] for step in first["loc"])
            raise WrongLineError("invalid_request", f"{where}: {first['msg']}", custom_id) from None


class WrongLineError(Exception):
    """Why a line is no request."""

    def __init__(self, code: str, words: str, custom_id: str | None = None) -> None:
        super().__init__(words)
        self.code = code
        self.custom_id = custom_id


def line_of_request(job: JobRecord, request_id: str | None) -> int | None:
    """The line that a reply's request came from; None: of another job, or of none.

    Whoever sends requests chooses their ids, so a number may be of any size.
    """
    head, _, digits = (request_id or "").rpartition("-")
    if head != job.id or not (digits.isascii() and digits.isdigit()):
        return None
    number = int(digits)
    return number if number < MAX_JOB_LINES else None


def job_of(request_id: str) -> str | None:
    """The job whose line a request of this id would be; None: it is no job's."""
    head, _, digits = request_id.rpartition("-")
    is_job = len(head) == _JOB_ID_CHARACTERS and head.startswith(_JOB_ID)
    return head if is_job and digits.isascii() and digits.isdigit() else None


def output_line(job: JobRecord, line: int, custom_id: str, done: Done) -> bytes:
    """A line of the output file."""
    response = {"status_code": 200, "request_id": job.request_id(line), "body": done.body}
    return _line(job, line, custom_id, response, None)


def error_line(job: JobRecord, line: int, custom_id: str | None, failed: Failed) -> bytes:
    """A line of the error file, of a request that failed."""
    code, status = _STATUS.get(failed.code, (failed.code, 503 if failed.retryable else 400))
    error = {"code": code, "message": failed.message}
    if status is None:
        return _line(job, line, custom_id, None, error)
    body = {"error": {**error, "type": "invalid_request_error" if status < 500 else "server_error"}}  # noqa: PLR2004 HTTP's
    response = {"status_code": status, "request_id": job.request_id(line), "body": body}
    return _line(job, line, custom_id, response, None)


def wrong_line(job: JobRecord, wrong: WrongLine) -> bytes:
    """A line of the error file, of a line that was none."""
    error = {"code": wrong.code, "message": wrong.message, "line": wrong.line + 1}
    return _line(job, wrong.line, wrong.custom_id, None, error)


def undone_line(job: JobRecord, line: int, custom_id: str, code: str) -> bytes:
    """A line of the error file, of a request that has no reply although the job has ended."""
    return _line(job, line, custom_id, None, {"code": code, "message": "it was not done"})


def _line(
    job: JobRecord,
    line: int,
    custom_id: str | None,
    response: dict[str, Any] | None,
    error: dict[str, Any] | None,
) -> bytes:
    told = {
        "id": f"batch_req_{job.request_id(line)}",
        "custom_id": custom_id,
        "response": response,
        "error": error,
    }
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"
