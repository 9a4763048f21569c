"""Reply channel: a request's chunks, its final reply and its usage event on their topics."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from observability.tracing.request_trace import RequestTrace
from producers.contract import (
    Failed,
    FailureCode,
    UsageEvent,
    answer_message,
    codec,
    message_deltas,
    topics,
)
from producers.json_values import marks_in
from producers.kafka.broker import Outgoing, Publisher
from runtime import limits
from runtime.process.reply_records import failed_record, reply_headers, reply_record
from workers.delivery.chunk_stream import ChunkPublisher
from workers.delivery.claims import FinalRecords
from workers.delivery.work_item import WorkItem

_CODE: Final[FailureCode] = "id_reused"
_TAKEN: Final = (
    "this id was used before with another request: give each request an id of its own, and repeat "
    "an id only with the same body"
)


@dataclass(frozen=True, slots=True)
class ReplyChannel:
    """The way back to one request's caller."""

    publisher: Publisher
    item: WorkItem
    trace: RequestTrace

    async def publish(self, ending: FinalRecords) -> None:
        """Returns once Kafka has both records. The trace links to whoever else made them."""
        self.trace.link(ending.trace)
        request = self.item.request
        tenant = request.tenant.encode()
        reply = reply_record(self.item.reply, ending.reply, request.id, self._headers())
        with self.trace.span("reply", kind="producer"):
            # the account first: it is written too when the reply never can be
            await self.publisher.publish(Outgoing(topics.USAGE, ending.usage, tenant), reply)

    async def refuse(self, trace_id: str) -> FailureCode:
        """Tells that the id is another request's. Without an account: that one has it."""
        name, code = self.item.request.id, _CODE
        failed = Failed(id=name, code=code, message=_TAKEN, retryable=False, trace_id=trace_id)
        tenant, trace = self.item.request.tenant, self.trace.headers()
        reply = failed_record(failed, self.item.reply, tenant=tenant, trace=trace)
        with self.trace.span("reply", kind="producer"):
            await self.publisher.publish(reply)
        return code

    async def publish_usage(self, event: UsageEvent) -> None:
        """Publishes a usage event alone, of a call that has no reply."""
        tenant = event.tenant.encode()
        await self.publisher.publish(Outgoing(topics.USAGE, codec.encode(event), tenant))

    def chunks(self, run: int) -> ChunkPublisher:
        """For the pieces of a streamed answer; run: as in `Chunk`."""
        request_id = self.item.request.id
        return ChunkPublisher(self.publisher, self.item.reply, request_id, run, self._headers())

    async def replay(self, body: Mapping[str, Any], run: int) -> None:
        """A whole answer, as the chunks that a caller who asked for a stream expects."""
        chunks = self.chunks(run)
        for delta in message_deltas(answer_message(body)):
            await chunks.emit(delta)
        await chunks.flush()

    def _headers(self) -> codec.Headers:
        request = self.item.request
        return reply_headers(request.id, request.tenant, self.trace.headers(), self.item.reply)


def reply_refusal(reply: bytes) -> str | None:
    """What is too much about an encoded reply for its record or its reader; None if nothing is."""
    large = limits.ANSWER.refusal(len(reply))
    if large is not None or len(reply) <= limits.REPLY_MARKS.value:
        return large
    return limits.REPLY_MARKS.refusal(marks_in(reply))
