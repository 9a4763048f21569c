"""Job submission: a file into Kafka, a job over it, and its lines published once each.

How far it has come is in the job's record. Who goes on after a crash reads the request topic from
the job's beginning and publishes only the lines that aren't there.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple

from ..client import RouterClient
from ..contract import codec, topics
from ..contract.job_record import FileRecord, JobRecord
from ..kafka.broker import Publisher
from ..kafka.loop_turns import LoopTurns
from .job_log import PIECE, ScanTopic, file_pieces, write_entry, write_piece
from .lines import (
    LONGEST_JOB_LINE,
    MAX_JOB_LINES,
    LineReader,
    LineRequest,
    WrongLine,
    line_of_request,
)

_PROGRESS: Final = 500
_HOUR_MS: Final = 3_600_000
_UNITS: Final = {"m": 60_000, "h": _HOUR_MS, "d": 24 * _HOUR_MS}
LONGEST_WINDOW_MS: Final = 30 * 24 * _HOUR_MS


def window_ms(window: str) -> int | None:
    """Milliseconds of `24h`, `30m` or `7d`; None for anything else, or more than 30 days."""
    unit = _UNITS.get(window[-1:])
    number = window[:-1]
    if unit is None or not (number.isascii() and number.isdigit() and len(number) < 5):  # noqa: PLR2004 no window is longer
        return None
    size = int(number) * unit
    return size if 0 < size <= LONGEST_WINDOW_MS else None


def new_job(
    tenant: str, input_file: str, window: str, metadata: dict[str, str] | None = None
) -> JobRecord:
    """A job that nothing was published of yet. Raises ValueError for a window that is none."""
    within_ms, now_ms = window_ms(window), int(time.time() * 1000)
    if within_ms is None:
        raise ValueError(f"{window!r} is no window: write 24h, 30m or 7d, at most 30d")
    return JobRecord(
        id=f"batch_{secrets.token_hex(12)}",
        tenant=tenant,
        input_file=input_file,
        window=window,
        metadata=metadata or {},
        created_ms=now_ms,
        deadline_ms=now_ms + within_ms,
    )


class FileRefusedError(ValueError):
    """The file can't be a job's; the text says why."""


class JobConnection(NamedTuple):
    """Kafka, as a job needs it: to read, to write, and to send requests."""

    scan: ScanTopic
    publisher: Publisher
    client: RouterClient


async def upload_pieces(
    publisher: Publisher, tenant: str, filename: str, content: AsyncIterator[bytes]
) -> FileRecord:
    """The file's record, not written yet, once its bytes are with Kafka.

    Raises PublishFailedError, FileRefusedError.
    """
    file_id, created_ms = f"file-{secrets.token_hex(12)}", int(time.time() * 1000)
    size, lines, number, rest = 0, 0, 0, bytearray()
    async for piece in content:
        rest += piece
        size += len(piece)
        lines += piece.count(b"\n")
        if lines > MAX_JOB_LINES:
            words = f"more than {MAX_JOB_LINES:,}, at most so many may be"
            raise FileRefusedError(f"lines of a job: {words}")
        while len(rest) >= PIECE:
            await write_piece(publisher, file_id, number, bytes(rest[:PIECE]))
            del rest[:PIECE]
            number += 1
    if rest or not number:
        await write_piece(publisher, file_id, number, bytes(rest))
        number += 1
    return FileRecord(
        id=file_id,
        tenant=tenant,
        filename=filename[:512],
        size=size,
        pieces=number,
        created_ms=created_ms,
    )


async def job_lines(
    scan: ScanTopic, job: JobRecord, file: FileRecord
) -> AsyncIterator[LineRequest | WrongLine]:
    """The lines of the job's file."""
    reader, turns = LineReader(job), LoopTurns()
    async for raw in _raw_lines(file_pieces(scan, file)):
        line = reader.read(raw)
        if line is not None:
            yield line
        # neither a blank line nor a wrong one is waited for
        if turns.over():
            await asyncio.sleep(0)


async def _raw_lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Of one that is too long no more than tells it: it may be as large as the file."""
    rest = bytearray()
    async for piece in pieces:
        first, *others = piece.split(b"\n")
        rest += first[: max(0, LONGEST_JOB_LINE + 1 - len(rest))]
        for line in others:
            yield bytes(rest)
            rest[:] = line
    yield bytes(rest)


async def publish_lines(
    job: JobRecord,
    file: FileRecord,
    connection: JobConnection,
    tell: Callable[[JobRecord], None] = lambda _: None,
) -> JobRecord:
    """The job's record once all of its lines are with Kafka, each once.

    tell: hears of the progress. Raises PublishFailedError and LogUnreadableError: call it again.
    """
    scan, publisher, client = connection
    there = await _published(scan, client.request_topic(job.tenant), job)
    lines, wrong = 0, 0
    async for line in job_lines(scan, job, file):
        lines += 1
        if isinstance(line, WrongLine):
            wrong += 1
            continue
        if line.line not in there:
            left_ms = job.deadline_ms - int(time.time() * 1000)
            routing = line.request.routing
            within_ms = min(routing.deadline_ms or left_ms, max(1, left_ms))
            request = line.request.model_copy(
                update={"routing": routing.model_copy(update={"deadline_ms": within_ms})}
            )
            await client.publish(request, reply_to=topics.JOB_REPLIES)
        if lines % _PROGRESS == 0:
            job = job.model_copy(update={"published": lines - wrong})
            await write_entry(publisher, job)
            tell(job)
    done = {"lines": lines, "wrong": wrong, "published": lines - wrong}
    job = job.model_copy(update={**done, "submitted_ms": int(time.time() * 1000)})
    await write_entry(publisher, job)
    tell(job)
    return job


async def _published(scan: ScanTopic, topic: str, job: JobRecord) -> set[int]:
    """The lines whose requests are with Kafka: of a submission that was cut."""
    there: set[int] = set()
    async for record in scan(topic, job.created_ms):
        line = line_of_request(job, codec.request_id(record.headers))
        if line is not None:
            there.add(line)
    return there
