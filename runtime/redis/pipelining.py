"""Pipelining of Redis commands: those of many concurrent requests share one round trip.

What is asked for while a pipeline is under way leaves together as the next one. A lane keeps its
connection, and a trip on it makes no task and no stream's steps: only to connect, and to try again,
is a task's work.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha1
from typing import Any, Final, TypeAlias

from hiredis import pack_command
from redis.asyncio import Connection, Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError

from runtime.redis.attended_timeout import STEPS, AttendedClock
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.reply_protocol import ReplyProtocol

_log: Final = logging.getLogger(__name__)
MAX_PIPELINE: Final = 128
PATIENCE_S: Final = 2.0
OPENING_S: Final = 5.0
"""Four round trips and more, of a Redis that may be as far away as a command has patience."""

Words: TypeAlias = tuple[str | bytes | float, ...]
_Answer: TypeAlias = "asyncio.Future[Any]"
_Waiting: TypeAlias = tuple[bytes, _Answer, int]
"""A packed command, who waits for its answer, and since which step of the lane's clock."""
_Asked: TypeAlias = tuple[bytes | Callable[[], Words], _Answer, int]
"""The same before it leaves: its words may be told only then."""


class PipelineLane:
    """One lane of pipelines, on one event loop. It keeps one of its client's connections."""

    def __init__(self, redis: Redis, patience_s: float = PATIENCE_S) -> None:
        """patience_s: what isn't answered by then fails, so that a hung Redis holds nobody up.

        Seconds in which the event loop was held up don't count.
        """
        self._redis = redis
        self._clock = AttendedClock(patience_s)
        self._waiting: list[_Asked] = []
        self._under_way: list[_Waiting] = []
        self._is_busy = False
        """Whether a pipeline is under way, or about to leave."""
        self._kept: Connection | None = None
        self._wire: ReplyProtocol | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._is_opening = False
        self._ended: asyncio.Future[None] | None = None
        """What the task of a lane that connects waits for: the end of its exchange."""
        self.ends = 0
        """As `AttendedWait` says: the exchange under way has until then."""

    @property
    def redis(self) -> Redis:
        """The client whose lane it is."""
        return self._redis

    async def open(self) -> bool:
        """Connects ahead of the first command, and without its patience; whether it did.

        A Redis that is far away answers the commands of an open lane in time, and none of those
        for which it must be opened first.
        """
        if self._is_busy or self._wire is not None:
            return self._wire is not None
        self._is_busy = True
        try:
            await self._open(await self._connection())
        except REDIS_UNAVAILABLE as error:
            _log.warning("Redis isn't there yet: %s", type(error).__name__)
            return False
        else:
            return True
        finally:
            self._is_busy = False
            self._leave()  # what was asked for meanwhile

    def ask(self, *words: str | bytes | float) -> _Answer:
        """A command by its words; its answer as it comes. Raises REDIS_UNAVAILABLE when awaited.

        A caller that is cancelled doesn't call back a command that has left.
        """
        answer = asyncio.get_running_loop().create_future()
        packed = _packed(words, answer)
        if packed is not None:
            self._take(packed, answer)
        return answer

    def ask_at_last(self, words: Callable[[], Words]) -> _Answer:
        """As `ask`, of a command that may grow until it leaves: then its words are asked for."""
        answer = asyncio.get_running_loop().create_future()
        self._take(words, answer)
        return answer

    def script(self, lua: str) -> "Script":
        """A script by its text, to be called as often as it is needed."""
        return Script(self, lua, sha1(lua.encode(), usedforsecurity=False).hexdigest())

    def expire(self) -> None:
        """The exchange under way has taken too long; who waits for the next one would as well."""
        self._fail(TimeoutError("Redis is slow"))
        if self._connecting is None:
            self._is_busy = False
            return
        if not self._is_opening:  # else it goes on: what is asked for next finds the lane open
            self._connecting.cancel()
        self._clock.join(self)  # what is asked for until the task has ended waits no longer

    def _take(self, command: bytes | Callable[[], Words], answer: _Answer) -> None:
        self._waiting.append((command, answer, self._clock.steps))
        if not self._is_busy:
            self._is_busy = True
            answer.get_loop().call_soon(self._leave)

    def _leave(self) -> None:
        """The next pipeline leaves, if there is one."""
        batch = list[_Waiting]()
        while self._waiting and not batch:
            asked, self._waiting = self._waiting[:MAX_PIPELINE], self._waiting[MAX_PIPELINE:]
            batch = self._in_time(asked)
        self._under_way, self._is_busy = batch, bool(batch)
        if not batch:
            return
        self._clock.join(self)
        if self._wire is None or self._wire.over:
            self._connect(None)
        else:
            self._write(self._wire)

    def _in_time(self, asked: Sequence[_Asked]) -> list[_Waiting]:
        """Without those who gave up meanwhile, and those who have waited too long."""
        oldest, in_time = self._clock.steps - STEPS, list[_Waiting]()
        for command, answer, since in asked:
            if answer.done():
                continue
            if since < oldest:
                answer.set_exception(TimeoutError("Redis is slow"))
                continue
            packed = command if isinstance(command, bytes) else _packed(command(), answer)
            if packed is not None:
                in_time.append((packed, answer, since))
        return in_time

    def _write(self, wire: ReplyProtocol) -> None:
        batch = self._under_way
        wire.exchange([packed for packed, _, _ in batch], [answer for _, answer, _ in batch])

    def _on_end(self, error: Exception | None) -> None:
        """All of the exchange under way is answered, or its connection has failed."""
        ended = self._ended
        if ended is None:
            if error is None:
                self._clock.leave(self)
                self._leave()
            else:
                self._connect(error)
        elif ended.done():
            return
        elif error is None:
            ended.set_result(None)
        else:
            ended.set_exception(error)

    def _connect(self, failed: Exception | None) -> None:
        self._connecting = asyncio.create_task(self._connect_and_exchange(failed))

    async def _connect_and_exchange(self, failed: Exception | None) -> None:
        """As often as the client is to try. failed: how the first try has ended, without a task."""
        try:
            is_new = self._kept is None
            connection = await self._connection()
            if failed is not None or not is_new:
                await connection.disconnect(nowait=True)
            tries = partial(self._try, connection, iter(() if failed is None else (failed,)))
            await connection.retry.call_with_retry(
                tries, lambda _: connection.disconnect(nowait=True)
            )
        except BaseException as error:
            self._fail(error if isinstance(error, Exception) else TimeoutError("stopped"))
            if not isinstance(error, Exception):
                raise
        finally:
            self._connecting = self._ended = None
            self._clock.leave(self)
            self._leave()

    async def _connection(self) -> Connection:
        if self._kept is None:
            async with self._opening():  # the pool connects what it gives
                pool = self._redis.connection_pool
                self._kept = await pool.get_connection()  # type: ignore[no-untyped-call]
        return self._kept

    @asynccontextmanager
    async def _opening(self) -> AsyncIterator[None]:
        """A step to a connection, in its own time; a command's patience is short of that."""
        self._is_opening = True
        try:
            async with asyncio.timeout(OPENING_S):
                yield
        except RuntimeError as error:  # uvloop's for a transport that is closed
            raise RedisConnectionError(f"nothing can be written: {error}") from error
        finally:
            self._is_opening = False

    async def _try(self, connection: Connection, failed: Iterator[Exception]) -> None:
        """One try; the first of them may have failed already."""
        for error in failed:
            raise error
        wire = await self._open(connection)
        self._under_way = [entry for entry in self._under_way if not entry[1].done()]
        if not self._under_way:  # they have given up; who asks next finds it open
            return
        self._ended = asyncio.get_running_loop().create_future()
        self._write(wire)
        await self._ended

    async def _open(self, connection: Connection) -> ReplyProtocol:
        async with self._opening():
            await connection.connect()  # type: ignore[no-untyped-call]
            self._wire = wire = await ReplyProtocol.of(connection, self._on_end)
        return wire

    def _fail(self, error: Exception) -> None:
        """All who wait get `error`, and the connection is at its end."""
        if self._wire is not None:
            self._wire.drop()
        waiting, self._under_way, self._waiting = [*self._under_way, *self._waiting], [], []
        for _, answer, _ in waiting:
            if not answer.done():
                answer.set_exception(error)


def _packed(words: Words, answer: _Answer) -> bytes | None:
    """The command by its words; None: it can't be said, which is its answer."""
    try:
        packed: bytes = pack_command(words)  # type: ignore[arg-type]  # its stub says one word
    except (UnicodeError, TypeError) as error:
        answer.set_exception(error)
        return None
    return packed


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script: called by its digest, sent whole to a Redis that doesn't know it (yet).

    Sent whole it goes behind what was asked for meanwhile: not for what must keep its turn.
    """

    trips: PipelineLane
    lua: str
    digest: str

    async def __call__(self, keys: Sequence[str], args: Sequence[Any] = ()) -> Any:  # noqa: ANN401
        """The script's answer. Raises as `PipelineLane.ask`."""
        try:
            return await self.trips.ask("EVALSHA", self.digest, len(keys), *keys, *args)
        except NoScriptError:
            return await self.trips.ask("EVAL", self.lua, len(keys), *keys, *args)
