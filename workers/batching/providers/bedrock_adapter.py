"""Bedrock's model invocation jobs: an object in S3, then a job of it.

Both steps may be repeated: the object has the job's name, and a job's name and token are used once.
An unclear creation is found by its name.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from pydantic_core import to_json

from producers.contract.batch_record import BatchRecord
from workers.batching.providers.adapter import (
    Away,
    Created,
    CreateOutcome,
    LineItem,
    NotCreated,
    ResultsAbsentError,
)
from workers.batching.providers.create_outcome import not_created, not_uploaded
from workers.batching.providers.http_exchange import HttpAnswer, HttpExchange, NoAnswer
from workers.batching.wires.batch_status import BatchStatus, ResultLine
from workers.batching.wires.bedrock_batches import (
    INPUT,
    bedrock_creation,
    bedrock_job_name,
    bedrock_lines,
    bedrock_refusal,
    bedrock_result,
    bedrock_status,
)
from workers.providers.reading_thread import read_aside

_JOB: Final = "/model-invocation-job"
_MOST: Final = 1_000
_SCHEME: Final = "s3://"


@dataclass(frozen=True, slots=True)
class BedrockJobs:
    """What a deployment's jobs have in common. folder: `s3://bucket/…`, without its end."""

    model: str
    folder: str
    role_arn: str
    window_h: int


class BedrockBatchAdapter:
    """A `BatchAdapter` of Bedrock."""

    def __init__(self, control: HttpExchange, store: HttpExchange, jobs: BedrockJobs) -> None:
        """control: Bedrock's control plane. store: S3, with the bucket in the path."""
        self._control = control
        self._store = store
        self._jobs = jobs

    def refusal(self, body: bytes) -> str | None:
        """Tools fail in a job of Converse."""
        return bedrock_refusal(body)

    async def create(self, record: BatchRecord, items: Sequence[LineItem]) -> CreateOutcome:
        """The object, then the job, each once."""
        name, jobs = bedrock_job_name(record.key, record.attempt), self._jobs
        folder = f"{jobs.folder}/{name}"
        content = bedrock_lines((item.custom_id, item.body) for item in items)
        stored = await self._store.put(_path_in_store(f"{folder}/{INPUT}"), content)
        if isinstance(stored, NoAnswer) or stored.failure is not None:
            return not_uploaded(stored)
        creation = bedrock_creation(
            name, jobs.model, folder, role_arn=jobs.role_arn, window_h=jobs.window_h
        )
        created = await self._control.post(_JOB, to_json(creation))
        if isinstance(created, NoAnswer) or created.failure is not None:
            return not_created(created)
        job = bedrock_status(created.body).id
        return Created(job) if job else not_created(created)

    async def find(self, record: BatchRecord, known: frozenset[str]) -> Created | NotCreated | Away:
        """By its name, which holds our key."""
        query = {"nameContains": record.key, "maxResults": str(_MOST)}
        answer = await self._control.get(f"{_JOB}s", query)
        if isinstance(answer, NoAnswer) or answer.failure is not None:
            return Away(_reason(answer))
        listed = answer.body.get("invocationJobSummaries")
        rows = listed if isinstance(listed, list) else []
        for status in (bedrock_status(row) for row in rows if isinstance(row, Mapping)):
            if status.mark == record.key and status.id and status.id not in known:
                return Created(status.id)
        return NotCreated("not found at the provider", retry=True)

    async def status(self, record: BatchRecord) -> BatchStatus | Away:
        """One GET."""
        answer = await self._control.get(f"{_JOB}/{record.provider_id}")
        if isinstance(answer, NoAnswer) or answer.failure is not None:
            return Away(_reason(answer))
        return bedrock_status(answer.body)

    async def cancel(self, record: BatchRecord) -> Away | None:
        """What was processed by then is billed, and can be read."""
        answer = await self._control.post(f"{_JOB}/{record.provider_id}/stop", b"{}")
        return Away(answer.reason) if isinstance(answer, NoAnswer) else None

    async def results(self, status: BatchStatus) -> AsyncIterator[ResultLine]:
        """The output object. A job that was cut before its first record has none."""
        for address in status.results:
            try:
                async for line in self._store.lines(_path_in_store(address)):
                    yield await read_aside(bedrock_result, line)
            except ResultsAbsentError:
                if status.word == "Completed":
                    raise


def _path_in_store(address: str) -> str:
    return "/" + quote(address.removeprefix(_SCHEME), safe="/-_.~")


def _reason(answer: HttpAnswer | NoAnswer) -> str:
    return answer.reason if isinstance(answer, NoAnswer) else f"HTTP {answer.status}"
