"""Bedrock's model invocation jobs: records in S3, and their answers beside them.

Read in botocore's service model and Bedrock's guide, 2026-11-26. The records hold Converse's
bodies; the model belongs to the job.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic_core import to_json

from workers.batching.wires.batch_status import (
    BatchRefusal,
    BatchStatus,
    ItemAnswered,
    ItemFailed,
    ProviderState,
    ResultLine,
    UnreadableLine,
    iso_seconds,
    number,
    text,
)
from workers.providers.base.json_values import json_of, mapping_of

_ENDED: Final = {"Completed", "PartiallyCompleted", "Stopped"}
_REFUSED: Final = {"Failed", "Expired"}
"""`Expired`: it never began, so there is nothing to read and nothing to pay."""
_LEAST_TIMEOUT_H: Final = 24
_MOST_TIMEOUT_H: Final = 168
_NAME: Final = "switchgear-"
INPUT: Final = "input.jsonl"
_OUTPUT: Final = "output/"


def bedrock_lines(lines: Iterable[tuple[str, bytes]]) -> bytes:
    """The input file: (record id, body of a call of Converse)."""
    return b"".join(
        b'{"recordId":%b,"modelInput":%b}\n' % (to_json(name), body) for name, body in lines
    )


def bedrock_refusal(body: bytes) -> str | None:
    """Why a call's body can't be a record: Bedrock's guide refuses tools with Converse."""
    return "a Converse job takes no tools" if b'"toolConfig"' in body else None


def bedrock_job_name(key: str, attempt: int) -> str:
    """Letters, digits and single hyphens; a name is used once."""
    return f"{_NAME}{key}-{attempt}"


def bedrock_creation(
    name: str, model: str, folder: str, *, role_arn: str, window_h: int
) -> dict[str, Any]:
    """The body that creates a job. folder: of the batch in S3, `s3://bucket/…`, without its end."""
    return {
        "jobName": name,
        "clientRequestToken": name,
        "roleArn": role_arn,
        "modelId": model,
        "inputDataConfig": {"s3InputDataConfig": {"s3Uri": f"{folder}/{INPUT}"}},
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": f"{folder}/{_OUTPUT}"}},
        "timeoutDurationInHours": min(_MOST_TIMEOUT_H, max(_LEAST_TIMEOUT_H, window_h)),
        "modelInvocationType": "Converse",
    }


def bedrock_status(body: Mapping[str, Any]) -> BatchStatus:
    """A job, or a list's summary of one; an unknown state is still running."""
    word, arn = text(body.get("status")), text(body.get("jobArn"), 1_011)
    job = arn.rpartition("/")[2]
    state: ProviderState = "ended" if word in _ENDED else "running"
    if word in _REFUSED:
        state = "refused"
    output = mapping_of(mapping_of(body.get("outputDataConfig")).get("s3OutputDataConfig"))
    uri = text(output.get("s3Uri"), 2_000)
    message = text(body.get("message"), 400)
    return BatchStatus(
        id=job,
        state=state,
        word=word,
        mark=text(body.get("jobName")).removeprefix(_NAME).partition("-")[0] or None,
        created_s=iso_seconds(body.get("submitTime")),
        requests=number(body.get("totalRecordCount")) or None,
        done=number(body.get("processedRecordCount")),
        results=(f"{uri.rstrip('/')}/{job}/{INPUT}.out",) if uri and job else (),
        refusal=BatchRefusal("", message) if state == "refused" and message else None,
    )


def bedrock_result(line: bytes) -> ResultLine:
    """One line of an output file. Never raises."""
    try:
        read = mapping_of(json_of(line))
    except ValueError:
        return UnreadableLine()
    custom_id, error = read.get("recordId"), mapping_of(read.get("error"))
    if not isinstance(custom_id, str):
        return UnreadableLine()
    if "modelOutput" in read:
        return ItemAnswered(custom_id, to_json(read["modelOutput"]))
    told = {"message": text(error.get("errorMessage"), 2_000)}
    return ItemFailed(custom_id, number(error.get("errorCode")) or 500, to_json(told))
