"""Objects of `/v1/files` and `/v1/batches`: what the official SDK requires, in each state."""

from typing import Any

import pytest
from openai.types import Batch, FileObject

from gateway.openai_batches.objects import (
    batch_object,
    batch_status_word,
    file_object,
    page,
    result_file_object,
)
from producers.contract.job_record import FileRecord, JobRecord
from producers.jobs.progress import JobProgress

FILE = "file-0123456789abcdef01234567"


def job(**changes: Any) -> JobRecord:  # noqa: ANN401 its fields
    told = {
        "id": "batch_0123456789abcdef01234567",
        "tenant": "t",
        "input_file": FILE,
        "created_ms": 1_000,
        "deadline_ms": 100_000,
        **changes,
    }
    return JobRecord.model_validate(told)


SUBMITTED = {"lines": 3, "wrong": 1, "submitted_ms": 2_000}


@pytest.mark.parametrize(
    ("changes", "progress", "now_ms", "word"),
    [
        ({}, JobProgress(), 5_000, "validating"),
        (SUBMITTED, JobProgress(completed=1), 5_000, "in_progress"),
        (SUBMITTED, JobProgress(completed=2), 5_000, "completed"),
        (SUBMITTED, JobProgress(completed=1, failed=1), 100_001, "expired"),
        ({**SUBMITTED, "cancel_ms": 1}, JobProgress(completed=1), 5_000, "cancelling"),
        ({**SUBMITTED, "cancel_ms": 1}, JobProgress(failed=2), 5_000, "cancelled"),
        ({"problem": "the input file is gone"}, JobProgress(), 5_000, "failed"),
    ],
)
def test_each_state_has_openais_word_and_shape(
    changes: dict[str, Any], progress: JobProgress, now_ms: int, word: str
) -> None:
    record = job(**changes)
    assert batch_status_word(record, progress, now_ms) == word
    told = batch_object(record, progress, now_ms)
    batch = Batch.model_validate(told, strict=True)
    assert batch.request_counts is not None
    over = word in {"completed", "expired", "cancelled"}
    assert (batch.output_file_id is not None) == (over and progress.completed > 0)
    assert (batch.error_file_id is not None) == over
    assert (batch.errors is not None) == (word == "failed")


def test_files_are_openais() -> None:
    file = FileRecord(id=FILE, tenant="t", filename="in", size=3, pieces=1, created_ms=1_000)
    FileObject.model_validate(file_object(file), strict=True)
    told = result_file_object(job(**SUBMITTED), JobProgress(), errors=True)
    assert FileObject.model_validate(told, strict=True).purpose == "batch_output"


def test_pages_go_on_after_the_last_id() -> None:
    jobs = [job(id=f"batch_{number:024}") for number in range(5)]
    names, shown = [each.id for each in jobs], list[str]()

    def show(each: JobRecord) -> dict[str, Any]:
        shown.append(each.id)
        return {"id": each.id}

    first = page(jobs, None, 2, show)
    assert ([row["id"] for row in first["data"]], first["has_more"]) == (names[:2], True)
    last = page(jobs, names[3], 2, show)
    assert ([row["id"] for row in last["data"]], last["has_more"]) == (names[4:], False)
    assert page(jobs[:0], "x", 2, show)["last_id"] is None
    assert shown == [*names[:2], names[4]], "of thousands only those on the page are shown"
