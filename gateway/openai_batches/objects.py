"""Objects of files and batches: what `/v1/files` and `/v1/batches` answer.

All that the SDK requires is always there; an id of a result file only once the file can be read,
and only if there are lines in it.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from producers.contract.job_record import FileRecord, JobRecord
from producers.jobs.progress import JobProgress, ended

_E = TypeVar("_E", FileRecord, JobRecord)
OUTPUT = "file-out-"
ERRORS = "file-err-"
_OVER = frozenset({"completed", "expired", "cancelled", "failed"})


def file_object(file: FileRecord) -> dict[str, Any]:
    """An uploaded file."""
    return _file(file.id, file.size, file.created_ms, file.filename, file.purpose)


def result_file_object(job: JobRecord, progress: JobProgress, *, errors: bool) -> dict[str, Any]:
    """A result file: made when it is read, so its size isn't known before."""
    name = f"{ERRORS if errors else OUTPUT}{job.id}"
    return _file(name, 0, progress.last_ms, f"{job.id}.jsonl", "batch_output")


def _file(name: str, size: int, created_ms: int, filename: str, purpose: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "file",
        "bytes": size,
        "created_at": created_ms // 1000,
        "filename": filename,
        "purpose": purpose,
        "status": "processed",
        "expires_at": None,
        "status_details": None,
    }


def batch_object(job: JobRecord, progress: JobProgress, now_ms: int) -> dict[str, Any]:
    """A batch. Lines that were no requests count as failed, as requests without an answer do."""
    status, total = batch_status_word(job, progress, now_ms), job.lines or 0
    over = status in _OVER
    return {
        "id": job.id,
        "object": "batch",
        "endpoint": job.endpoint,
        "errors": _errors(job),
        "input_file_id": job.input_file,
        "completion_window": job.window,
        "status": status,
        "output_file_id": f"{OUTPUT}{job.id}" if over and progress.completed else None,
        "error_file_id": f"{ERRORS}{job.id}" if over and total > progress.completed else None,
        "created_at": job.created_ms // 1000,
        "in_progress_at": None if job.submitted_ms is None else job.submitted_ms // 1000,
        "expires_at": job.deadline_ms // 1000,
        "finalizing_at": None,
        "cancelling_at": None if job.cancel_ms is None else job.cancel_ms // 1000,
        **_ends(job, progress, status),
        "request_counts": _counts(job, progress),
        "metadata": job.metadata or None,
    }


def _ends(job: JobRecord, progress: JobProgress, status: str) -> dict[str, int | None]:
    """The time of the end under the name of its state, null under the others."""
    at_ms = max(progress.last_ms, job.submitted_ms or 0, job.created_ms)
    return {f"{word}_at": at_ms // 1000 if word == status else None for word in sorted(_OVER)}


def _counts(job: JobRecord, progress: JobProgress) -> dict[str, int]:
    failed = progress.failed + job.wrong
    return {"total": job.lines or 0, "completed": progress.completed, "failed": failed}


def batch_status_word(job: JobRecord, progress: JobProgress, now_ms: int) -> str:
    """One of OpenAI's eight words."""
    if job.problem:
        return "failed"
    if ended(job, progress):
        if job.cancel_ms is not None:
            return "cancelled"
        late = now_ms > job.deadline_ms and progress.failed > 0
        return "expired" if late else "completed"
    if job.cancel_ms is not None:
        return "cancelling"
    return "validating" if job.submitted_ms is None else "in_progress"


def page(
    entries: Sequence[_E], after: str | None, limit: int, show: Callable[[_E], dict[str, Any]]
) -> dict[str, Any]:
    """A page of a list, the newest first. after: the last id of the page before.

    Only what is on the page is shown: a tenant may have thousands.
    """
    names = [entry.id for entry in entries]
    begin = names.index(after) + 1 if after in names else 0
    shown = [show(entry) for entry in entries[begin : begin + limit]]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(entries) > begin + len(shown),
    }


def _errors(job: JobRecord) -> dict[str, Any] | None:
    if not job.problem:
        return None
    data = [{"code": "invalid_file", "message": job.problem, "line": None, "param": None}]
    return {"object": "list", "data": data}
