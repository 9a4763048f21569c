"""Jobs: one bad line is one error line, replies count once, and each line ends in one file."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract import CacheOutcome, Done, Failed, RouteTaken, Timings, Usage, codec
from producers.contract.job_record import FileRecord, JobRecord
from producers.jobs.job_log import ScanTopic
from producers.jobs.lines import (
    LineReader,
    LineRequest,
    WrongLine,
    error_line,
    line_of_request,
    output_line,
    undone_line,
    wrong_line,
)
from producers.jobs.progress import JobProgress, ended
from producers.jobs.submission import (
    FileRefusedError,
    job_lines,
    new_job,
    upload_pieces,
    window_ms,
)
from producers.kafka.broker import Outgoing, Partition, Record
from runtime import limits

JOB = JobRecord(
    id="batch_0123456789abcdef01234567",
    tenant="t",
    input_file="file-0123456789abcdef01234567",
    created_ms=1_000,
    deadline_ms=100_000,
)
FILE = FileRecord(
    id=JOB.input_file, tenant="t", filename="f", size=1, pieces=1, created_ms=JOB.created_ms
)


def line(**changes: object) -> bytes:
    told = {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "auto", "messages": [{"role": "user", "content": "x\u2028y"}]},
        **changes,
    }
    return json.dumps(told, ensure_ascii=False).encode()


def done(number: int, cost: int = 5) -> Done:
    return Done(
        id=JOB.request_id(number),
        body={"id": "c", "choices": []},
        route=RouteTaken(tier="economy"),
        cache=CacheOutcome(result="miss"),
        usage=Usage(),
        cost_micro_usd=Decimal(cost),
        timings=Timings(),
    )


def failed(number: int, code: Any = "deadline_exceeded") -> Failed:  # noqa: ANN401 a FailureCode
    return Failed(id=JOB.request_id(number), code=code, message="m", retryable=False)


def test_a_line_becomes_a_request_that_may_wait() -> None:
    read = LineReader(JOB).read(line())
    assert isinstance(read, LineRequest)
    assert (read.custom_id, read.request.id) == ("a", f"{JOB.id}-0")
    assert (read.request.tenant, read.request.routing.latency) == ("t", "batch")


def test_demands_of_a_line_are_its_own() -> None:
    body = {"messages": [{"role": "user", "content": "x"}], "switchgear": {"tier": "premium"}}
    read = LineReader(JOB).read(line(body=body))
    assert isinstance(read, LineRequest)
    assert read.request.routing.tier == "premium"
    assert "switchgear" not in (read.request.body.model_extra or {})


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"{", "invalid_json_line"),
        (b"[]", "invalid_custom_id"),
        (line(custom_id=""), "invalid_custom_id"),
        (line(custom_id="x" * 513), "invalid_custom_id"),
        (line(method="GET"), "url_mismatch"),
        (line(url="/v1/embeddings"), "url_mismatch"),
        (line(body=3), "invalid_request"),
        (line(body={"messages": []}), "invalid_request"),
        (
            line(body={"messages": [{"role": "user", "content": "x"}], "stream": True}),
            "invalid_request",
        ),
        (b"x" * 1_000_001, "line_too_long"),
    ],
)
def test_a_wrong_line_is_one_error_line(raw: bytes, code: str) -> None:
    reader = LineReader(JOB)
    wrong = reader.read(raw)
    assert isinstance(wrong, WrongLine)
    assert wrong.code == code
    told = json.loads(wrong_line(JOB, wrong))
    assert (told["response"], told["error"]["code"]) == (None, code)
    assert isinstance(reader.read(line(custom_id="next")), LineRequest)


def test_the_second_line_of_one_id_is_wrong_and_blank_ones_do_not_count() -> None:
    reader = LineReader(JOB)
    assert reader.read(b"  ") is None
    assert isinstance(reader.read(line()), LineRequest)
    again = reader.read(line())
    assert isinstance(again, WrongLine)
    assert (again.line, again.code) == (1, "duplicate_custom_id")


def test_a_reply_belongs_to_its_line_alone() -> None:
    assert line_of_request(JOB, JOB.request_id(41)) == 41
    for strange in (None, "", JOB.id, f"{JOB.id}-", f"{JOB.id}-x", "batch_1-0", f"{JOB.id}-٣"):
        assert line_of_request(JOB, strange) is None


@pytest.mark.parametrize("number", [limits.JOB_LINES.value, 10**12, 10**150])
def test_a_line_that_no_job_has_counts_for_nothing(number: int) -> None:
    """Its sender chose the id; a bit for each line before it would take all memory."""
    progress = JobProgress()
    assert not progress.add(JOB, failed(0).model_copy(update={"id": f"{JOB.id}-{number}"}), 1)
    assert progress.answered == 0


def pieces(content: bytes, size: int) -> ScanTopic:
    """The file's records, as a scan finds them."""

    async def scan(_topic: str, _since_ms: int) -> AsyncIterator[Record]:
        for number, at in enumerate(range(0, len(content), size)):
            headers = codec.to_headers({codec.SEQUENCE: number})
            value = content[at : at + size]
            yield Record(Partition("llm.files", 0), number, FILE.id.encode(), value, headers, 1)

    return scan


