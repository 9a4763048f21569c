"""Cancellations: the requests that their callers gave up, and what stops their tasks."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from producers.kafka.broker import Record

_REMEMBERED: Final = 100_000


class RequestCancelled(Exception):  # noqa: N818 it is an answer, not an error
    """The caller cancelled the request while it was being served."""


class Cancellations:
    """The ids cancelled lately, and the tasks that serve a request now."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._tasks: dict[str, set[asyncio.Task[object]]] = {}

    def receive(self, record: Record) -> None:
        """A record of the cancellation topic: its key is the request's id."""
        request_id = (record.key or b"").decode(errors="replace")
        self._ids[request_id] = None
        if len(self._ids) > _REMEMBERED:
            self._ids.popitem(last=False)
        for task in self._tasks.get(request_id, ()):
            task.cancel()

    @contextmanager
    def stopping(self, request_id: str) -> Iterator[None]:
        """Raises RequestCancelled inside, at once or whenever the caller cancels."""
        if request_id in self._ids:
            raise RequestCancelled
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 a worker serves in tasks
        # without Redis, two tasks of one process may serve the same request
        tasks = self._tasks.setdefault(request_id, set())
        tasks.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if request_id in self._ids and task.uncancel() == 0:
                raise RequestCancelled from None
            raise
        finally:
            tasks.discard(task)
            if not tasks:
                self._tasks.pop(request_id, None)
