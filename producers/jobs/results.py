"""Job results: the output or the error file of a job, made as it is read.

Every line of the input ends in one of the two: replies are read from where they lie, and what has
none when the job has ended is told as undone.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from ..contract import codec, topics
from ..contract.codec import DecodeError
from ..contract.job_record import FileRecord, JobRecord
from ..contract.reply import Done, Failed
from ..kafka.loop_turns import LoopTurns
from .job_log import ScanTopic
from .lines import (
    WrongLine,
    error_line,
    line_of_request,
    output_line,
    undone_line,
    wrong_line,
)
from .submission import job_lines

_UNDONE: Final = "batch_expired"


async def result_lines(
    scan: ScanTopic, job: JobRecord, file: FileRecord, *, errors: bool
) -> AsyncIterator[bytes]:
    """The lines of one of the two files, in the order of the replies. Raises LogUnreadableError."""
    names: dict[int, str] = {}
    async for line in job_lines(scan, job, file):
        if not isinstance(line, WrongLine):
            names[line.line] = line.custom_id
        elif errors:
            yield wrong_line(job, line)
    async for number, reply, _ in replies_of(scan, job):
        custom_id = names.pop(number, None)
        if custom_id is not None and isinstance(reply, Failed) is errors:
            yield _line_of(job, number, custom_id, reply)
    code = "batch_cancelled" if job.cancel_ms is not None else _UNDONE
    turns = LoopTurns()
    for number, custom_id in names.items() if errors else ():
        if turns.over():
            await asyncio.sleep(0)
        yield undone_line(job, number, custom_id, code)


def _line_of(job: JobRecord, number: int, custom_id: str, reply: Done | Failed) -> bytes:
    if isinstance(reply, Done):
        return output_line(job, number, custom_id, reply)
    return error_line(job, number, custom_id, reply)


async def replies_of(
    scan: ScanTopic, job: JobRecord
) -> AsyncIterator[tuple[int, Done | Failed, int]]:
    """The first reply of each line so far, and when it was written. Raises LogUnreadableError."""
    seen: set[int] = set()
    async for record in scan(topics.JOB_REPLIES, job.created_ms):
        number = line_of_request(job, codec.read_name(record.key))
        tenant = codec.header(record.headers, codec.TENANT_HEADER)
        if number is None or number in seen or tenant != job.tenant:
            continue
        try:
            reply = codec.decode_reply(record.value)
        except DecodeError:
            continue
        if isinstance(reply, Done | Failed):
            seen.add(number)
            yield number, reply, record.timestamp_ms
