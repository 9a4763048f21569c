"""Batches over HTTP, as OpenAI's interface has them: created, told, listed, cancelled.

A batch is a job over ordinary requests: any model that Switchgear serves may answer its lines, at
half price where the model's provider has batches.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from gateway.access.api_keys import Caller
from gateway.connections.connection import Connection
from gateway.endpoints.dependencies import GatewayDependencies
from gateway.endpoints.files import (
    JobAnswer,
    list_query,
    no_such,
    too_many_entries,
)
from gateway.endpoints.response_writing import send_error
from gateway.endpoints.spoken_dialect import CHAT_DIALECT
from gateway.errors.api_error import ApiError, wrong_method
from gateway.exchanges.submissions import parse_json
from gateway.openai_batches.objects import batch_object, page
from producers.contract.job_record import JobRecord
from producers.jobs.lines import ENDPOINT
from producers.jobs.progress import ended
from producers.jobs.submission import new_job
from producers.kafka.broker import PublishFailedError

_JSON: Final[Mapping[str, str]] = {"cache-control": "no-store"}
_PAGE: Final = 100
_METADATA: Final = 16
_LONGEST_VALUE: Final = 512
_LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class BatchesEndpoint:
    """`/v1/batches` and what lies below it."""

    gateway: GatewayDependencies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises ClientGone."""
        connection = Connection(scope, receive, send, self.gateway.limits)
        connection.info.route = "batches"
        caller = await self.gateway.identify(connection, "batches")
        if isinstance(caller, ApiError):
            return await send_error(connection, CHAT_DIALECT, caller)
        try:
            answer = await self._answer(connection, caller)
        except PublishFailedError:
            words = "the queue is away: try again in a moment"
            answer = ApiError("overloaded", "queue_unavailable", words, retry_after_s=2)
        if isinstance(answer, ApiError):
            return await send_error(connection, CHAT_DIALECT, answer)
        return await connection.respond(200, _JSON, json.dumps(answer).encode())

    async def _answer(self, connection: Connection, caller: Caller) -> JobAnswer:
        name = connection.scope["path_params"].get("batch_id")
        index = self.gateway.jobs.index
        deed = "cancel" if name is not None and connection.path.endswith("/cancel") else None
        match connection.method, name, deed:
            case "POST", None, None:
                body = await connection.body()
                return body if isinstance(body, ApiError) else await self._create(caller, body)
            case "GET", None, None:
                after, most = list_query(connection.scope["query_string"], _PAGE)
                return page(index.jobs_of(caller.tenant), after, most, self._shown)
            case "GET", str() as name, None:
                job = index.job(caller.tenant, name)
                return no_such("batch") if job is None else self._shown(job)
            case "POST", str() as name, "cancel":
                return await self._cancel(caller, name)
            case _:
                return wrong_method(connection.path, "GET, POST")

    async def _create(self, caller: Caller, raw: bytes) -> JobAnswer:
        body = parse_json(raw)
        if isinstance(body, ApiError):
            return body
        problem = _problem(body)
        if problem is not None:
            return ApiError("invalid_request", "invalid_request", problem[1], param=problem[0])
        index, name = self.gateway.jobs.index, str(body["input_file_id"])
        if index.file(caller.tenant, name) is None:
            words = f"input_file_id: there is no file {name[:80]!r}"
            return ApiError("invalid_request", "file_not_found", words, param="input_file_id")
        crowded = too_many_entries(index.jobs_of(caller.tenant))
        if crowded is not None:
            return crowded
        try:
            job = new_job(
                caller.tenant, name, str(body["completion_window"]), body.get("metadata") or {}
            )
        except (ValueError, ValidationError) as error:
            words = str(error) if not isinstance(error, ValidationError) else "a field is wrong"
            return ApiError("invalid_request", "invalid_request", words, param="completion_window")
        await self.gateway.jobs.write(job)
        index.keep(job)
        return self._shown(job)

    async def _cancel(self, caller: Caller, name: str) -> JobAnswer:
        """What isn't published stays so; what is, is cancelled by the job's id, in one record."""
        index = self.gateway.jobs.index
        job = index.job(caller.tenant, name)
        if job is None:
            return no_such("batch")
        if job.cancel_ms is None and not ended(job, index.progress(job.id)):
            job = job.model_copy(update={"cancel_ms": int(time.time() * 1000)})
            await self.gateway.jobs.write(job)
            index.keep(job)
            await self.gateway.exchanges.cancel(job.tenant, job.id)
        return self._shown(job)

    def _shown(self, job: JobRecord) -> dict[str, Any]:
        progress = self.gateway.jobs.index.progress(job.id)
        return batch_object(job, progress, int(time.time() * 1000))


def _problem(body: Mapping[str, Any]) -> tuple[str, str] | None:
    """(the field that is wrong, what is wrong with it)"""
    if not isinstance(body.get("input_file_id"), str):
        return "input_file_id", "input_file_id: the id of an uploaded file is needed"
    if body.get("endpoint") != ENDPOINT:
        return "endpoint", f"endpoint: only {ENDPOINT} is served in batches"
    if not isinstance(body.get("completion_window"), str):
        return "completion_window", "completion_window: 24h, or another time such as 30m or 7d"
    metadata = body.get("metadata") or {}
    texts = isinstance(metadata, dict) and all(
        isinstance(value, str) and len(value) <= _LONGEST_VALUE and len(name) <= _LONGEST_NAME
        for name, value in metadata.items()
    )
    if not texts or len(metadata) > _METADATA:
        words = f"at most {_METADATA} texts of {_LONGEST_VALUE} characters"
        return "metadata", f"metadata: {words}, under names of {_LONGEST_NAME}"
    return None
