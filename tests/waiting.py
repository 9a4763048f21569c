"""Waiting: has a condition come true that nobody tells of? Never longer than a limit."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar, overload

PATIENCE_S: Final = 60.0
"""So long that a busy machine is no failure."""

_T = TypeVar("_T")


@overload
async def until(
    condition: Callable[[], Coroutine[Any, Any, _T | None]],
    *,
    within_s: float = ...,
    pause_s: float = ...,
) -> _T: ...
@overload
async def until(
    condition: Callable[[], _T | None], *, within_s: float = ..., pause_s: float = ...
) -> _T: ...
async def until(
    condition: Callable[[], object], *, within_s: float = PATIENCE_S, pause_s: float = 0.01
) -> object:
    """The first true thing that the condition, which may be async, gives.

    Raises TimeoutError, which names the condition.
    """
    try:
        async with asyncio.timeout(within_s) as limit:
            while True:
                given = condition()
                seen = await given if isinstance(given, Awaitable) else given
                if seen:
                    return seen
                await asyncio.sleep(pause_s)
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise _never(condition, within_s) from error


def blocking_until(
    condition: Callable[[], _T | None],
    *,
    within_s: float = PATIENCE_S,
    pause_s: float = 0.05,
    unmet: Callable[[], str] | None = None,
) -> _T:
    """As `until`, for whoever has no event loop; it looks at least once.

    unmet: what is lacking, for the failure. Raises TimeoutError, which names the condition.
    """
    give_up_at = time.monotonic() + within_s
    while not (seen := condition()):
        if time.monotonic() > give_up_at:
            raise _never(condition, within_s, "" if unmet is None else f": {unmet()}")
        time.sleep(pause_s)
    return seen


async def suspended(*tasks: "asyncio.Task[Any]") -> None:
    """Returns once each of the tasks has run as far as to its first wait."""

    def all_wait() -> bool:
        return all(
            isinstance(work := task.get_coro(), Coroutine)
            and inspect.getcoroutinestate(work) == inspect.CORO_SUSPENDED
            for task in tasks
        )

    await until(all_wait)


def _never(condition: Callable[[], object], within_s: float, detail: str = "") -> TimeoutError:
    name = getattr(condition, "__qualname__", repr(condition))
    return TimeoutError(f"{name} didn't come true in {within_s:.0f} s{detail}")
