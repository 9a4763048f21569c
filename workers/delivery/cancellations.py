"""Cancellations: the requests that their callers gave up, and what stops their tasks."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

from producers.contract import codec, topics
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
        """A record of the cancellation topic: its key is the request's id.

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
            if name == request_id and tenant in (None, owner):
                for task in tasks:
                    task.cancel()

    @contextmanager
    def stopping(self, tenant: str, request_id: str) -> Iterator[None]:
        """Raises RequestCancelled inside, at once or whenever the caller cancels."""
        if self._is_cancelled(tenant, request_id):
            raise RequestCancelled
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 a worker serves in tasks
        # without Redis, two tasks of one process may serve the same request
        tasks = self._tasks.setdefault((tenant, request_id), set())
        tasks.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if self._is_cancelled(tenant, request_id) and task.uncancel() == 0:
                raise RequestCancelled from None
            raise
        finally:
            tasks.discard(task)
            if not tasks:
                self._tasks.pop((tenant, request_id), None)

    def _is_cancelled(self, tenant: str, request_id: str) -> bool:
        return (tenant, request_id) in self._cancelled or (None, request_id) in self._cancelled
