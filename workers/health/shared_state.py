"""Shared health state in Redis: breaker news, places for probes, rate budgets, workers' reports.

Everything here can be lost: a worker without Redis goes on with what it sees itself, and on the
link's return both sides say what they know.
Durations travel instead of instants, so that no two clocks need to agree.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar, cast

from pydantic import Field, TypeAdapter
from redis.asyncio.client import PubSub
from redis.client import NEVER_DECODE

from runtime import limits
from runtime.circuit_breaker.rules import Reason
from runtime.fleet.speed_reports import REPORTS
from runtime.redis.connection import RedisLink, raise_if_cancelled
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.key_names import named
from runtime.redis.lease import CountingLeases, RedisAway
from runtime.redis.lua_files import lua
from workers.health.limits.rate_budget import BURST_S, LEASE_S, LeaseGrant, LeaseRequest, Quota

SharedBreakerState: TypeAlias = Literal["open", "closed", "forced_open", "forced_closed"]
OnNews: TypeAlias = "Callable[[BreakerNews], None]"
BREAKERS: Final = named("breakers")
NEWS: Final = named("breakers", "news")
WORKERS: Final = named("workers")
_log: Final = logging.getLogger(__name__)
_LONGEST_OPEN_S: Final = 7 * 86_400.0
_Seconds: TypeAlias = Annotated[float, Field(ge=0, le=_LONGEST_OPEN_S, allow_inf_nan=False)]
_Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=500)]
_PING_EVERY_S: Final = 0.5
_PROBE_LEASE_S: Final = 10.0
_UNLIMITED: Final = -1.0


@dataclass(frozen=True, slots=True)
class BreakerNews:
    """A breaker's state as one worker, or an operator, announces it; the fields are the wire's."""

    breaker: _Name
    state: SharedBreakerState
    by: _Name
    """The worker's or the operator's name."""
    reason: Reason = "failures"
    for_s: _Seconds = 0
    """How long it stays open, in seconds."""
    force: bool = False
    """An operator's word, which replaces an operator's word."""
    tenant: _Name | None = None
    """To whom alone it is open; None: to all."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A breaker's state as `publish_news.lua` keeps it. ends: Unix seconds, of an open one."""

    state: SharedBreakerState
    by: _Name
    reason: Reason
    ends: float
    tenant: _Name | None = None


_Text = TypeVar("_Text", str, bytes)
_NEWS: Final[TypeAdapter[BreakerNews]] = TypeAdapter(BreakerNews)
_KEPT: Final[TypeAdapter[_Kept]] = TypeAdapter(_Kept)


