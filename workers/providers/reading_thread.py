"""Reading thread: what a provider says at length is read beside the event loop, the rest on it."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from workers.providers.base.json_in_turns import LARGE

_T = TypeVar("_T")


async def read_aside(read: Callable[[bytes], _T], payload: bytes) -> _T:
    """What `read` makes of `payload`. Raises what it raises."""
    if len(payload) <= LARGE:
        return read(payload)
    return await asyncio.to_thread(read, payload)
