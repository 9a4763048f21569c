"""Anthropic's message batches, from the provider's side."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from pydantic_core import from_json, to_json

from .batch_conduct import BatchSettings
from .work import BatchWork, Fate, SimulatedBatch


@dataclass(slots=True)
class MessageBatches:
    """The batches of all accounts."""

    settings: BatchSettings
    work: BatchWork
    batches: dict[str, SimulatedBatch] = field(default_factory=dict)

    async def create(self, request: web.BaseRequest, key: str) -> web.StreamResponse:
        """POST batches."""
        told = from_json(await request.read())
        lines = [(each["custom_id"], to_json(each["params"])) for each in told["requests"]]
        if not lines or len({name for name, _ in lines}) < len(lines):
            return _error(400, "requests: custom ids must be unique, and there must be some")
        event, conduct = self.settings.next(), self.settings.conduct
        refused = self.settings.refused_lines(event, lines)
        if refused:
            where = "" if refused[0] is None else f"requests.{refused[0] - 1}.params.messages: "
            return _error(400, f"{where}the request is invalid")
        batch = SimulatedBatch(
            id=f"msgbatch_{len(self.batches) + 1:04d}",
            provider="anthropic",
            key=key,
            lines=lines,
            created=time.time(),
            seconds=conduct.seconds,
            event=event,
            failures=conduct.item_failures,
            headers={"anthropic-version": request.headers.get("anthropic-version", "")},
        )
        self.batches[batch.id] = batch
        if event == "lost_answer" and request.transport is not None:
            request.transport.abort()
        if event == "error_after":
            return _error(500, "Internal server error", "api_error")
        return _json(self._object(batch, request))

    def batch(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        """GET batches/{id}."""
        found = self.batches.get(name)
        return _error(404, "not found") if found is None else _json(self._object(found, request))

    def cancel(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        """POST batches/{id}/cancel."""
        found = self.batches.get(name)
        if found is None:
            return _error(404, "not found")
        if found.cancelled is None and not found.ended(time.time()):
            found.cancelled = time.time()
        return _json(self._object(found, request))

    def listed(self, request: web.BaseRequest, key: str) -> web.StreamResponse:
        """GET batches: newest first."""
        now, lag = time.time(), self.settings.conduct.list_lag_s
        seen = [
            self._object(batch, request)
            for batch in reversed(self.batches.values())
            if batch.key == key and now - batch.created >= lag
        ][: int(request.query.get("limit", "20"))]
        names = [each["id"] for each in seen]
        return _json(
            {
                "data": seen,
                "has_more": False,
                "first_id": names[0] if names else None,
                "last_id": names[-1] if names else None,
            }
        )

    def results(self, name: str) -> web.StreamResponse:
        """GET batches/{id}/results."""
        found = self.batches.get(name)
        if found is None or not found.ended(time.time()):
            return _error(404, "no results yet")
        lines = [
            to_json({"custom_id": custom_id, "result": _result(found, fate, body)})
            for custom_id, fate, body in self.work.finish(found)
            if fate != "dropped"
        ]
        return web.Response(body=b"\n".join(lines) + b"\n", content_type="application/x-jsonl")

    def _object(self, batch: SimulatedBatch, request: web.BaseRequest) -> dict[str, Any]:
        ended = batch.ended(time.time())
        counts = {"processing": len(batch.lines), "succeeded": 0, "errored": 0}
        counts |= {"canceled": 0, "expired": 0}
        if ended:
            fates = [_kind(batch, fate) for _, fate, _ in self.work.finish(batch)]
            counts = {"processing": 0} | {name: fates.count(name) for name in list(counts)[1:]}
        word = "ended" if ended else ("canceling" if batch.cancelled else "in_progress")
        url = f"{request.url.origin()}{_prefix(request.path)}/{batch.id}/results"
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": word,
            "request_counts": counts,
            "created_at": _at(batch.created),
            "expires_at": _at(batch.created + 86_400),
            "ended_at": _at(time.time()) if ended else None,
            "cancel_initiated_at": None if batch.cancelled is None else _at(batch.cancelled),
            "archived_at": None,
            "results_url": url if ended else None,
        }


def _prefix(path: str) -> str:
    return path[: path.index("/batches") + len("/batches")]


def _kind(batch: SimulatedBatch, fate: Fate) -> str:
    if fate == "done":
        return "succeeded"
    if fate == "undone":
        return "canceled" if batch.cancelled is not None else "expired"
    return "errored"


def _result(batch: SimulatedBatch, fate: Fate, body: bytes) -> Mapping[str, Any]:
    kind = _kind(batch, fate)
    match fate:
        case "done":
            message = json.loads(body)
            message["usage"]["service_tier"] = "batch"
            return {"type": kind, "message": message}
        case "invalid":
            return {"type": kind, "error": json.loads(body)}
        case "undone":
            return {"type": kind}
        case _:
            error = {"type": "overloaded_error", "message": "Overloaded"}
            return {"type": kind, "error": {"type": "error", "error": error}}


def _at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _json(told: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=to_json(told), content_type="application/json")


def _error(status: int, message: str, kind: str = "invalid_request_error") -> web.Response:
    return _json({"type": "error", "error": {"type": kind, "message": message}}, status)
