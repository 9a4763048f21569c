"""Cancellations: the requests and jobs that their callers gave up, and what stops their tasks."""

import asyncio
from collections import OrderedDict
from types import TracebackType
from typing import Final, TypeAlias

from producers.contract import codec, topics
from producers.jobs.lines import job_of
from producers.kafka.broker import Record
from runtime import limits
from runtime.identity.record_guard import RecordGuard, of_tenant

_REMEMBERED: Final = limits.REMEMBERED_CANCELLATIONS.value
_Key: TypeAlias = tuple[str | None, str]
"""A tenant, None = any, and a request's id."""


class RequestCancelled(Exception):  # noqa: N818 it is an answer, not an error
    """The caller cancelled the request while it was being served."""


async def admit_cancellation(guard: RecordGuard, record: Record) -> Record:
    """The cancellation in its sender's name. Raises ForbiddenError."""
    claimed = codec.header(record.headers, codec.TENANT_HEADER)
    sender = await guard.require(record, topics.CANCELLATIONS, claimed)
    return record if sender is None else of_tenant(record, sender.tenant)


class Cancellations:
    """The ids cancelled lately, and the tasks that serve a request now."""

    def __init__(self, *, without_tenant: bool = False) -> None:
        """without_tenant: a record that names no tenant counts for all: clients before 0.2."""
        self._without_tenant = without_tenant
        self._cancelled: OrderedDict[_Key, None] = OrderedDict()
        self._tasks: dict[tuple[str, str], set[asyncio.Task[object]]] = {}

    def receive(self, record: Record) -> None:
        """A record of the cancellation topic: its key is the request's id, or its job's.

        Raises ValueError when it isn't one, or doesn't say whose request it is.
        """
        request_id = codec.read_name(record.key)
        tenants = (value for name, value in record.headers if name == codec.TENANT_HEADER)
        tenant = codec.read_name(next(tenants, None))
        if request_id is None or (tenant is None and not self._without_tenant):
            raise ValueError("a cancellation needs a request's id as its key, and its tenant")
        self._cancelled[tenant, request_id] = None
        if len(self._cancelled) > _REMEMBERED:
            self._cancelled.popitem(last=False)
        # in flight are some hundreds at most
        for (owner, name), tasks in self._tasks.items():
            if request_id in (name, job_of(name)) and tenant in (None, owner):
                for task in tasks:
                    task.cancel()

    def stopping(self, tenant: str, request_id: str) -> "StoppedByCaller":
        """A context that raises RequestCancelled, at once or whenever the caller cancels."""
        return StoppedByCaller(self, (tenant, request_id))

    def is_cancelled(self, request: tuple[str, str]) -> bool:
        """Whether its caller has cancelled it. request: tenant and id."""
        if not self._cancelled:
            return False
        tenant, name = request
        names = (name,) if (job := job_of(name)) is None else (name, job)
        return any(
            key in self._cancelled for each in names for key in ((tenant, each), (None, each))
        )

    def begin(self, request: tuple[str, str], task: "asyncio.Task[object]") -> None:
        """`task` serves the request now."""
        # without Redis, two tasks of one process may serve the same request
        self._tasks.setdefault(request, set()).add(task)

    def end(self, request: tuple[str, str], task: "asyncio.Task[object]") -> None:
        """`task` serves it no more."""
        tasks = self._tasks[request]
        tasks.discard(task)
        if not tasks:
            del self._tasks[request]


class StoppedByCaller:
    """Work for a request, in the current task, until its caller cancels it."""

    __slots__ = ("_cancellations", "_request", "_task")

    def __init__(self, cancellations: Cancellations, request: tuple[str, str]) -> None:
        self._cancellations = cancellations
        self._request = request

    def __enter__(self) -> None:
        if self._cancellations.is_cancelled(self._request):
            raise RequestCancelled
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 a worker serves in tasks
        self._task = task
        self._cancellations.begin(self._request, task)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cancellations.end(self._request, self._task)
        if (
            kind is asyncio.CancelledError
            and self._cancellations.is_cancelled(self._request)
            and self._task.uncancel() == 0
        ):
            raise RequestCancelled from None
