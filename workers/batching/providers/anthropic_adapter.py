"""Anthropic's message batches: the hard one to find again.

A batch tells nothing of its content before it has ended. So after an unclear creation a batch of
the right time and size that no record claims is adopted as a candidate, and its first result proves
it; two open creations of one account never have the same size.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from producers.contract.batch_record import BatchRecord
from workers.batching.providers.adapter import Away, Created, CreateOutcome, LineItem, NotCreated
from workers.batching.providers.create_outcome import not_created
from workers.batching.providers.http_exchange import HttpExchange, NoAnswer
from workers.batching.wires.anthropic_batches import (
    anthropic_creation,
    anthropic_line,
    anthropic_result,
    anthropic_status,
)
from workers.batching.wires.batch_status import BatchStatus, ResultLine, text
from workers.providers.reading_thread import read_aside

_PATH: Final = "/v1/messages/batches"
_BEFORE_S: Final = 60.0
_PAGE: Final = 1_000


class AnthropicBatchAdapter:
    """A `BatchAdapter` for message batches."""

    def __init__(self, exchange: HttpExchange) -> None:
        """exchange: with the version of the interface among its headers."""
        self._exchange = exchange

    def refusal(self, body: bytes) -> str | None:  # noqa: ARG002 the protocol's
        """All that a call can say."""
        return None

    async def create(self, record: BatchRecord, items: Sequence[LineItem]) -> CreateOutcome:  # noqa: ARG002 it takes no mark
        """One POST with all requests, once."""
        lines = (anthropic_line(item.custom_id, item.body) for item in items)
        answer = await self._exchange.post(_PATH, anthropic_creation(lines))
        if isinstance(answer, NoAnswer) or answer.failure is not None:
            return not_created(answer)
        batch_id = text(answer.body.get("id"))
        return Created(batch_id) if batch_id else not_created(answer)

    async def find(self, record: BatchRecord, known: frozenset[str]) -> Created | NotCreated | Away:
        """By time and size: a candidate that its first result proves, or disproves."""
        answer = await self._exchange.get(_PATH, {"limit": str(_PAGE)})
        if isinstance(answer, NoAnswer):
            return Away(answer.reason)
        if answer.failure is not None:
            return Away(f"HTTP {answer.status}")
        listed = answer.body.get("data")
        rows = listed if isinstance(listed, list) else []
        begin_s = record.formed_ms / 1000 - _BEFORE_S
        end_s = record.submit_until_ms / 1000 + _BEFORE_S
        for status in (anthropic_status(row) for row in rows if isinstance(row, Mapping)):
            timely = status.created_s is not None and begin_s <= status.created_s <= end_s
            if timely and status.requests == record.sent and status.id not in known:
                return Created(status.id, unproven=True)
        return NotCreated("not found at the provider", retry=True)

    async def status(self, record: BatchRecord) -> BatchStatus | Away:
        """One GET."""
        answer = await self._exchange.get(f"{_PATH}/{record.provider_id}")
        if isinstance(answer, NoAnswer):
            return Away(answer.reason)
        if answer.failure is not None:
            return Away(f"HTTP {answer.status}")
        return anthropic_status(answer.body)

    async def cancel(self, record: BatchRecord) -> Away | None:
        """What is in work may still be done."""
        answer = await self._exchange.post(f"{_PATH}/{record.provider_id}/cancel", b"")
        return Away(answer.reason) if isinstance(answer, NoAnswer) else None

    async def results(self, status: BatchStatus) -> AsyncIterator[ResultLine]:
        """In no order."""
        for address in status.results:
            async for line in self._exchange.lines(address):
                yield await read_aside(anthropic_result, line)
