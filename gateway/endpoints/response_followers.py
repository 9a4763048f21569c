"""Response followers: who waits for the answers of responses that nobody holds a connection for.

A follower lives in the gateway that was asked. If that one dies, the request goes on in Kafka and
its answer is recorded with the workers: the next gateway that is asked for the response publishes
the same request again, which gets the recorded answer and costs nothing.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine
from typing import Any, Final

from gateway.answers.dialect import AnswerContext
from gateway.endpoints.dependencies import GatewayDependencies
from gateway.errors.api_error import ApiError
from gateway.exchanges.exchange import Reader, Submission, uncounted
from gateway.openai_responses.call import request_id_of, response_id
from gateway.openai_responses.keeping import answered_response, ended_response, kept_context
from gateway.stored_responses.store import ResponseStoreAwayError
from gateway.stored_responses.stored_response import StoredResponse
from producers.contract import Chunk, Done, codec

_log: Final = logging.getLogger(__name__)
_RECORDED_S: Final = 3_000
"""The workers record an answer for an hour; later the request would be answered, and paid, anew."""
_LOST: Final = ApiError(
    "internal", "response_lost", "its answer was not fetched in time: ask again"
)
_TRIES_S: Final = (0.2, 1.0, 5.0)


def store_away() -> ApiError:
    """Nothing can be looked up, or promised to be found again."""
    words = "stored responses can't be reached now: try again in a moment, or use store: false"
    return ApiError("overloaded", "store_unavailable", words, retry_after_s=2)


class ResponseFollowers:
    """Of one process."""

    def __init__(self, gateway: GatewayDependencies) -> None:
        self._gateway = gateway
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def follow(self, tenant: str, context: AnswerContext, reader: Reader) -> None:
        """Stores the answer once it is there. A response has one follower."""
        if context.request_id in self._tasks:
            self._gateway.exchanges.leave(reader, delivered=True)
            return
        self._start(context.request_id, self._follow(tenant, context, reader))

    async def resume(self, tenant: str, stored: StoredResponse) -> AnswerContext:
        """Follows a pending response wherever it was begun."""
        request_id = request_id_of(stored.response["id"]) or ""
        context = kept_context(stored, request_id)
        if request_id not in self._tasks:
            reader = await self._reader(stored)
            if isinstance(reader, ApiError):
                self._start(request_id, self._end(tenant, context, reader))
            else:
                self.follow(tenant, context, reader)
        return context

    async def _reader(self, stored: StoredResponse) -> Reader | ApiError:
        if time.time() - stored.response["created_at"] > _RECORDED_S:
            return _LOST
        request = codec.decode_request(stored.request.encode())
        reader = self._gateway.exchanges.reader_of(request.id)
        if reader is not None:
            return reader
        digest = bytes.fromhex(stored.call["digest"])
        submission = Submission(request, digest, keyed=True, retries=None, trace={})
        return await self._gateway.exchanges.begin(submission, uncounted)

    async def put(self, tenant: str, context: AnswerContext, stored: StoredResponse) -> None:
        """Stores a response. One that can't be is told all the same, and isn't found later."""
        try:
            if await self._gateway.responses.put(tenant, response_id(context.request_id), stored):
                return
            _log.warning("response of request %s: too large to be stored", context.request_id)
        except ResponseStoreAwayError:
            _log.warning("response of request %s: not stored", context.request_id)

    async def _follow(self, tenant: str, context: AnswerContext, reader: Reader) -> None:
        final: Done | ApiError | None = None
        try:
            while final is None:
                parts = [part for part in reader.take() if not isinstance(part, Chunk)]
                final = parts[0] if parts else None
                if final is None:
                    await reader.changed(self._gateway.limits.request_timeout_s)
        finally:
            self._gateway.exchanges.leave(reader, delivered=True)
        await self._end(tenant, context, final)

    async def _end(self, tenant: str, context: AnswerContext, final: Done | ApiError) -> None:
        ended = (
            answered_response(context, final)
            if isinstance(final, Done)
            else ended_response(context, final)
        )
        name, store = response_id(context.request_id), self._gateway.responses
        for wait_s in _TRIES_S:
            try:
                known = await store.get(tenant, name)
                # cancelled or deleted meanwhile: that stands
                if known is not None and known.pending:
                    await store.put(tenant, name, ended)
            except ResponseStoreAwayError:
                await asyncio.sleep(wait_s)
            else:
                return

    def _start(self, request_id: str, work: Coroutine[Any, Any, None]) -> None:
        task = self._tasks[request_id] = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._tasks.pop(request_id, None))