async def read(content: bytes, size: int) -> list[LineRequest | WrongLine]:
    number = -(-len(content) // size)
    file = FILE.model_copy(update={"size": len(content), "pieces": number})
    return [each async for each in job_lines(pieces(content, size), JOB, file)]


@given(st.lists(st.sampled_from([b"", b"x", line(), line(custom_id="b")]), max_size=6), st.data())
async def test_lines_are_the_same_however_the_file_is_cut(raws: list[bytes], data: Any) -> None:  # noqa: ANN401 hypothesis'
    content = b"\n".join([*raws, b"x"])
    size = data.draw(st.integers(1, len(content)))
    assert await read(content, size) == await read(content, len(content))


async def test_a_line_as_large_as_the_file_is_one_wrong_line() -> None:
    (wrong,) = await read(b"x" * 5_000_000, 500_000)
    assert isinstance(wrong, WrongLine)
    assert wrong.code == "line_too_long"


@pytest.mark.parametrize("short", [b"\n", b"x\n"])
async def test_others_run_while_lines_are_read_that_nobody_waits_for(short: bytes) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await read(short * 150_000, 524_288)
    counting.cancel()
    assert turns > 3


async def test_a_file_of_more_lines_is_refused_while_it_comes() -> None:
    written: list[Outgoing] = []

    class Log:
        async def publish(self, *outgoing: Outgoing) -> None:
            written.extend(outgoing)

    async def content(number: int) -> AsyncIterator[bytes]:
        yield b"\n" * number

    most = limits.JOB_LINES.value
    assert (await upload_pieces(Log(), "t", "f", content(most))).size == most
    with pytest.raises(FileRefusedError, match="200,000"):
        await upload_pieces(Log(), "t", "f", content(most + 1))


def test_progress_counts_each_line_once() -> None:
    progress, job = JobProgress(), JOB.model_copy(update={"lines": 4, "wrong": 1})
    assert progress.add(job, done(2), 2_000)
    assert not progress.add(job, done(2), 3_000)
    assert progress.add(job, failed(0), 4_000)
    assert not progress.add(job, done(2).model_copy(update={"id": "other"}), 5_000)
    assert (progress.completed, progress.failed) == (1, 1)
    assert progress.expected_cost(job) == 15
    assert progress.expected_end_ms(job, 10_000) == 10_000 + 1_500
    assert not ended(job, progress)
    submitted = job.model_copy(update={"submitted_ms": 1})
    assert not ended(submitted, progress)
    progress.add(submitted, done(3), 6_000)
    assert ended(submitted, progress)


def test_lines_of_result_files_are_openais() -> None:
    told = json.loads(output_line(JOB, 3, "mine", done(3)))
    assert (told["custom_id"], told["response"]["status_code"], told["error"]) == (
        "mine",
        200,
        None,
    )
    expired = json.loads(error_line(JOB, 3, "mine", failed(3)))
    assert (expired["response"], expired["error"]["code"]) == (None, "batch_expired")
    refused = json.loads(error_line(JOB, 3, "mine", failed(3, "invalid_request")))
    assert refused["response"]["status_code"] == 400
    undone = json.loads(undone_line(JOB, 3, "mine", "batch_cancelled"))
    assert undone["error"]["code"] == "batch_cancelled"


@pytest.mark.parametrize(
    ("window", "expected"),
    [("24h", 86_400_000), ("30m", 1_800_000), ("7d", 604_800_000), ("31d", None), ("0h", None)],
)
def test_windows(window: str, expected: int | None) -> None:
    assert window_ms(window) == expected


@pytest.mark.parametrize("window", ["", "h", "24", "-1h", "٣h", "99999h"])
def test_what_is_no_window_is_refused(window: str) -> None:
    with pytest.raises(ValueError, match="no window"):
        new_job("t", JOB.input_file, window)
