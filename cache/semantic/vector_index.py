"""Vector index: Redis vector sets, or arrays in this process. Which questions are nearest?

A space is a tenant's scope under one epoch and one embedder version: a hard partition. An index
may name what is gone (the entry's own key decides) and may miss what is there (a miss, no harm).
"""

import asyncio
from collections.abc import Iterable
from threading import Lock
from typing import Final, Protocol, cast

import numpy as np
from cachetools import LRUCache
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from cache.semantic.vector_rows import NearestVector, VectorRows
from cache.verification.quantized_embedding import Vector
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.key_names import named

LOG_LENGTH: Final = 100_000
RECONNECT_S: Final = 1.0
MANY_ROWS: Final = 20_000
"""From here on a search takes about a millisecond and has a thread of its own."""
MAX_SPACES: Final = 10_000


class VectorIndex(Protocol):
    """Nearest neighbours by cosine. Every method may raise REDIS_UNAVAILABLE."""

    async def add(self, space: str, entry: str, vector: Vector, ttl_s: int) -> None:
        """Puts an entry in, or moves it."""
        ...

    async def nearest(self, space: str, vector: Vector, count: int) -> list[NearestVector]:
        """The nearest entries, nearest first."""
        ...

    async def remove(self, space: str, entries: Iterable[str]) -> None:
        """Takes entries out; those that aren't there don't matter."""
        ...

    async def close(self) -> None:
        """Ends background work."""
        ...


class RedisIndex:
    """One Redis 8 vector set per space, in 8 bits. VSIM's score is (1 + cosine) / 2."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def add(self, space: str, entry: str, vector: Vector, ttl_s: int) -> None:
        """The set ends with the last of its entries."""
        blob = vector.astype(np.float32).tobytes()
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.execute_command("VADD", space, "FP32", blob, entry)
            pipe.expire(space, ttl_s, nx=True)
            pipe.expire(space, ttl_s, gt=True)
            await pipe.execute()

    async def nearest(self, space: str, vector: Vector, count: int) -> list[NearestVector]:
        """By VSIM; empty when there is no such set."""
        blob = vector.astype(np.float32).tobytes()
        command = ("VSIM", space, "FP32", blob, "WITHSCORES", "COUNT", count)
        reply = await _execute(self._redis, *command)
        return sorted(_scored(reply), key=lambda near: -near.cosine)

    async def remove(self, space: str, entries: Iterable[str]) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for entry in entries:
                pipe.execute_command("VREM", space, entry)
            await pipe.execute()

    async def close(self) -> None:
        """Nothing runs in the background."""


class ProcessIndex:
    """An index in this process, for servers without vector sets and for speed.

    Kept in step with the other workers by a Redis stream of the last 100,000 changes, which a new
    worker reads from the start. Who misses a change misses a hit; nothing wrong is served.
    """

    def __init__(self, redis: Redis, log: str) -> None:
        self._redis = redis
        self._log = log
        # touched by the event loop alone; only the rows are read on threads, under the lock
        self._spaces: LRUCache[str, VectorRows] = LRUCache(MAX_SPACES)
        self._lock = Lock()
        self._read_to = b"0"
        self._follower: asyncio.Task[None] | None = None
        self._closed = False

    async def add(self, space: str, entry: str, vector: Vector, ttl_s: int) -> None:
        """Here at once, on the other workers when they read the stream. The entry's TTL counts."""
        del ttl_s
        await self._publish({"op": "add", "space": space, "entry": entry, "vector": _pack(vector)})
        self._put(space, entry, vector)

    async def nearest(self, space: str, vector: Vector, count: int) -> list[NearestVector]:
        """By Hamming distance of sign bits, then by 8-bit products."""
        if self._follower is None or self._follower.done():
            self._follower = asyncio.create_task(self._follow())
        rows = self._spaces.get(space)
        if rows is None:
            return []
        if len(rows) < MANY_ROWS:
            return rows.nearest(vector, count)
        return await asyncio.to_thread(self._locked_near, rows, vector, count)

    async def remove(self, space: str, entries: Iterable[str]) -> None:
        """Here at once, elsewhere when the stream is read."""
        for entry in entries:
            self._drop(space, entry)
            await self._publish({"op": "remove", "space": space, "entry": entry})

    async def close(self) -> None:
        self._closed = True  # a cancelled read may end as a TimeoutError of redis-py
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)

    async def _publish(self, change: dict[str, str | bytes]) -> None:
        fields = [part for pair in change.items() for part in pair]
        await _execute(self._redis, "XADD", self._log, "MAXLEN", "~", LOG_LENGTH, "*", *fields)

    async def _follow(self) -> None:
        while not self._closed:
            try:
                await self._read(block_ms=1000)
            except REDIS_UNAVAILABLE:
                await asyncio.sleep(RECONNECT_S)

    async def _read(self, block_ms: int | None) -> int:
        """Applies the next changes; how many there were."""
        wait = () if block_ms is None else ("BLOCK", block_ms)
        command = ("XREAD", "COUNT", 200, *wait, "STREAMS", self._log, self._read_to)
        reply = await _execute(self._redis, *command)
        changes = [change for _, stream in _streams(reply) for change in stream]
        for position, fields in changes:
            self._read_to = position
            self._apply(fields)
        return len(changes)

    def _apply(self, fields: dict[bytes, bytes]) -> None:
        space, entry = fields[b"space"].decode(), fields[b"entry"].decode()
        if fields[b"op"] == b"add":
            self._put(space, entry, _unpack(fields[b"vector"]))
        else:
            self._drop(space, entry)

    def _locked_near(self, rows: VectorRows, vector: Vector, count: int) -> list[NearestVector]:
        with self._lock:
            return rows.nearest(vector, count)

    def _put(self, space: str, entry: str, vector: Vector) -> None:
        rows = self._spaces.get(space)
        if rows is None:
            rows = self._spaces[space] = VectorRows(vector.size)
        with self._lock:
            rows.put(entry, vector)

    def _drop(self, space: str, entry: str) -> None:
        rows = self._spaces.get(space)
        if rows is not None:
            with self._lock:
                rows.remove(entry)


async def has_vector_sets(redis: Redis) -> bool:
    """Whether the server knows vector sets (Redis 8). Raises when it can't be reached."""
    try:
        await _execute(redis, "VCARD", named("no", "such", "key"))
    except ResponseError:
        return False
    return True


async def _execute(redis: Redis, *command: str | bytes | int) -> object:
    """A command that redis-py has no typed method for."""
    return await redis.execute_command(*command)  # type: ignore[no-untyped-call]


def _scored(reply: object) -> list[NearestVector]:
    """RESP2 gives a flat list, RESP3 a map."""
    if isinstance(reply, dict):
        pairs = list(reply.items())
    else:
        flat = cast("list[bytes]", reply or [])
        pairs = list(zip(flat[::2], flat[1::2], strict=True))
    return [NearestVector(entry.decode(), 2 * float(score) - 1) for entry, score in pairs]


def _streams(reply: object) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]:
    if isinstance(reply, dict):
        return [(name, entries[0]) for name, entries in reply.items()]
    return cast("list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]", reply or [])


def _pack(vector: Vector) -> bytes:
    return np.clip(np.rint(vector * 127), -127, 127).astype(np.int8).tobytes()


def _unpack(packed: bytes) -> Vector:
    vector = np.frombuffer(packed, dtype=np.int8).astype(np.float32)
    length = float(np.linalg.norm(vector)) or 1.0
    return vector / np.float32(length)
