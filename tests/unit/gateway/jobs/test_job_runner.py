"""Job runner: is a job that breaks its submission given up, and told, and no other held up?"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.jobs.job_index import JobIndex
from gateway.jobs.job_runner import JobRunner
from producers.contract import Request, codec, topics
from producers.contract.job_record import FileRecord, JobRecord
from producers.jobs.job_log import read_entry
from producers.jobs.lines import ENDPOINT
from producers.jobs.submission import JobConnection
from producers.kafka.broker import Outgoing, Partition, Record
from runtime.redis.lease import Lease
from tests.waiting import until

FILE = FileRecord(id=f"file-{1:024}", tenant="t", filename="f", size=1, pieces=1, created_ms=1_000)
JOB = JobRecord(
    id=f"batch_{1:024}", tenant="t", input_file=FILE.id, created_ms=1_000, deadline_ms=2_000
)


class Leases:
    """All are free."""

    async def take(self, key: str) -> Lease:
        return Lease(key, "token")

    async def release(self, lease: Lease) -> None:
        pass


class Log:
    """What was written is what the next look sees."""

    def __init__(self, index: JobIndex) -> None:
        self.index = index

    async def publish(self, *outgoing: Outgoing) -> None:
        for each in outgoing:
            entry = read_entry(each.value)
            assert isinstance(entry, JobRecord)
            self.index.keep(entry)


async def test_a_submission_that_breaks_is_given_up_and_told() -> None:
    begun = 0

    async def scan(_topic: str, _since_ms: int) -> AsyncIterator[Record]:
        nonlocal begun
        begun += 1
        raise OverflowError("9" * 4_000)
        yield

    index = JobIndex(lambda: 2_000)
    index.keep(FILE)
    index.keep(JOB)
    client: Any = type("Client", (), {"request_topic": lambda *_: "llm.requests"})()
    runner = JobRunner(index, JobConnection(scan, Log(index), client), Leases())
    running = asyncio.create_task(runner.run())
    await until(lambda: bool(index.jobs[JOB.id].problem))
    assert begun == 1
    assert "999" not in index.jobs[JOB.id].problem
    running.cancel()


async def test_one_tenants_jobs_leave_room_for_the_others() -> None:
    begun: list[str] = []

    async def scan(_topic: str, _since_ms: int) -> AsyncIterator[Record]:
        never: asyncio.Future[Record] = asyncio.get_running_loop().create_future()
        yield await never

    class Client:
        def request_topic(self, tenant: str) -> str:
            begun.append(tenant)
            return "llm.requests"

    index, client = JobIndex(lambda: 2_000), Client()
    index.keep(FILE)
    for number, tenant in enumerate(["t"] * 9 + ["other"]):
        name = f"batch_{number:024}"
        index.keep(JOB.model_copy(update={"id": name, "tenant": tenant}))
    connection: Any = (scan, Log(index), client)
    running = asyncio.create_task(JobRunner(index, JobConnection(*connection), Leases()).run())
    await until(lambda: "other" in begun)
    assert begun == ["t", "t", "other"]
    running.cancel()


async def test_a_job_that_is_cancelled_while_it_is_submitted_stops_and_stays_so() -> None:
    written, published = asyncio.Event(), list[str]()

    async def scan(topic: str, _since_ms: int) -> AsyncIterator[Record]:
        if topic == topics.FILES:
            line = {"custom_id": "c", "method": "POST", "url": ENDPOINT}
            body = {"model": "auto", "messages": [{"role": "user", "content": "?"}]}
            lines = (json.dumps({**line, "custom_id": str(n), "body": body}) for n in range(2_000))
            piece = "\n".join(lines).encode()
            headers = codec.to_headers({codec.SEQUENCE: 0})
            yield Record(Partition(topic, 0), 0, FILE.id.encode(), piece, headers, 1_000)

    class Client:
        def request_topic(self, _tenant: str) -> str:
            return "llm.requests"

        async def publish(self, request: Request, *, reply_to: str) -> None:
            assert reply_to == topics.JOB_REPLIES
            published.append(request.id)
            if len(published) == 700:
                written.set()
                await asyncio.Event().wait()

    index = JobIndex(lambda: 2_000)
    later = JOB.model_copy(update={"deadline_ms": int(time.time() * 1000) + 60_000})
    index.keep(FILE)
    index.keep(later)
    connection: Any = (scan, Log(index), Client())
    running = asyncio.create_task(JobRunner(index, JobConnection(*connection), Leases()).run())
    await written.wait()
    index.keep(later.model_copy(update={"cancel_ms": 3_000}))
    index.keep(later.model_copy(update={"published": 500}))  # its progress, written over it
    await until(lambda: len(asyncio.all_tasks()) == 2)
    job = index.jobs[JOB.id]
    assert (job.cancel_ms, job.published, job.submitted_ms) == (3_000, 500, None)
    assert len(published) == 700
    running.cancel()


@pytest.mark.parametrize("number", [-1, 10**18, 10**400])
@pytest.mark.parametrize("name", ["created_ms", "deadline_ms", "lines", "cancel_ms"])
def test_an_entry_with_numbers_that_none_has_is_no_entry(name: str, number: int) -> None:
    odd = JOB.model_copy(update={name: number})
    assert read_entry(JOB.model_dump_json().encode()) == JOB
    assert read_entry(odd.model_dump_json().encode()) is None
