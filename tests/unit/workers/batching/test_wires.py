"""Batch wires: states and result lines of every provider, the odd ones too."""

import json

import pytest

from workers.batching.wires import (
    anthropic_batches,
    bedrock_batches,
    mistral_batches,
    openai_batches,
)
from workers.batching.wires.batch_status import (
    BatchRefusal,
    ItemAnswered,
    ItemFailed,
    ItemUndone,
    UnreadableLine,
)

BODY = b'{"model":"m","messages":[{"role":"user","content":"a\xe2\x80\xa8b"}]}'


def test_lines_hold_the_call_as_it_is() -> None:
    line = openai_batches.openai_line("k-0", BODY, "/v1/chat/completions")
    assert json.loads(line)["body"] == json.loads(BODY)
    assert b"\n" not in line
    assert json.loads(anthropic_batches.anthropic_line("k-0", BODY))["params"] == json.loads(BODY)
    said = json.loads(mistral_batches.mistral_line("k-0", BODY))
    assert set(said) == {"custom_id", "body"}
    assert "model" not in said["body"]


@pytest.mark.parametrize(
    ("word", "files", "state"),
    [
        ("validating", {}, "running"),
        ("something_new", {}, "running"),
        ("completed", {}, "ended"),
        ("expired", {"output_file_id": "f1", "error_file_id": "f2"}, "ended"),
        ("failed", {"output_file_id": "", "error_file_id": None}, "refused"),
        ("failed", {"output_file_id": "f1"}, "ended"),
    ],
)
def test_openai_states(word: str, files: dict[str, str | None], state: str) -> None:
    told = {"id": "b", "status": word, "metadata": {openai_batches.MARK: "key"}, **files}
    status = openai_batches.openai_status(told)
    assert (status.state, status.word, status.mark) == (state, word, "key")
    assert status.results == tuple(name for name in files.values() if name)


def test_openai_tells_a_full_queue_as_a_failed_file() -> None:
    problem = {"code": "token_limit_exceeded", "message": "Enqueued token limit", "line": None}
    status = openai_batches.openai_status({"status": "failed", "errors": {"data": [problem]}})
    assert status.refusal is not None
    assert status.refusal.queue_is_full
    assert not BatchRefusal("invalid_json_line", "line 3", (3,)).queue_is_full


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"response": {"status_code": 200, "body": {"a": 1}}}, ItemAnswered("c", b'{"a":1}')),
        ({"response": {"status_code": 400, "body": {}}}, ItemFailed("c", 400, b"{}")),
        ({"response": None, "error": {"code": "batch_expired"}}, ItemUndone("c", "batch_expired")),
        ({"response": {"status_code": 0, "body": ""}}, ItemUndone("c", "no answer")),
        ({}, ItemUndone("c", "no answer")),
    ],
)
def test_openai_results(line: dict[str, object], expected: object) -> None:
    assert openai_batches.openai_result(json.dumps({"custom_id": "c", **line}).encode()) == expected


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"custom_id":3}', b"\xff"])
def test_a_line_that_is_none_costs_itself_alone(line: bytes) -> None:
    assert openai_batches.openai_result(line) == UnreadableLine()
    assert anthropic_batches.anthropic_result(line) == UnreadableLine()


def test_anthropic_states_and_results() -> None:
    counts = {"processing": 0, "succeeded": 2, "errored": 1, "canceled": 0, "expired": 3}
    told = {
        "id": "b",
        "processing_status": "ended",
        "request_counts": counts,
        "created_at": "2026-11-26T10:00:00Z",
        "results_url": "https://x/results",
    }
    status = anthropic_batches.anthropic_status(told)
    assert (status.state, status.requests, status.done) == ("ended", 6, 6)
    assert status.created_s == 1_795_687_200
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "m"}}

    def result(**fields: object) -> object:
        line = json.dumps({"custom_id": "c", "result": fields}).encode()
        return anthropic_batches.anthropic_result(line)

    assert result(type="succeeded", message={"a": 1}) == ItemAnswered("c", b'{"a":1}')
    assert result(type="expired") == ItemUndone("c", "expired")
    failed = result(type="errored", error=error)
    assert isinstance(failed, ItemFailed)
    assert failed.status == 529


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("QUEUED", "running"),
        ("NEW_WORD", "running"),
        ("TIMEOUT_EXCEEDED", "ended"),
        ("FAILED", "refused"),
    ],
)
def test_mistral_states(word: str, state: str) -> None:
    assert mistral_batches.mistral_status({"id": "j", "status": word}).state == state


JOB = "arn:aws:bedrock:eu-central-1:123456789012:model-invocation-job/abcdefghij12"


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Submitted", "running"),
        ("Scheduled", "running"),
        ("Stopping", "running"),
        ("SomethingNew", "running"),
        ("Completed", "ended"),
        ("PartiallyCompleted", "ended"),
        ("Stopped", "ended"),
        ("Failed", "refused"),
        ("Expired", "refused"),
    ],
)
def test_bedrock_states(word: str, state: str) -> None:
    told = {
        "jobArn": JOB,
        "jobName": bedrock_batches.bedrock_job_name("0123", 2),
        "status": word,
        "submitTime": "2026-11-26T20:00:00Z",
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://b/f/output/"}},
    }
    status = bedrock_batches.bedrock_status(told)
    assert (status.state, status.word, status.mark) == (state, word, "0123")
    assert status.id == "abcdefghij12"
    assert status.results == ("s3://b/f/output/abcdefghij12/input.jsonl.out",)
    assert status.created_s == 1_795_723_200.0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"recordId": "c", "modelOutput": {"a": 1}}, ItemAnswered("c", b'{"a":1}')),
        (
            {"recordId": "c", "error": {"errorCode": 400, "errorMessage": "no"}},
            ItemFailed("c", 400, b'{"message":"no"}'),
        ),
        ({"recordId": "c"}, ItemFailed("c", 500, b'{"message":""}')),
        ({"modelOutput": {}}, UnreadableLine()),
        ([], UnreadableLine()),
    ],
)
def test_bedrock_results(line: object, expected: object) -> None:
    assert bedrock_batches.bedrock_result(json.dumps(line).encode()) == expected


def test_tools_are_not_in_bedrocks_jobs() -> None:
    assert bedrock_batches.bedrock_refusal(b'{"toolConfig":{"tools":[]}}') is not None
    assert bedrock_batches.bedrock_refusal(b'{"text":"say \\"toolConfig\\""}') is None
