"""OpenAI's, Azure's and Mistral's batches, from the providers' side: files, and batches of them."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from pydantic_core import from_json, to_json

from .batch_conduct import BatchSettings
from .work import BatchWork, Fate, SimulatedBatch


@dataclass(slots=True)
class SimulatedFile:
    """One file."""

    id: str
    name: str
    content: bytes
    purpose: str
    created: float


@dataclass(slots=True)
class FileBatches:
    """The files and batches of all accounts of these providers."""

    settings: BatchSettings
    work: BatchWork
    files: dict[str, SimulatedFile] = field(default_factory=dict)
    batches: dict[str, SimulatedBatch] = field(default_factory=dict)

    async def upload(self, request: web.BaseRequest) -> web.StreamResponse:
        """POST files."""
        post = await request.post()
        sent, purpose = post.get("file"), str(post.get("purpose"))
        if not isinstance(sent, web.FileField):
            return _error(400, "file is required")
        content = sent.file.read()
        new = SimulatedFile(
            f"file-{len(self.files) + 1}", sent.filename, content, purpose, time.time()
        )
        self.files[new.id] = new
        return _json(_file_object(new))

    def file(self, name: str) -> web.StreamResponse:
        """GET files/{id}."""
        found = self.files.get(name)
        return _error(404, "No such File object") if found is None else _json(_file_object(found))

    def content(self, name: str) -> web.StreamResponse:
        """GET files/{id}/content."""
        found = self.files.get(name)
        if found is None:
            return _error(404, "No such File object")
        return web.Response(body=found.content, content_type="application/octet-stream")

    async def create(self, request: web.BaseRequest, provider: str, key: str) -> web.StreamResponse:
        """POST batches, or Mistral's batch/jobs."""
        told = from_json(await request.read())
        names = told.get("input_files") or [told.get("input_file_id")]
        source = self.files.get(names[0])
        if source is None:
            return _error(400, "cannot find the input file")
        event, conduct = self.settings.next(), self.settings.conduct
        if event in {"hang", "lost_request"}:
            return await _lost(request, hangs=event == "hang")
        batch = SimulatedBatch(
            id=f"batch_{len(self.batches) + 1}",
            provider=provider,
            key=key,
            lines=[],
            created=time.time(),
            seconds=conduct.seconds,
            event=event,
            failures=conduct.item_failures,
            told=told,
        )
        try:
            batch.lines = list(_lines(source.content, provider, told))
        except (ValueError, KeyError, TypeError) as problem:
            batch.event = "refuse"
            batch.told["problem"] = str(problem)
        refused = self.settings.refused_lines(event, batch.lines)
        if refused:
            batch.event = "refuse"
            batch.told |= {"problem": "a line is invalid", "lines": refused}
        self.batches[batch.id] = batch
        if event == "lost_answer" and request.transport is not None:
            request.transport.abort()
        if event == "error_after":
            return _error(500, "The server had an error.")
        return _json(self._object(batch))

    def batch(self, name: str) -> web.StreamResponse:
        """GET batches/{id}."""
        found = self.batches.get(name)
        return _error(404, "No such batch") if found is None else _json(self._object(found))

    def cancel(self, name: str) -> web.StreamResponse:
        """POST batches/{id}/cancel."""
        found = self.batches.get(name)
        if found is None:
            return _error(404, "No such batch")
        if found.cancelled is None and not found.ended(time.time()):
            found.cancelled = time.time()
        return _json(self._object(found))

    def listed(self, provider: str, key: str, query: Mapping[str, str]) -> web.StreamResponse:
        """GET batches: newest first."""
        now, lag = time.time(), self.settings.conduct.list_lag_s
        seen = [
            batch
            for batch in reversed(self.batches.values())
            if batch.provider == provider and batch.key == key and now - batch.created >= lag
        ]
        if provider == "mistral":
            size, page = int(query.get("page_size", "100")), int(query.get("page", "0"))
            shown = seen[page * size : (page + 1) * size]
            told = [self._object(batch) for batch in shown]
            return _json({"object": "list", "data": told, "total": len(seen)})
        limit, after = int(query.get("limit", "20")), query.get("after")
        if after is not None:
            names = [batch.id for batch in seen]
            seen = seen[names.index(after) + 1 :] if after in names else []
        shown = seen[:limit]
        return _json(
            {
                "object": "list",
                "data": [self._object(batch) for batch in shown],
                "has_more": len(seen) > limit,
                "first_id": shown[0].id if shown else None,
                "last_id": shown[-1].id if shown else None,
            }
        )

    def _object(self, batch: SimulatedBatch) -> dict[str, Any]:
        now = time.time()
        ended = batch.ended(now)
        counts = {"total": len(batch.lines), "completed": 0, "failed": 0}
        output = errors = None
        if ended and batch.event not in {"refuse", "queue_full"}:
            output, errors = self._results(batch)
            outcome = batch.outcome or []
            counts["completed"] = sum(fate == "done" for _, fate, _ in outcome)
            # those without a status count as done here, as they have been seen to
            counts["failed"] = sum(fate in {"overloaded", "invalid"} for _, fate, _ in outcome)
        show = _mistral_job if batch.provider == "mistral" else _openai_batch
        return show(batch, counts, (output, errors), ended=ended)

    def _results(self, batch: SimulatedBatch) -> tuple[str | None, str | None]:
        """The ids of the output and the error file, written once."""
        output, errors = f"file-out-{batch.id}", f"file-err-{batch.id}"
        if output not in self.files and errors not in self.files:
            good, bad = list[bytes](), list[bytes]()
            for name, fate, body in self.work.finish(batch):
                if fate == "dropped":
                    continue
                in_output = fate in {"done", "empty"}
                (good if in_output else bad).append(_result(batch, name, fate, body))
            for file_id, lines in ((output, good), (errors, bad)):
                if lines:
                    self.files[file_id] = SimulatedFile(
                        file_id, f"{file_id}.jsonl", b"\n".join(lines) + b"\n", "batch_output", 0
                    )
        return (
            output if output in self.files else None,
            errors if errors in self.files else None,
        )


