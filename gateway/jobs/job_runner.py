"""Job runner: publishes the lines of jobs that HTTP callers asked for, one process a job.

A lease in Redis says which; a job whose gateway died is taken up by another one, which publishes
what isn't with Kafka yet.
"""

import asyncio
import logging
from typing import Final, Protocol

from gateway.jobs.job_index import JobIndex
from producers.client import WrongZoneError
from producers.contract.job_record import JobRecord
from producers.jobs.job_log import LogUnreadableError, write_entry
from producers.jobs.submission import JobConnection, publish_lines
from producers.kafka.broker import PublishFailedError
from runtime.process.dead_letters import crash_detail
from runtime.redis.key_names import named
from runtime.redis.lease import Lease, LeaseAttempt

_log: Final = logging.getLogger(__name__)
_LOOK_S: Final = 1.0
_AT_ONCE: Final = 4
_OF_ONE_TENANT: Final = 2
"""A large file takes minutes: the others' jobs must not wait for all of one tenant's."""


class JobLeases(Protocol):
    """The right to publish a job's lines (`runtime.redis.lease.ExclusiveLeases`)."""

    async def take(self, key: str) -> LeaseAttempt:
        """The lease, if nobody has it."""
        ...

    async def release(self, lease: Lease) -> object:
        """Somebody else may have it."""
        ...


class JobRunner:
    """The jobs that this gateway publishes."""

    def __init__(self, index: JobIndex, connection: JobConnection, leases: JobLeases) -> None:
        self.index = index
        self.connection = connection
        self._leases = leases
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self.index.forget_old()
                for job in tuple(self.index.jobs.values()):
                    if _is_open(job) and self._has_room(job.tenant):
                        self._begin(job)
                self._stop_cancelled()
                await asyncio.sleep(_LOOK_S)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def write(self, job: JobRecord) -> None:
        """The job's next record. Raises PublishFailedError."""
        await write_entry(self.connection.publisher, job)

    def _has_room(self, tenant: str) -> bool:
        jobs = [self.index.jobs.get(running) for running in self._running]
        own = sum(job is not None and job.tenant == tenant for job in jobs)
        return len(jobs) < _AT_ONCE and own < _OF_ONE_TENANT

    def _begin(self, job: JobRecord) -> None:
        if job.id not in self._running:
            task = asyncio.create_task(self._publish(job))
            self._running[job.id] = task
            task.add_done_callback(lambda _: self._running.pop(job.id, None))

    def _stop_cancelled(self) -> None:
        for name, task in self._running.items():
            job = self.index.jobs.get(name)
            if job is not None and job.cancel_ms is not None and not task.cancelling():
                task.cancel()

    async def _publish(self, job: JobRecord) -> None:
        lease = await self._leases.take(named("job", job.id))
        if not isinstance(lease, Lease):
            return
        try:
            file = self.index.files.get(job.input_file)
            if file is None:
                await self.write(job.model_copy(update={"problem": "the input file is gone"}))
                return
            await publish_lines(job, file, self.connection)
        except (LogUnreadableError, WrongZoneError) as error:
            await self.write(job.model_copy(update={"problem": str(error)}))
        except PublishFailedError as error:
            _log.warning("job %s waits: %s", job.id, error)
        except asyncio.CancelledError:
            known = self.index.jobs.get(job.id)
            if known is not None and known.cancel_ms is not None:
                await self.write(known)  # its progress may have been written over it
            raise
        except Exception as error:  # noqa: BLE001 whatever it is, it would come again each second
            _log.warning("job %s can't be submitted: %s", job.id, crash_detail(error))
            await self.write(job.model_copy(update={"problem": "an error of the gateway's own"}))
        finally:
            await self._leases.release(lease)


def _is_open(job: JobRecord) -> bool:
    pending = job.submitted_ms is None and job.cancel_ms is None
    return job.by == "gateway" and pending and not job.problem
