"""Job commands: a file of requests under one id, submitted, watched, cancelled and read."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from switchgear.options import FormatOption

if TYPE_CHECKING:
    from producers.contract.job_record import FileRecord, JobRecord
    from producers.jobs.progress import JobProgress
    from producers.jobs.submission import JobConnection

_T = TypeVar("_T")
TenantOption = Annotated[str, typer.Option(help="Who pays.")]
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="batch_…")]
_PIECE: Final = 65_536


def submit(
    file: Annotated[Path, typer.Argument(help="Requests in OpenAI's batch format, a line each.")],
    deadline: Annotated[str, typer.Option(help="When answers are wanted: 30m, 24h, 7d.")] = "24h",
    tenant: TenantOption = "default",
    format: FormatOption = "table",
) -> None:
    """Submit a file of requests as one job."""
    job = _run(lambda connection: _submitted(connection, file, deadline, tenant))
    if format == "json":
        print(json.dumps({"id": job.id, "lines": job.lines, "wrong": job.wrong}))
    else:
        print(f"{job.id}: {job.lines} lines, {job.wrong} of them wrong")


def resume(job: JobArgument, tenant: TenantOption = "default") -> None:
    """Go on with a submission that was cut: what is published already isn't again."""
    done = _run(lambda connection: _resumed(connection, job, tenant))
    print(f"{done.id}: {done.lines} lines, {done.wrong} of them wrong")


def status(
    job: JobArgument,
    follow: Annotated[bool, typer.Option("--follow", help="Until it has ended.")] = False,
    tenant: TenantOption = "default",
    format: FormatOption = "table",
) -> None:
    """Show how far a job is, what it has cost, and when it will end."""
    _run(lambda connection: _shown(connection, job, tenant, follow=follow, format=format))


def list_jobs(tenant: TenantOption = "default", format: FormatOption = "table") -> None:
    """List the tenant's jobs, the newest first."""
    from observability.terminal import plain

    jobs = _run(lambda connection: _jobs(connection, tenant))
    if format == "json":
        print(json.dumps([{"id": job.id, "lines": job.lines} for job in jobs]))
        return
    for job in jobs:
        lines = "?" if job.lines is None else job.lines
        words = f"{job.id}  {_at(job.created_ms)}  {lines} lines  wanted in {job.window}"
        print(plain(words))


def cancel(job: JobArgument, tenant: TenantOption = "default") -> None:
    """Cancel what has no answer yet."""
    number = _run(lambda connection: _cancelled(connection, job, tenant))
    print(f"{job}: {number} requests cancelled")


def results(
    job: JobArgument,
    errors: Annotated[bool, typer.Option("--errors", help="The error file instead.")] = False,
    output: Annotated[Path | None, typer.Option(help="Default: standard output.")] = None,
    tenant: TenantOption = "default",
) -> None:
    """Write the results of a job, as lines of OpenAI's output file."""
    import sys

    async def write(connection: "JobConnection") -> None:
        from producers.jobs.results import result_lines

        found, file = await _found(connection, job, tenant)
        target = sys.stdout.buffer if output is None else output.open("wb")
        try:
            async for line in result_lines(connection.scan, found, file, errors=errors):
                target.write(line)
        finally:
            target.flush()
            if output is not None:
                target.close()

    _run(write)


def _run(work: "Callable[[JobConnection], Awaitable[_T]]") -> _T:
    """The work with a connection to Kafka; what the log says of itself is the caller's sentence."""
    import uvloop

    from producers import ClientSettings, RouterClient, WrongZoneError
    from producers.jobs.job_log import LogUnreadableError, scan_topic
    from producers.jobs.residency import WrongZoneLineError
    from producers.jobs.submission import JobConnection
    from producers.kafka.aiokafka_broker import KafkaBroker

    async def connected() -> _T:
        settings = ClientSettings()
        async with KafkaBroker(settings, "switchgear-jobs") as broker:
            return await work(
                JobConnection(partial(scan_topic, settings), broker, RouterClient(broker, settings))
            )

    try:
        return uvloop.run(connected())
    except (LogUnreadableError, ValueError, WrongZoneLineError, WrongZoneError) as error:
        raise typer.BadParameter(str(error)) from error


