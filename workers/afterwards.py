"""What follows once the caller has an answer: what it teaches, and what checking it has cost."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from observability.hop import Hop
from producers.messages import Attempt, Done

from . import account
from .account import Aside
from .job import Job
from .lesson import lesson
from .parts import Pool
from .reply import ReplyChannel
from .world import World


@dataclass(frozen=True, slots=True)
class Afterwards:
    """Of one request, whose last step was in this worker."""

    pool: Pool
    job: Job
    hop: Hop
    world: World

    async def judge(self, done: Done) -> None:
        """The second opinion: paid for, counted, and passed on to the router."""
        opinion = await self.pool.opinion.seek(self.world, self.job, self.hop, done)
        if opinion.aside is not None:
            await self._account_for(opinion.aside)
        if opinion.verdict is not None:
            await self.teach(good=opinion.verdict.supported)

    async def teach(self, *, good: bool) -> None:
        """Tells the router how the answer of its tier was."""
        record = lesson(self.job, good=good)
        if record is not None:
            await self.pool.publisher.publish(record)

    async def pay_check(self, attempts: Sequence[Attempt], good: Attempt | None) -> None:
        """What the call cost that the cache asked for. good: the attempt that was answered."""
        if not attempts:
            return
        call = good or attempts[-1]
        aside = Aside(
            purpose="cache",
            tier=self.job.route.tier,
            call=call,
            entry=self.world.catalog.deployments[call.deployment],
            attempts=tuple(attempts),
        )
        await self._account_for(aside)

    async def _account_for(self, aside: Aside) -> None:
        event = account.aside_event(self.job, aside, self.hop.trace_id, int(time.time() * 1000))
        self.pool.reporter.record(event, exported=self.hop.settle())
        await ReplyChannel(self.pool.publisher, self.job, self.hop).account(event)
