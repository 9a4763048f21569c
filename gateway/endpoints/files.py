"""Files over HTTP, as OpenAI's interface has them: uploaded, told, listed, read, forgotten."""

import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from starlette.types import Receive, Scope, Send

from gateway.access.api_keys import Caller
from gateway.connections.connection import Connection
from gateway.connections.upload import Upload, UploadLateError, UploadRefusedError, read_upload
from gateway.endpoints.dependencies import GatewayDependencies
from gateway.endpoints.response_writing import send_error
from gateway.endpoints.spoken_dialect import CHAT_DIALECT
from gateway.errors.api_error import ApiError, wrong_method
from gateway.jobs.job_index import KEPT_MS
from gateway.openai_batches.objects import (
    ERRORS,
    OUTPUT,
    file_object,
    page,
    result_file_object,
)
from producers.contract import topics
from producers.contract.job_record import FileRecord, JobRecord
from producers.jobs.job_log import LogUnreadableError, file_pieces, write_entry
from producers.jobs.residency import WrongZoneLineError, resident_lines
from producers.jobs.results import result_lines
from producers.jobs.submission import FileRefusedError, upload_pieces
from producers.kafka.broker import Outgoing, PublishFailedError
from runtime import limits

_JSON: Final[Mapping[str, str]] = {"cache-control": "no-store"}
_PURPOSE: Final = "batch"
_LIMIT: Final = 10_000
_AWAY: Final = ApiError(
    "overloaded", "queue_unavailable", "the queue is away: try again in a moment", retry_after_s=2
)
JobAnswer: TypeAlias = dict[str, Any] | ApiError


def no_such(kind: str) -> ApiError:
    """Also another tenant's: who asks must not learn that it exists."""
    return ApiError("not_found", "not_found", f"there is no such {kind}")


