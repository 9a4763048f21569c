"""Batch paths of the simulator: which request is about files and batches, and of whom?"""

import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from pydantic_core import to_json

from .batch_conduct import BatchSettings
from .file_batches import FileBatches
from .invocation_jobs import InvocationJobs
from .message_batches import MessageBatches
from .work import BatchWork, SimulatedBatch

_FILES: Final = re.compile(r"/files(?:/([^/]+?)(/content)?)?$")
_BATCHES: Final = re.compile(r"/(?:batches|batch/jobs)(?:/([^/]+?)(/cancel|/results)?)?$")
_OBJECT: Final = re.compile(r"/s3/(.+)$")
_JOB: Final = re.compile(r"/bedrock/model-invocation-job(s$)?(?:/(.+?)(/stop)?)?$")


async def _down() -> web.StreamResponse:
    return web.Response(status=503, body=b'{"message":"down"}')


@dataclass(slots=True)
class BatchService:
    """All simulated batch interfaces of one process."""

    work: BatchWork
    settings: BatchSettings = field(default_factory=BatchSettings)
    files: FileBatches = field(init=False)
    messages: MessageBatches = field(init=False)
    jobs: InvocationJobs = field(init=False)

    def __post_init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """As new."""
        self.settings = BatchSettings()
        self.files = FileBatches(self.settings, self.work)
        self.messages = MessageBatches(self.settings, self.work)
        self.jobs = InvocationJobs(self.settings, self.work)

    async def handle(self, request: web.BaseRequest, key: str) -> web.StreamResponse | None:
        """None: the path is about something else."""
        ours = self._of_jobs(request)
        return await (self._of_files(request, key) if ours is None else ours)

    async def _of_files(self, request: web.BaseRequest, key: str) -> web.StreamResponse | None:
        """OpenAI's, Azure's, Mistral's and Anthropic's."""
        file, batch = _FILES.search(request.path), _BATCHES.search(request.path)
        if file is None and batch is None:
            return None
        results = request.path.endswith(("/content", "/results"))
        if self.settings.conduct.down or (results and self.settings.conduct.results_down):
            return web.Response(status=503, body=b'{"error":{"message":"down"}}')
        if not key or key.startswith("bad"):
            return web.Response(status=401, body=b'{"error":{"message":"no such key"}}')
        if file is not None:
            return await self._file(request, file[1], content=file[2] is not None)
        assert batch is not None
        if "/messages/batches" in request.path:
            return await self._message_batch(request, key, batch[1], batch[2])
        return await self._file_batch(request, key, batch[1], batch[2])

    def _of_jobs(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse] | None:
        """Bedrock's jobs, and their objects."""
        stored, job = _OBJECT.match(request.path), _JOB.match(request.path)
        conduct = self.settings.conduct
        if stored is None and job is None:
            return None
        if conduct.down or (
            stored is not None and conduct.results_down and request.method == "GET"
        ):
            return _down()
        if stored is not None:
            return self.jobs.store(request, stored[1])
        assert job is not None
        if job[1]:
            return self.jobs.listed(request)
        return self.jobs.handle(request, job[2], stop=job[3] is not None)

    def told(self) -> list[dict[str, Any]]:
        """All batches, for whoever runs the test."""
        everything = (
            *self.files.batches.values(),
            *self.messages.batches.values(),
            *self.jobs.batches.values(),
        )
        return [_shown(batch) for batch in everything]

    async def _file(
        self, request: web.BaseRequest, name: str | None, *, content: bool
    ) -> web.StreamResponse:
        if name is None:
            return await self.files.upload(request)
        return self.files.content(name) if content else self.files.file(name)

    async def _file_batch(
        self, request: web.BaseRequest, key: str, name: str | None, deed: str | None
    ) -> web.StreamResponse:
        prefix = request.path.split("/", 2)[1]
        provider = prefix if prefix in {"mistral", "azure"} else "openai"
        if name is None:
            if request.method == "POST":
                return await self.files.create(request, provider, key)
            return self.files.listed(provider, key, _query(request))
        return self.files.cancel(name) if deed == "/cancel" else self.files.batch(name)

    async def _message_batch(
        self, request: web.BaseRequest, key: str, name: str | None, deed: str | None
    ) -> web.StreamResponse:
        if name is None:
            if request.method == "POST":
                return await self.messages.create(request, key)
            return self.messages.listed(request, key)
        match deed:
            case "/cancel":
                return self.messages.cancel(request, name)
            case "/results":
                return self.messages.results(name)
            case _:
                return self.messages.batch(request, name)


def _query(request: web.BaseRequest) -> Mapping[str, str]:
    return dict(request.query)


def _shown(batch: SimulatedBatch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "provider": batch.provider,
        "lines": [name for name, _ in batch.lines],
        "event": batch.event,
        "cancelled": batch.cancelled is not None,
        "created": batch.created,
    }


def batches_answer(service: BatchService) -> web.Response:
    """GET /control/batches."""
    return web.Response(body=to_json(service.told()), content_type="application/json")
