"""Chat Completions stream: `chat.completion.chunk` events as OpenAI's SDKs accumulate them.

The role comes first, alone, for each choice; tool calls are numbered densely, their id and name
come once; the finish reason has an event of its own; usage comes last, and only when asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic_core import to_json

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
from gateway.demands.outcome import outcome_of
from gateway.errors.api_error import ApiError
from gateway.openai_chat.error_body import openai_error_object
from gateway.openai_chat.response import choices_of, completion_id, finish_reason, usage_of
from producers.contract import Chunk, Done

_DONE: Final = b"data: [DONE]\n\n"
_MARK: Final = "\0text"


class ChatStream:
    """The events of one streamed completion."""

    def __init__(self, context: AnswerContext) -> None:
        self._context = context
        self._progress = AnswerProgress()
        self._begun = False
        self.ended = False
        self._head: dict[str, Any] = {
            "id": completion_id(context),
            "object": "chat.completion.chunk",
            "created": context.created,
            "model": context.call.model,
        }
        self._ends: dict[str, tuple[bytes, bytes]] = {}
        # OpenAI's other events say null where one of them will hold the usage
        self._no_usage: dict[str, Any] = {"usage": None} if context.call.include_usage else {}

    def chunk(self, chunk: Chunk) -> bytes:
        """The events that a chunk becomes; none for a stream that waits for the whole answer."""
        if self._context.call.buffered or self.ended:
            return b""
        pieces = self._progress.advance(chunk)
        if isinstance(pieces, Diverged):
            return self.error(stream_restarted(self._context.request_id))
        if self._begun and len(pieces) == 1 and isinstance(pieces[0], TextPiece):
            return self._text_event(pieces[0])
        return self._begin() + b"".join(self._event(0, _delta(piece)) for piece in pieces)

    def done(self, done: Done) -> bytes:
        """What is left of the answer, the finish reasons, the usage, and the end mark."""
        choices = choices_of(done)
        rest = []
        for number, choice in enumerate(choices):
            pieces = self._rest(number, choice.get("message") or {})
            if isinstance(pieces, Diverged):
                return self.error(stream_restarted(self._context.request_id))
            rest += [self._event(number, _delta(piece)) for piece in pieces]
        self.ended = True
        ends = b"".join(self._finish(choices, done))
        return self._begin() + b"".join(rest) + ends + _DONE

    def error(self, error: ApiError) -> bytes:
        """The error object, and the end mark."""
        self.ended = True
        return sse({"error": openai_error_object(error)}) + _DONE

    def keep_alive(self) -> bytes:
        """An empty delta: comments don't reset the timers that count events."""
        return self._begin() if not self._begun else self._event(0, {})

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        role = {"role": "assistant", "content": ""}
        return b"".join(self._event(n, role) for n in range(self._context.call.choices))

    def _rest(self, number: int, message: Mapping[str, Any]) -> Sequence[Piece] | Diverged:
        if number or self._context.call.buffered:
            return whole_message(message)
        return self._progress.finish(message)

    def _finish(self, choices: Sequence[Mapping[str, Any]], done: Done) -> Iterator[bytes]:
        outcome = {"switchgear": outcome_of(done, self._context.call.warnings)}
        for number, choice in enumerate(choices):
            if last_words := _told_at_the_end(choice.get("message") or {}):
                yield self._event(number, last_words)
            if choice.get("logprobs"):
                yield self._event(number, {}, logprobs=choice["logprobs"])
            last = outcome if number == len(choices) - 1 else {}
            yield self._event(number, {}, finish_reason(choice), top=last)
        if self._context.call.include_usage:
            yield sse({**self._head, "choices": [], "usage": usage_of(done)})

    def _text_event(self, piece: TextPiece) -> bytes:
        """As `_event`, of which nearly all of a stream are: what they share is encoded once."""
        ends = self._ends.get(piece.kind)
        if ends is None:
            # behind the text nothing is the caller's, so the last mark is ours
            before, _, after = self._event(0, {piece.kind: _MARK}).rpartition(to_json(_MARK))
            ends = self._ends[piece.kind] = before, after
        return b"%b%b%b" % (ends[0], to_json(piece.text), ends[1])

    def _event(
        self,
        number: int,
        delta: Mapping[str, Any],
        finish: str | None = None,
        *,
        logprobs: Mapping[str, Any] | None = None,
        top: Mapping[str, Any] | None = None,
    ) -> bytes:
        choice = {"index": number, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return sse({**self._head, "choices": [choice], **self._no_usage, **(top or {})})


def _told_at_the_end(message: Mapping[str, Any]) -> dict[str, Any]:
    """Where the words come from, and the signed thoughts, which a model wants back later.

    Each list comes whole: one SDK replaces a list that comes again.
    """
    told: dict[str, Any] = {}
    if annotations := message.get("annotations"):
        told["annotations"] = annotations
    blocks = message.get("thinking_blocks") or ()
    signed = [block for block in blocks if block.get("signature") or block.get("data")]
    if signed:
        told["thinking_blocks"] = [{"index": n, **block} for n, block in enumerate(signed)]
    return told


def _delta(piece: Piece) -> dict[str, Any]:
    match piece:
        case TextPiece(kind, text):
            return {kind: text}
        case ToolCallBegin(index, call_id, name):
            function = {"name": name, "arguments": ""}
            return _call({"index": index, "id": call_id, "type": "function", "function": function})
        case ToolCallArguments(index, text):
            return _call({"index": index, "function": {"arguments": text}})


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    return {"tool_calls": [call]}