@dataclass(frozen=True, slots=True)
class FilesEndpoint:
    """`/v1/files` and what lies below it."""

    gateway: GatewayDependencies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises ClientGone."""
        connection = Connection(scope, receive, send, self.gateway.limits)
        connection.info.route = "files"
        caller = await self.gateway.identify(connection, "batches")
        if isinstance(caller, ApiError):
            return await send_error(connection, CHAT_DIALECT, caller)
        told = scope["path_params"]
        name = told.get("file_id")
        if name is not None and connection.path.endswith("/content"):
            if connection.method != "GET":
                error = wrong_method(connection.path, "GET")
                return await send_error(connection, CHAT_DIALECT, error)
            return await self._content(connection, caller, name)
        try:
            answer = await self._answer(connection, caller, receive, name)
        except (PublishFailedError, LogUnreadableError):
            answer = _AWAY
        if isinstance(answer, ApiError):
            return await send_error(connection, CHAT_DIALECT, answer)
        return await connection.respond(200, _JSON, json.dumps(answer).encode())

    async def _answer(
        self, connection: Connection, caller: Caller, receive: Receive, name: str | None
    ) -> JobAnswer:
        match connection.method, name:
            case "POST", None:
                return await self._upload(connection, caller, receive)
            case "GET", None:
                index = self.gateway.jobs.index
                after, most = list_query(connection.scope["query_string"], _LIMIT)
                return page(index.files_of(caller.tenant), after, most, file_object)
            case "GET", str():
                return self._one(caller, name)
            case "DELETE", str():
                return await self._forget(caller, name)
            case _:
                return wrong_method(connection.path, "GET, POST, DELETE")

    async def _upload(self, connection: Connection, caller: Caller, receive: Receive) -> JobAnswer:
        own = self.gateway.jobs.index.files_of(caller.tenant)
        refused = self.gateway.misplaced(caller.tenant) or too_many_entries(own)
        if refused is not None:
            return refused
        kind = connection.headers.get("content-type", "")
        publisher = self.gateway.jobs.connection.publisher
        try:
            upload, feeding = await read_upload(
                *(kind, receive, limits.UPLOAD.value),  # type: ignore[arg-type]
                self.gateway.limits,
            )
            try:
                purpose = upload.fields.get("purpose", _PURPOSE)
                if purpose != _PURPOSE:
                    words = f"purpose: only {_PURPOSE} files are taken"
                    return ApiError("invalid_request", "invalid_purpose", words, param="purpose")
                file = await upload_pieces(
                    publisher, caller.tenant, upload.filename, self._resident(caller, upload)
                )
            finally:
                feeding.cancel()
        except (UploadRefusedError, FileRefusedError) as error:
            return ApiError("invalid_request", "invalid_file", str(error), param="file")
        except UploadLateError:
            return ApiError("body_timeout", "request_timeout", "the file doesn't come in time")
        except WrongZoneLineError as error:
            return ApiError("forbidden", "wrong_zone", str(error), param="file")
        await write_entry(publisher, file)
        self.gateway.jobs.index.keep(file)
        return file_object(file)

    def _resident(self, caller: Caller, upload: Upload) -> AsyncIterator[bytes]:
        section = self.gateway.config().tenant(caller.tenant)
        imposed = () if section is None else section.residency
        return resident_lines(upload.content(), imposed, self.gateway.zone)

    def _one(self, caller: Caller, name: str) -> JobAnswer:
        result = self._result(caller, name)
        if result is not None:
            job, errors = result
            progress = self.gateway.jobs.index.progress(job.id)
            return result_file_object(job, progress, errors=errors)
        file = self.gateway.jobs.index.file(caller.tenant, name)
        return no_such("file") if file is None else file_object(file)

    async def _forget(self, caller: Caller, name: str) -> JobAnswer:
        """Its entry goes; its bytes go with their topic's retention."""
        file = self.gateway.jobs.index.file(caller.tenant, name)
        if file is None:
            return no_such("file")
        gone = Outgoing(topics.JOBS, b"", file.id.encode())
        await self.gateway.jobs.connection.publisher.publish(gone)
        self.gateway.jobs.index.forget(file.id)
        return {"id": file.id, "object": "file", "deleted": True}

    def _result(self, caller: Caller, name: str) -> tuple[JobRecord, bool] | None:
        for prefix in (OUTPUT, ERRORS):
            if name.startswith(prefix):
                job = self.gateway.jobs.index.job(caller.tenant, name.removeprefix(prefix))
                return None if job is None else (job, prefix == ERRORS)
        return None

    async def _content(self, connection: Connection, caller: Caller, name: str) -> None:
        """Streamed, without a length: a result file is made as it is read. Raises ClientGone."""
        index, scan = self.gateway.jobs.index, self.gateway.jobs.connection.scan
        result = self._result(caller, name)
        file = index.file(caller.tenant, name) if result is None else None
        if result is not None:
            job, errors = result
            source = index.files.get(job.input_file)
            if source is None:
                return await send_error(connection, CHAT_DIALECT, no_such("file"))
            pieces = result_lines(scan, job, source, errors=errors)
        elif file is not None:
            pieces = file_pieces(scan, file)
        else:
            return await send_error(connection, CHAT_DIALECT, no_such("file"))
        try:
            # before the status: a log that is away must not look like an empty file
            first = await anext(pieces, b"")
        except LogUnreadableError:
            return await send_error(connection, CHAT_DIALECT, _AWAY)
        await connection.start(200, {"content-type": "application/octet-stream", **_JSON})
        await connection.write(first, more=True)
        async for piece in pieces:
            await connection.write(piece, more=True)
        return await connection.write(b"", more=False)


def too_many_entries(own: Sequence[FileRecord | JobRecord]) -> ApiError | None:
    """Why a tenant gets no further file or job. own: what it has, the newest first."""
    youngest_ms = int(time.time() * 1000) - KEPT_MS
    recent = sum(entry.created_ms > youngest_ms for entry in own)
    refusal = limits.JOB_ENTRIES.refusal(recent + 1)
    return None if refusal is None else ApiError("rate_limited", "too_many_entries", refusal)


def list_query(query: bytes, most: int) -> tuple[str | None, int]:
    """(`after`, `limit`) of a list's query."""
    told = dict(pair.partition("=")[::2] for pair in query.decode("latin-1").split("&") if pair)
    limit = told.get("limit", "")
    number = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 6 else most  # noqa: PLR2004 no limit is longer
    return told.get("after"), max(1, min(number, most))
