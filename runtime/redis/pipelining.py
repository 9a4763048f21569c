"""Pipelining of Redis commands: those of many concurrent requests share one round trip.

What is asked for while a pipeline is under way leaves together as the next one. A lane keeps its
connection: to take one of the pool, count it and give it back for every pipeline cost more than the
commands in it, which the client library counts, packs and resets besides.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha1
from typing import Any, Final, TypeAlias

from hiredis import pack_command
from redis.asyncio import Connection, Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError

from runtime.redis.attended_timeout import AttendedClock, AttendedTimeout

MAX_PIPELINE: Final = 128
PATIENCE_S: Final = 2.0

RedisCommand: TypeAlias = Callable[[Pipeline], object]
"""Adds one command to a pipeline: `lambda pipe: pipe.get(key)`. Its name has no space in it."""
_Words: TypeAlias = tuple[str | bytes | float, ...]
_Sent: TypeAlias = tuple[_Words, Mapping[str, Any] | None]
"""A command, and how the client library is to read its answer; None: as it comes."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A command, who waits for its answer, and since when (the lane's seconds)."""

    command: RedisCommand | _Words
    answer: "asyncio.Future[Any]"
    at: float

    def resolve(self, result: object) -> None:
        if self.answer.done():
            return
        if isinstance(result, BaseException):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)


class PipelineLane:
    """One lane of pipelines, on one event loop. It keeps one of its client's connections."""

    def __init__(self, redis: Redis, patience_s: float = PATIENCE_S) -> None:
        """patience_s: what isn't answered by then fails, so that a hung Redis holds nobody up.

        Seconds in which the event loop was held up don't count.
        """
        self._redis = redis
        self._patience_s = patience_s
        self._clock = AttendedClock(patience_s)
        self._waiting: list[_Waiting] = []
        self._sending: asyncio.Task[None] | None = None
        self._waited_s = 0.0  # for Redis, in all: the clock of the lane
        self._kept: Connection | None = None

    @property
    def redis(self) -> Redis:
        """The client whose lane it is."""
        return self._redis

    def ask(self, *words: str | bytes | float) -> "asyncio.Future[Any]":
        """As `send`: a command by its words, and its answer as it comes.

        For what every request sends: to add a command to a pipeline takes ten calls.
        """
        return self.send(words)

    def send(self, command: RedisCommand | _Words) -> "asyncio.Future[Any]":
        """The command's answer. Raises REDIS_UNAVAILABLE when awaited.

        A caller that is cancelled doesn't call back a command that has left.
        """
        loop = asyncio.get_running_loop()
        entry = _Waiting(command, loop.create_future(), self._waited_s)
        self._waiting.append(entry)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all())
        return entry.answer

    def script(self, lua: str) -> "Script":
        """A script by its text, to be called as often as it is needed."""
        return Script(self, lua, sha1(lua.encode(), usedforsecurity=False).hexdigest())

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MAX_PIPELINE], self._waiting[MAX_PIPELINE:]
                await self._exchange(self._in_time(batch))
        finally:
            self._sending = None
            self._fail_all(TimeoutError("stopped"))

    def _in_time(self, batch: Sequence[_Waiting]) -> list[_Waiting]:
        """Without those who gave up meanwhile, and those who have waited too long.

        Who came while an exchange was under way has waited since its beginning, by this clock.
        """
        oldest, in_time = self._waited_s - self._patience_s, list[_Waiting]()
        for entry in batch:
            if entry.at < oldest:
                entry.resolve(TimeoutError("Redis is slow"))
            elif not entry.answer.done():
                in_time.append(entry)
        return in_time

    async def _exchange(self, batch: Sequence[_Waiting]) -> None:
        begun_s = self._clock.reading_s()
        try:
            with AttendedTimeout(self._clock):
                answers = await self._answers([self._sent(entry.command) for entry in batch])
        except BaseException as error:
            # whoever waits for the next one would only wait for the same
            failed = error if isinstance(error, Exception) else TimeoutError("stopped")
            for entry in batch:
                entry.resolve(failed)
            self._fail_all(failed)
            if not isinstance(error, Exception):
                raise
        else:
            for entry, answer in zip(batch, answers, strict=True):
                entry.resolve(answer)
        finally:
            self._waited_s += self._clock.reading_s() - begun_s

    def _sent(self, command: RedisCommand | _Words) -> _Sent:
        if isinstance(command, tuple):
            return command, None
        pipe = self._redis.pipeline(transaction=False)
        command(pipe)
        ((words, options),) = pipe.command_stack
        return words, options

    async def _answers(self, commands: Sequence[_Sent]) -> list[object]:
        """Each command's answer, or the error that Redis gave for it."""
        # its stub says a tuple of one where it takes any
        packed: list[bytes] = [pack_command(arguments) for arguments, _ in commands]  # type: ignore[arg-type]
        connection = await self._connection()
        exchange = partial(self._exchange_on, connection, packed, commands)
        try:
            # as often as the client is to try
            return await connection.retry.call_with_retry(
                exchange, lambda _: connection.disconnect()
            )
        except BaseException:
            # an answer that is still to come would be taken for the next command's
            await connection.disconnect(nowait=True)
            raise

    async def _connection(self) -> Connection:
        kept, asked = self._kept, self._kept is not None
        if kept is None:
            self._kept = kept = await self._redis.connection_pool.get_connection()  # type: ignore[no-untyped-call]
            # the lane's patience holds for all of an exchange; a timer and a task for each write
            # and each answer would cost as much as the rest of it
            kept.socket_timeout = None
        if kept.is_connected:
            if not asked or not await kept.can_read():
                return kept
            # nothing was asked, so this is the end of it: Redis has closed it meanwhile
            await kept.disconnect(nowait=True)
        await kept.connect()
        return kept

    async def _exchange_on(
        self, connection: Connection, packed: Sequence[bytes], commands: Sequence[_Sent]
    ) -> list[object]:
        try:
            await connection.send_packed_command(packed, check_health=False)
        except RuntimeError as error:
            # uvloop's for a transport that Redis has closed; the client library knows OSErrors
            raise RedisConnectionError(f"nothing can be written: {error}") from error
        answers = list[object]()
        for arguments, options in commands:
            try:
                if options is None:
                    answer = await connection.read_response()
                else:
                    name = str(arguments[0])
                    answer = await self._redis.parse_response(connection, name, **options)
                answers.append(answer)
            except ResponseError as error:
                answers.append(error)
        return answers

    def _fail_all(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, []
        for entry in waiting:
            entry.resolve(error)


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script: called by its digest, sent whole to a Redis that doesn't know it (yet).

    Sent whole it goes behind what was asked for meanwhile: not for what must keep its turn.
    """

    trips: PipelineLane
    lua: str
    digest: str

    async def __call__(self, keys: Sequence[str], args: Sequence[Any] = ()) -> Any:  # noqa: ANN401
        """The script's answer. Raises as `PipelineLane.send`."""
        try:
            return await self.trips.ask("EVALSHA", self.digest, len(keys), *keys, *args)
        except NoScriptError:
            return await self.trips.ask("EVAL", self.lua, len(keys), *keys, *args)
