"""Separate bill: calls that were paid for, and that no reply's account tells.

So it is with a request that broke its worker, and after a worker that was outrun: another one's
answer counts, and its own calls were paid all the same.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from producers.contract import Attempt, Failed
from runtime.process.crash_cause import crash_cause
from workers.accounting.request_accounting import FinalMessages, RequestAccounting, unbooked
from workers.calling.answer_source import Obtained
from workers.delivery.claims import Conflict, FinalRecords
from workers.delivery.reply_channel import ReplyChannel
from workers.delivery.work_item import WorkItem
from workers.planning.next_step import GiveUp

_OUTRUN: Final = GiveUp("internal_error", "another worker answered it first", retryable=False)


def broken_by(error: Exception) -> GiveUp:
    """What the account says of a request that broke its worker."""
    why = crash_cause(error, "its worker")
    return GiveUp(why.code, why.message, retryable=False)


@dataclass(frozen=True, slots=True)
class SeparateBill:
    """Of one request in this worker. report: tells an account to the metrics."""

    channel: ReplyChannel
    accounting: RequestAccounting
    report: Callable[[FinalMessages[Failed]], None]

    async def book(self, obtained: Obtained, why: GiveUp) -> None:
        """All its calls, those of earlier workers apart; its sender is told by somebody else."""
        await self._book_made(obtained, why)
        await self._book_calls(obtained.item, obtained.item.attempts, why)

    async def book_outrun(self, obtained: Obtained, first: FinalRecords | Conflict) -> None:
        """Another ending came first: what this worker called, and who was before it."""
        await self._book_made(obtained, _OUTRUN)
        await self.book_earlier(obtained.item, first)

    async def book_earlier(self, item: WorkItem, ending: FinalRecords | Conflict) -> None:
        """What workers before this one called, and the ending that counts doesn't tell."""
        usage = ending.usage if isinstance(ending, FinalRecords) else None
        await self._book_calls(item, unbooked(item.attempts, usage), _OUTRUN)

    async def _book_made(self, obtained: Obtained, why: GiveUp) -> None:
        if obtained.made:
            ours = replace(obtained, attempts=obtained.made)
            messages = self.accounting.failed(ours, why, time.time() * 1000)
            await self._tell(messages.of_broken_run(str(int(self.accounting.begun_ms))))

    async def _book_calls(self, item: WorkItem, calls: tuple[Attempt, ...], why: GiveUp) -> None:
        if calls:
            theirs = Obtained.nothing(replace(item, attempts=calls), why)
            messages = self.accounting.failed(theirs, why, time.time() * 1000)
            await self._tell(messages.of_earlier_calls(item))

    async def _tell(self, messages: FinalMessages[Failed]) -> None:
        self.report(messages)
        await self.channel.publish_usage(messages.event)
