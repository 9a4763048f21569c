"""Jobs over HTTP: what a caller asks of one costs the gateway the same whatever its size."""

import time

from aiohttp import ClientSession

from producers.contract import topics
from producers.contract.job_record import JobRecord
from runtime import limits
from tests.flow.gateway_stage import door


async def test_a_large_job_is_cancelled_by_one_record() -> None:
    now_ms = int(time.time() * 1000)
    lines = limits.JOB_LINES.value
    job = JobRecord(
        id=f"batch_{1:024x}",
        tenant="t",
        input_file=f"file-{1:024x}",
        created_ms=now_ms,
        deadline_ms=now_ms + 60_000,
        lines=lines,
        published=lines,
        submitted_ms=now_ms,
    )
    async with door() as gateway, ClientSession(gateway.address) as http:
        gateway.jobs.index.keep(job)
        for _ in range(2):
            async with http.post(f"/v1/batches/{job.id}/cancel") as response:
                assert (await response.json())["status"] == "cancelling"
        cancelled = gateway.stage.broker.written(topics.CANCELLATIONS)
        assert [record.key for record in cancelled] == [job.id.encode()]
        (kept,) = gateway.stage.broker.written(topics.JOBS)
        assert kept.key == job.id.encode()
        # whoever asks for one that nobody has any more is told so
        gateway.jobs.index.forget(job.id)
        async with http.get(f"/v1/batches/{job.id}") as response:
            assert response.status == 404
