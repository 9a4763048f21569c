"""Bedrock's model invocation jobs and the S3 in which they lie, from the provider's side.

S3 is as much as jobs need: objects by path, put and read.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web
from pydantic_core import from_json, to_json

from .batch_conduct import BatchSettings
from .work import BatchWork, Fate, SimulatedBatch

_FEWEST: Final = 100
_NAME: Final = re.compile(r"[a-zA-Z0-9]{1,63}(-*[a-zA-Z0-9+\-.]){0,63}")
_ACCOUNT: Final = "arn:aws:bedrock:eu-central-1:123456789012:model-invocation-job/"
_SIGNED: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/[\w-]+/(bedrock|s3)/aws4_request, ?"
    r"SignedHeaders=[\w;-]*host[\w;-]*, ?Signature=[0-9a-f]{64}$"
)


def signer_of(headers: Mapping[str, str], service: str) -> str | None:
    """The access key of a whole signature for the service."""
    signed = _SIGNED.match(headers.get("authorization", ""))
    return signed[1] if signed and signed[2] == service and "x-amz-date" in headers else None


@dataclass(slots=True)
class InvocationJobs:
    """The objects and the jobs of all accounts."""

    settings: BatchSettings
    work: BatchWork
    fewest: int = _FEWEST
    objects: dict[str, bytes] = field(default_factory=dict)
    """By `bucket/key`."""
    batches: dict[str, SimulatedBatch] = field(default_factory=dict)

    async def store(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        """PUT and GET of an object."""
        if signer_of(request.headers, "s3") is None:
            return _store_error(403, "AccessDenied")
        if request.method == "PUT":
            self.objects[name] = await request.read()
            return web.Response(headers={"etag": '"simulated"'})
        self._write_results()
        content = self.objects.get(name)
        return _store_error(404, "NoSuchKey") if content is None else web.Response(body=content)

    async def handle(
        self, request: web.BaseRequest, name: str | None, *, stop: bool
    ) -> web.StreamResponse:
        """The control plane."""
        key = signer_of(request.headers, "bedrock")
        if key is None:
            return _error(403, "UnrecognizedClientException", "The security token is invalid.")
        if name is None:
            return await self._create(request, key)
        batch = self.batches.get(name.rpartition("/")[2])
        if batch is None or batch.key != key:
            return _error(404, "ResourceNotFoundException", "No such job.")
        if stop:
            if batch.cancelled is None and not batch.ended(time.time()):
                batch.cancelled = time.time()
            return _json({})
        return _json(self._object(batch))

    async def listed(self, request: web.BaseRequest) -> web.StreamResponse:
        """GET model-invocation-jobs, newest first."""
        key, now = signer_of(request.headers, "bedrock"), time.time()
        named, lag = request.query.get("nameContains", ""), self.settings.conduct.list_lag_s
        seen = [
            self._object(batch)
            for batch in reversed(self.batches.values())
            if batch.key == key and now - batch.created >= lag and named in _name_of(batch)
        ]
        return _json(
            {"invocationJobSummaries": seen[: int(request.query.get("maxResults", "100"))]}
        )

    async def _create(self, request: web.BaseRequest, key: str) -> web.StreamResponse:
        told = from_json(await request.read())
        token = told.get("clientRequestToken")
        for batch in self.batches.values():
            if token and batch.told.get("clientRequestToken") == token:
                return _json({"jobArn": _ACCOUNT + batch.id})
        if not _NAME.fullmatch(told["jobName"]) or not told["roleArn"].startswith("arn:aws:iam::"):
            return _error(400, "ValidationException", "The job's name or role is malformed.")
        event, conduct = self.settings.next(), self.settings.conduct
        batch = SimulatedBatch(
            id=f"job{len(self.batches) + 1:09d}",
            provider="aws",
            key=key,
            lines=[],
            created=time.time(),
            seconds=conduct.seconds,
            event=event,
            failures=conduct.item_failures,
            model=told["modelId"],
            told=told,
        )
        source = self.objects.get(_place(told["inputDataConfig"]["s3InputDataConfig"]["s3Uri"]))
        try:
            batch.lines = list(_records(source))
            problem = None if len(batch.lines) >= self.fewest else "too few records"
        except (ValueError, KeyError, TypeError) as wrong:
            problem = f"the input isn't valid: {wrong}"
        if problem is not None:
            batch.event = "refuse"
            batch.told["problem"] = problem
        self.batches[batch.id] = batch
        if event == "lost_answer" and request.transport is not None:
            request.transport.abort()
        if event == "error_after":
            return _error(500, "InternalServerException", "Internal failure.")
        return _json({"jobArn": _ACCOUNT + batch.id})

    def _object(self, batch: SimulatedBatch) -> dict[str, Any]:
        ended, outcome = batch.ended(time.time()), batch.outcome or []
        if ended and batch.event != "refuse":
            self._write_results()
            outcome = batch.outcome or []
        done = sum(fate == "done" for _, fate, _ in outcome)
        undone = sum(fate == "undone" for _, fate, _ in outcome)
        asked = (
            "jobName",
            "clientRequestToken",
            "modelId",
            "roleArn",
            "inputDataConfig",
            "outputDataConfig",
            "timeoutDurationInHours",
            "modelInvocationType",
        )
        return {
            **{name: batch.told[name] for name in asked if name in batch.told},
            "jobArn": _ACCOUNT + batch.id,
            "status": _word(batch, ended=ended),
            "submitTime": _at(batch.created),
            "lastModifiedTime": _at(time.time()),
            "totalRecordCount": len(batch.lines),
            "processedRecordCount": len(outcome) - undone,
            "successRecordCount": done,
            "errorRecordCount": len(outcome) - undone - done,
            **({"message": str(batch.told["problem"])} if "problem" in batch.told else {}),
        }

    def _write_results(self) -> None:
        """The output objects of the jobs that have ended."""
        for batch in self.batches.values():
            if not batch.ended(time.time()) or batch.event == "refuse" or batch.outcome is not None:
                continue
            bodies = dict(batch.lines)
            lines = [
                _result(name, bodies[name], fate, body)
                for name, fate, body in self.work.finish(batch)
                if fate not in {"dropped", "undone"}
            ]
            config: Any = batch.told
            source = config["inputDataConfig"]["s3InputDataConfig"]["s3Uri"].rpartition("/")[2]
            output = _place(config["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"]).rstrip("/")
            if lines:
                content = b"\n".join(lines) + b"\n"
                self.objects[f"{output}/{batch.id}/{source}.out"] = content


def _records(content: bytes | None) -> Any:  # noqa: ANN401 - pairs
    if content is None:
        raise ValueError("the input object doesn't exist")
    for line in content.split(b"\n"):
        if line.strip():
            read = from_json(line)
            yield read["recordId"], to_json(read["modelInput"])


def _result(name: str, asked: bytes, fate: Fate, body: bytes) -> bytes:
    told: dict[str, Any] = {"recordId": name, "modelInput": json.loads(asked)}
    if fate == "done":
        return to_json(told | {"modelOutput": json.loads(body)})
    code, message = (400, "Malformed input request") if fate == "invalid" else (503, "unavailable")
    return to_json(told | {"error": {"errorCode": code, "errorMessage": message}})


def _word(batch: SimulatedBatch, *, ended: bool) -> str:
    if batch.event == "refuse":
        return "Failed" if ended else "Validating"
    if batch.cancelled is not None:
        return "Stopped" if ended else "Stopping"
    if not ended:
        return "InProgress"
    return "PartiallyCompleted" if batch.event == "expire" else "Completed"


def _name_of(batch: SimulatedBatch) -> str:
    return str(batch.told["jobName"])


def _place(address: str) -> str:
    return address.removeprefix("s3://")


def _at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _json(told: object) -> web.Response:
    return web.Response(body=to_json(told), content_type="application/json")


def _error(status: int, kind: str, message: str) -> web.Response:
    return web.Response(
        status=status,
        body=to_json({"message": message}),
        content_type="application/json",
        headers={"x-amzn-errortype": kind},
    )


def _store_error(status: int, code: str) -> web.Response:
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
    return web.Response(status=status, body=body.encode(), content_type="application/xml")