class SharedFleetState:
    """One worker's side of what the fleet shares."""

    def __init__(
        self, link: RedisLink, worker: str, report_unreadable: Callable[[], None] = lambda: None
    ) -> None:
        """worker: a name that no other process has.

        report_unreadable: called for each message or entry that is skipped: other versions write
        what this one doesn't know, and Redis may have other users.
        """
        self._link = link
        self._report_unreadable = report_unreadable
        self.worker: Final = worker
        self.subscribed: Final = asyncio.Event()
        """Set once this worker gets the fleet's news."""
        self._outbox: asyncio.Queue[Callable[[], Awaitable[object]]] = asyncio.Queue()
        script = link.redis.register_script
        self._publish = script(lua("workers.health", "publish_news"))
        self._probes = CountingLeases(link, life_s=_PROBE_LEASE_S)
        self._report = script(lua("workers.health", "report"))
        self._lease = script(lua("workers.health", "lease"))

    @property
    def up(self) -> bool:
        """Whether Redis answered last time."""
        return self._link.up

    def announce(self, news: BreakerNews) -> None:
        """Send it as soon as the loop gets to it; lost when Redis is away."""
        self._outbox.put_nowait(lambda: self.publish(news))

    async def flush(self) -> None:
        """Wait until all that was to be sent has been sent, or lost."""
        await self._outbox.join()

    async def exchange_news(
        self, on_news: OnNews, on_connect: Callable[[Sequence[BreakerNews]], None]
    ) -> None:
        """Until cancelled. on_connect: gets all the news there is, after each (re)connect."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send())
            group.create_task(self._listen(on_news, on_connect))

    async def publish(self, news: BreakerNews) -> bool:
        """Send it now; False when Redis is away, or an operator holds the breaker."""
        args: list[str | float] = [NEWS, news.breaker, news.state, news.reason, news.for_s, news.by]
        args += ["1" if news.force else "0", news.tenant or ""]
        accepted: object = await self._run(lambda: self._publish([BREAKERS], args))
        return accepted == 1

    async def all_news(self) -> Sequence[BreakerNews]:
        """Every breaker that isn't simply closed. Raises RedisError when Redis is away."""
        redis = self._link.redis
        seconds, micros = await redis.time()
        # bytes: one entry that isn't UTF-8 must not hide the others
        reading = redis.execute_command(  # type: ignore[no-untyped-call]
            "HGETALL", BREAKERS, **{NEVER_DECODE: True}
        )
        stored = await cast("Awaitable[dict[bytes, bytes]]", reading)
        return list(self._kept_news(stored, seconds + micros / 1e6))

    def _kept_news(self, stored: Mapping[bytes, bytes], now: float) -> Iterator[BreakerNews]:
        """now: Unix seconds, by Redis' clock."""
        for breaker, text in stored.items():
            try:
                kept = _KEPT.validate_json(short_news(text))
                for_s = max(0.0, kept.ends - now) if kept.state == "open" else 0.0
                news = {"breaker": breaker.decode(), "state": kept.state, "by": kept.by}
                more = {"reason": kept.reason, "for_s": for_s, "tenant": kept.tenant}
                entry = _NEWS.validate_python({**news, **more})
            except ValueError:
                self._skip("an entry of a breaker")
                continue
            if entry.state != "open" or entry.for_s > 0:
                yield entry

    def _skip(self, what: str) -> None:
        self._report_unreadable()
        _log.warning("skipped in Redis: %s that can't be read", what)

    async def take_probe(self, breaker: str, number: int, places: int) -> bool:
        """Whether the fleet has a place left for this worker's probe; yes when Redis is away."""
        key = named("probes", breaker)
        taken = await self._probes.take(key, self._probe_id(number), places)
        return isinstance(taken, RedisAway) or taken

    def release_probe(self, breaker: str, number: int) -> None:
        """The probe has ended: its place is free as soon as the loop gets to it."""
        key, holder = named("probes", breaker), self._probe_id(number)
        self._outbox.put_nowait(lambda: self._probes.release(key, holder))

    def _probe_id(self, number: int) -> str:
        return f"{self.worker}:{number}"

    async def lease_rate(self, key: str, quota: Quota, request: LeaseRequest) -> LeaseGrant | None:
        """As `grant_lease`, on the fleet's bucket; None when Redis is away."""
        args = [
            *(_number(limit) for limit in (quota.rpm, quota.tpm)),
            *(BURST_S, LEASE_S),
            *(request.tokens, request.returned_requests, request.returned_tokens),
            *(_number(amount) for amount in (request.remaining_requests, request.remaining_tokens)),
        ]
        answer = await self._run(lambda: self._lease([named("rate", key)], args))
        return None if answer is None else _grant(quota, *map(float, answer))

    async def publish_report(self, report: str, silent_s: float) -> int | None:
        """Leave this worker's report for `status`; how many workers did so within `silent_s`."""
        args: list[str | float] = [self.worker, report, silent_s]
        workers: int | None = await self._run(lambda: self._report([WORKERS, REPORTS], args))
        return workers

    async def _run(self, command: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 -- Lua's
        return await self._link.run(command)

    async def _send(self) -> None:
        while True:
            send = await self._outbox.get()
            await send()
            self._outbox.task_done()
            raise_if_cancelled()

    async def _listen(
        self, on_news: OnNews, on_connect: Callable[[Sequence[BreakerNews]], None]
    ) -> None:
        while True:
            if await self._link.ping():
                try:
                    await self._listen_while_up(on_news, on_connect)
                except REDIS_UNAVAILABLE:
                    self._link.lose()
                except UnicodeDecodeError:
                    # of a message: the subscription's connection is left in the middle of it
                    self._skip("news of a breaker")
                    continue
            await asyncio.sleep(_PING_EVERY_S)

    async def _listen_while_up(
        self, on_news: OnNews, on_connect: Callable[[Sequence[BreakerNews]], None]
    ) -> None:
        async with self._link.redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(NEWS)
            # in this order: what is announced between the two arrives twice rather than never
            on_connect(await self.all_news())
            self.subscribed.set()
            while await self._link.ping():
                await self._receive(channel, on_news, _PING_EVERY_S)

    async def _receive(self, channel: PubSub, on_news: OnNews, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while (left_s := ends - loop.time()) > 0:
            message = await channel.get_message(timeout=left_s)
            if message is not None:
                try:
                    news = _NEWS.validate_json(short_news(message["data"]))
                except ValueError:
                    self._skip("news of a breaker")
                    continue
                if news.by != self.worker:
                    on_news(news)


def short_news(text: _Text) -> _Text:
    """`text`. Raises ValueError for one that nobody of us wrote: it is too long."""
    if len(text) > limits.BREAKER_NEWS.value:
        raise ValueError(limits.BREAKER_NEWS.name)
    return text


def _number(limit: float | None) -> float:
    return _UNLIMITED if limit is None or limit == float("inf") else limit


def _grant(quota: Quota, requests: float, tokens: float, wait_s: float) -> LeaseGrant:
    if wait_s > 0:
        return LeaseGrant(0, 0, wait_s)
    unlimited = float("inf")
    return LeaseGrant(
        unlimited if quota.rpm is None else requests,
        unlimited if quota.tpm is None else tokens,
    )
