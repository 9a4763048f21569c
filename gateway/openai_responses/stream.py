"""Responses stream: numbered events, whose items are those of the final response.

Every event has its number, without a gap. An item stays open until the answer is whole, so that it
may grow whatever comes between; they end in their order, and the response repeats them as told.
"""

from collections.abc import Iterable
from typing import Any

from gateway.answers.dialect import AnswerContext, stream_restarted
from gateway.answers.sse import sse
from gateway.answers.stream_progress import (
    AnswerProgress,
    Diverged,
    Piece,
    TextPiece,
    ToolCallArguments,
    ToolCallBegin,
    whole_message,
)
from gateway.errors.api_error import ApiError
from gateway.openai_responses.call import responses_call
from gateway.openai_responses.open_items import OpenCall, OpenItem, OpenMessage, OpenReasoning
from gateway.openai_responses.response import (
    encrypted_thoughts,
    failed_response,
    finished_response,
    item_status,
    probabilities,
    response_object,
)
from producers.contract import Chunk, Done, answer_message


class ResponsesStream:
    """The events of one streamed response."""

    def __init__(self, context: AnswerContext, after: int = -1) -> None:
        """after: the number of the last event that the caller has; it gets those behind it."""
        self._context = context
        self._call = responses_call(context)
        self._progress = AnswerProgress()
        self._after = after
        self._number = 0
        self._items: list[OpenItem] = []
        self.ended = False

    def chunk(self, chunk: Chunk) -> bytes:
        """The events that a chunk becomes; none for a stream that waits for the whole answer."""
        if self._call.buffered or self.ended:
            return b""
        pieces = self._progress.advance(chunk)
        if isinstance(pieces, Diverged):
            return self.error(stream_restarted(self._context.request_id))
        return self._begin() + self._pass_on(pieces)

    def done(self, done: Done) -> bytes:
        """What is left of the answer, the ends of its items, and the response."""
        message = answer_message(done.body)
        pieces = whole_message(message) if self._call.buffered else self._progress.finish(message)
        if isinstance(pieces, Diverged):
            return self.error(stream_restarted(self._context.request_id))
        events = self._begin() + self._pass_on(pieces)
        sealed, logprobs = encrypted_thoughts(self._call, message), probabilities(done)
        status, output = item_status(done), []
        if sealed is not None:
            events += self._open(OpenReasoning)
        for item in self._items:
            match item:
                case OpenReasoning():
                    item.sealed = sealed
                case OpenMessage():
                    item.logprobs = logprobs
                case OpenCall():
                    pass
            events += self._events(item.close(status))
            output.append(item.whole(status))
        response = finished_response(self._context, done, output)
        return events + self._end(response)

    def error(self, error: ApiError) -> bytes:
        """The response as a failed one."""
        return self._begin() + self._end(failed_response(self._context, error))

    def keep_alive(self) -> bytes:
        """An event that every SDK passes over; the first one is the response's beginning."""
        if self._number == 0:
            return self._begin()
        # without a number of its own: the answer's events have theirs, whenever they are told
        last = {"type": "keepalive", "sequence_number": self._number - 1}
        return sse(last, "keepalive")

    def _begin(self) -> bytes:
        if self._number:
            return b""
        events: list[dict[str, Any]] = []
        if self._call.background:
            queued = response_object(self._context, "queued")
            events += [{"type": f"response.{name}", "response": queued} for name in _QUEUED]
        else:
            begun = response_object(self._context, "in_progress")
            events.append({"type": "response.created", "response": begun})
        running = response_object(self._context, "in_progress")
        events.append({"type": "response.in_progress", "response": running})
        return self._events(events)

    def _end(self, response: dict[str, Any]) -> bytes:
        self.ended = True
        return self._events([{"type": f"response.{response['status']}", "response": response}])

    def _pass_on(self, pieces: Iterable[Piece]) -> bytes:
        return b"".join(self._piece(piece) for piece in pieces)

    def _piece(self, piece: Piece) -> bytes:
        match piece:
            case TextPiece("reasoning_content", text):
                return self._grow(OpenReasoning, text)
            case TextPiece(kind, text):
                begin = self._open(OpenMessage)
                message = next(item for item in self._items if isinstance(item, OpenMessage))
                return begin + self._events(message.grow(text, refused=kind == "refusal"))
            case ToolCallBegin() as begun:
                call = OpenCall(self._context, len(self._items), begun)
                self._items.append(call)
                return self._events(call.begin())
            case ToolCallArguments(number, text):
                calls = (item for item in self._items if isinstance(item, OpenCall))
                call = next(item for item in calls if item.number == number)
                return self._events(call.grow(text))

    def _grow(self, kind: type[OpenReasoning], text: str) -> bytes:
        begin = self._open(kind)
        item = next(item for item in self._items if isinstance(item, kind))
        return begin + self._events(item.grow(text))

    def _open(self, kind: type[OpenReasoning] | type[OpenMessage]) -> bytes:
        """The beginning of the only item of its kind, unless it has begun."""
        if any(isinstance(item, kind) for item in self._items):
            return b""
        item = kind(self._context, len(self._items))
        self._items.append(item)
        return self._events(item.begin())

    def _events(self, events: Iterable[dict[str, Any]]) -> bytes:
        told = []
        for event in events:
            if self._number > self._after:
                numbered = {**event, "sequence_number": self._number}
                told.append(sse(numbered, event["type"]))
            self._number += 1
        return b"".join(told)


_QUEUED = ("created", "queued")