def _lines(content: bytes, provider: str, told: Mapping[str, Any]) -> Any:  # noqa: ANN401 - pairs
    seen: set[str] = set()
    for line in content.split(b"\n"):
        if not line.strip():
            continue
        read = from_json(line)
        body, name = dict(read["body"]), read["custom_id"]
        if name in seen:
            raise ValueError("duplicate_custom_id")
        seen.add(name)
        if body.get("stream"):
            raise ValueError("stream is not supported in a batch")
        if provider == "mistral":
            body = {"model": told["model"], **body}
        elif read["method"] != "POST" or read["url"] != told["endpoint"]:
            raise ValueError("url_mismatch")
        yield name, to_json(body)
    if not seen:
        raise ValueError("empty_file")


def _result(batch: SimulatedBatch, name: str, fate: Fate, body: bytes) -> bytes:
    line: dict[str, Any] = {"id": f"batch_req_{name}", "custom_id": name, "error": None}
    answered = {"status_code": 200, "request_id": f"req_{name}"}
    match fate:
        case "done":
            answer = json.loads(body) | {"service_tier": "batch"}
            line["response"] = {**answered, "body": answer}
        case "empty":
            line["response"] = {**answered, "status_code": 0, "body": ""}
        case "overloaded":
            error = {"error": {"message": "overloaded", "type": "server_error", "code": None}}
            line["response"] = {**answered, "status_code": 503, "body": error}
        case "invalid":
            line["response"] = {**answered, "status_code": 400, "body": json.loads(body)}
        case _:
            code = "batch_expired" if batch.event == "expire" else "batch_cancelled"
            line |= {"response": None, "error": {"code": code, "message": "not done in time"}}
    return to_json(line)


async def _lost(request: web.BaseRequest, *, hangs: bool) -> web.StreamResponse:
    """Ends with the connection, whoever closes it; nobody hears what is returned."""
    if not hangs and request.transport is not None:
        request.transport.abort()
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 nothing tells it
        await asyncio.sleep(0.05)
    return _error(500, "The connection was lost.")


def _problems(batch: SimulatedBatch) -> list[dict[str, Any]]:
    if batch.event == "queue_full":
        message = "Enqueued token limit reached. Limit: 1,000 enqueued tokens."
        code, lines = "token_limit_exceeded", [None]
    else:
        message = str(batch.told.get("problem", "the file is invalid"))
        told: Any = batch.told.get("lines", [None])
        code, lines = "invalid_request", told
    return [{"code": code, "message": message, "line": line, "param": None} for line in lines]


def _openai_batch(
    batch: SimulatedBatch,
    counts: dict[str, int],
    files: tuple[str | None, str | None],
    *,
    ended: bool,
) -> dict[str, Any]:
    word = "in_progress"
    problems: list[dict[str, Any]] = []
    if batch.cancelled is not None:
        word = "cancelled" if ended else "cancelling"
    elif ended:
        word = "expired" if batch.event == "expire" else "completed"
        if batch.event in {"refuse", "queue_full"}:
            word = "failed"
            problems = _problems(batch)
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.told.get("endpoint"),
        "errors": {"object": "list", "data": problems} if problems else None,
        "input_file_id": batch.told.get("input_file_id"),
        "completion_window": batch.told.get("completion_window"),
        "status": word,
        "output_file_id": files[0],
        "error_file_id": files[1],
        "created_at": int(batch.created),
        "expires_at": int(batch.created + 86_400),
        "request_counts": counts,
        "metadata": batch.told.get("metadata"),
    }


def _mistral_job(
    batch: SimulatedBatch,
    counts: dict[str, int],
    files: tuple[str | None, str | None],
    *,
    ended: bool,
) -> dict[str, Any]:
    word = "RUNNING"
    if batch.cancelled is not None:
        word = "CANCELLED" if ended else "CANCELLATION_REQUESTED"
    elif ended:
        word = "TIMEOUT_EXCEEDED" if batch.event == "expire" else "SUCCESS"
        word = "FAILED" if batch.event in {"refuse", "queue_full"} else word
    return {
        "id": batch.id,
        "object": "batch",
        "input_files": batch.told.get("input_files"),
        "endpoint": batch.told.get("endpoint"),
        "model": batch.told.get("model"),
        "metadata": batch.told.get("metadata"),
        "errors": [],
        "status": word,
        "output_file": files[0],
        "error_file": files[1],
        "created_at": int(batch.created),
        "total_requests": counts["total"],
        "completed_requests": counts["completed"] + counts["failed"],
        "succeeded_requests": counts["completed"],
        "failed_requests": counts["failed"],
    }


def _file_object(found: SimulatedFile) -> dict[str, Any]:
    return {
        "id": found.id,
        "object": "file",
        "bytes": len(found.content),
        "created_at": int(found.created),
        "filename": found.name,
        "purpose": found.purpose,
        "status": "processed",
        "sample_type": "batch_request",
        "source": "upload",
    }


def _json(told: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=to_json(told), content_type="application/json")


def _error(status: int, message: str) -> web.Response:
    return _json({"error": {"message": message, "type": "invalid_request_error"}}, status)