async def _submitted(
    connection: "JobConnection", path: Path, deadline: str, tenant: str
) -> "JobRecord":
    import sys

    from producers import ClientSettings
    from producers.jobs.job_log import write_entry
    from producers.jobs.residency import resident_lines
    from producers.jobs.submission import new_job, publish_lines, upload_pieces, window_ms

    if window_ms(deadline) is None:
        raise ValueError(f"{deadline!r} is no time: write 30m, 24h or 7d, at most 30d")

    async def content() -> AsyncIterator[bytes]:
        with path.open("rb") as opened:
            while piece := opened.read(_PIECE):
                yield piece

    settings = ClientSettings()
    lines = resident_lines(content(), settings.residency, settings.zone)
    file = await upload_pieces(connection.publisher, tenant, path.name, lines)
    await write_entry(connection.publisher, file)
    job = new_job(tenant, file.id, deadline).model_copy(update={"by": "command"})
    await write_entry(connection.publisher, job)
    words = f"{job.id}: if this is cut, go on with `switchgear job resume {job.id}`"
    print(words, file=sys.stderr, flush=True)
    return await publish_lines(job, file, connection)


async def _resumed(connection: "JobConnection", job_id: str, tenant: str) -> "JobRecord":
    from producers.jobs.submission import publish_lines

    job, file = await _found(connection, job_id, tenant)
    return job if job.submitted_ms is not None else await publish_lines(job, file, connection)


async def _found(
    connection: "JobConnection", job_id: str, tenant: str
) -> "tuple[JobRecord, FileRecord]":
    from producers.contract.job_record import FileRecord, JobRecord
    from producers.jobs.job_log import entries

    found = await entries(connection.scan, tenant)
    match found.get(job_id):
        case JobRecord() as job:
            file = found.get(job.input_file)
        case _:
            raise ValueError(f"tenant {tenant!r} has no job {job_id!r}")
    match file:
        case FileRecord():
            return job, file
        case _:
            raise ValueError(f"the file of job {job_id} is gone")


async def _jobs(connection: "JobConnection", tenant: str) -> "list[JobRecord]":
    from producers.contract.job_record import JobRecord
    from producers.jobs.job_log import entries

    found = await entries(connection.scan, tenant)
    jobs = [entry for entry in found.values() if isinstance(entry, JobRecord)]
    return sorted(jobs, key=lambda job: job.created_ms, reverse=True)


async def _progress(connection: "JobConnection", job: "JobRecord") -> "JobProgress":
    from producers.jobs.progress import JobProgress
    from producers.jobs.results import replies_of

    progress = JobProgress()
    async for _, reply, at_ms in replies_of(connection.scan, job):
        progress.add(job, reply, at_ms)
    return progress


async def _shown(
    connection: "JobConnection", job_id: str, tenant: str, *, follow: bool, format: str
) -> None:
    import asyncio

    from rich.console import Console
    from rich.progress import Progress

    from producers.jobs.progress import ended

    job, _ = await _found(connection, job_id, tenant)
    progress = await _progress(connection, job)
    if format == "json":
        print(json.dumps(_figures(job, progress)))
        return
    with Progress(console=Console(stderr=True), transient=not follow) as bar:
        task = bar.add_task(job.id, total=(job.lines or 0) - job.wrong or None)
        while follow and not ended(job, progress):
            bar.update(task, completed=progress.answered)
            await asyncio.sleep(2)
            job, _ = await _found(connection, job_id, tenant)
            progress = await _progress(connection, job)
        bar.update(task, completed=progress.answered)
    for name, value in _figures(job, progress).items():
        print(f"{name.replace('_', ' '):22} {value}")


def _figures(job: "JobRecord", progress: "JobProgress") -> dict[str, Any]:
    import time

    from observability.pricing.money import usd
    from producers.jobs.progress import ended

    cost, end_ms = (
        progress.expected_cost(job),
        progress.expected_end_ms(job, int(time.time() * 1000)),
    )
    return {
        "job": job.id,
        "lines": job.lines,
        "wrong": job.wrong,
        "answered": progress.completed,
        "failed": progress.failed,
        "ended": ended(job, progress),
        "cost_so_far": usd(progress.cost_micro_usd),
        "cost_expected": "-" if cost is None else usd(cost),
        "end_expected": "-" if end_ms is None else _at(end_ms),
    }


async def _cancelled(connection: "JobConnection", job_id: str, tenant: str) -> int:
    import time

    from producers.jobs.job_log import write_entry

    job, _ = await _found(connection, job_id, tenant)
    changed = job.model_copy(update={"cancel_ms": job.cancel_ms or int(time.time() * 1000)})
    await write_entry(connection.publisher, changed)
    await connection.client.cancel(job.id, tenant=tenant)
    return job.lines or job.published


def _at(milliseconds: int) -> str:
    from observability.terminal import utc

    return f"{utc(milliseconds)} UTC"
