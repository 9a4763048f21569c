"""Job topics: the jobs of the fleet, read by this process from the oldest on, and its runner."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from gateway.jobs.job_index import JobIndex
from gateway.jobs.job_runner import JobRunner
from producers import RouterClient
from producers.contract import topics
from producers.jobs.job_log import scan_topic
from producers.jobs.submission import JobConnection
from runtime.consuming.topic_log import TopicLog
from runtime.process.process import ServiceProcess
from runtime.redis.connection import RedisLink
from runtime.redis.lease import ExclusiveLeases

_KEPT_S: Final = 30 * 86_400.0
_FOR_EVER_S: Final = 10 * 365 * 86_400.0
_LEASE_S: Final = 30.0


@asynccontextmanager
async def job_runner(
    process: ServiceProcess, client: RouterClient, link: RedisLink, client_id: str
) -> AsyncIterator[JobRunner]:
    """Entered once all that the topics have is known. Raises KafkaError."""
    index = JobIndex()
    skipped = partial(process.metrics.count, "switchgear_control_skipped_total")
    entries = TopicLog(
        process.settings, topics.JOBS, client_id, index.receive_entry, _FOR_EVER_S, skipped
    )
    replies = TopicLog(
        process.settings, topics.JOB_REPLIES, client_id, index.receive_reply, _KEPT_S, skipped
    )
    leases = ExclusiveLeases(link.trips, life_s=_LEASE_S)
    connection = JobConnection(partial(scan_topic, process.settings), process.broker, client)
    runner = JobRunner(index, connection, leases)
    # the jobs first: a reply counts for a job that is known
    async with entries.following(), replies.following():
        with process.background.running("jobs", runner.run):
            yield runner
    await leases.close()
