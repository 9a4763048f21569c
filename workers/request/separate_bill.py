"""Separate bill: calls that were paid for, and that no reply's account tells.

So it is with a request that broke its worker, and after a worker that was outrun: another one's
answer counts, and its own calls were paid all the same.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from producers.contract import Failed
from workers.accounting.request_accounting import FinalMessages, RequestAccounting, unbooked
from workers.calling.answer_source import Obtained
from workers.delivery.idempotency import Conflict, FinalRecords
from workers.delivery.reply_channel import ReplyChannel
from workers.delivery.work_item import WorkItem
from workers.planning.next_step import GiveUp

BROKE: Final = GiveUp("internal_error", "the request broke its worker", retryable=False)
_OUTRUN: Final = GiveUp("internal_error", "another worker answered it first", retryable=False)


@dataclass(frozen=True, slots=True)
class SeparateBill:
    """Of one request in this worker. report: tells an account to the metrics."""

    channel: ReplyChannel
    accounting: RequestAccounting
    report: Callable[[FinalMessages[Failed]], None]

    async def book(self, obtained: Obtained, why: GiveUp = BROKE) -> None:
        """All its calls, in an event of their own; its sender is told by somebody else."""
        messages = self.accounting.failed(obtained, why, time.time() * 1000)
        if obtained.made:
            messages = messages.of_broken_run(str(int(self.accounting.begun_ms)))
        else:
            messages = messages.of_earlier_calls(obtained.item.submitted_ms)
        self.report(messages)
        await self.channel.publish_usage(messages.event)

    async def book_outrun(self, obtained: Obtained, first: FinalRecords | Conflict) -> None:
        """Another ending came first: what this worker called, and who was before it."""
        if obtained.made:
            await self.book(replace(obtained, attempts=obtained.made), _OUTRUN)
        await self.book_earlier(obtained.item, first)

    async def book_earlier(self, item: WorkItem, ending: FinalRecords | Conflict) -> None:
        """What workers before this one called, and the ending that counts doesn't tell."""
        usage = ending.usage if isinstance(ending, FinalRecords) else None
        missing = unbooked(item.attempts, usage)
        if missing:
            await self.book(Obtained.nothing(replace(item, attempts=missing), _OUTRUN), _OUTRUN)
