"""Messages stream: Anthropic's events, one content block at a time, numbered without a gap.

The text and the first tool's arguments are passed on as they come. What would open a block while an
earlier one may still grow waits for the end; so does everything, when thoughts are asked for: their
signatures come with the reply, and their blocks stand first.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

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
)
from gateway.anthropic_messages.error_body import anthropic_error_object
from gateway.anthropic_messages.response import (
    content_blocks,
    message_id,
    message_usage,
    stop_reason,
    stop_sequence,
)
from gateway.demands.outcome import outcome_of
from gateway.errors.api_error import ApiError
from producers.contract import Chunk, Done, answer_message

_Open: TypeAlias = Literal["nothing", "text", "tool"]


class MessagesStream:
    """The events of one streamed message."""

    def __init__(self, context: AnswerContext) -> None:
        self._context = context
        self._progress = AnswerProgress()
        self._begun = False
        self.ended = False
        self._open: _Open = "nothing"
        self._blocks = 0
        self._tool_begun = False
        self._held_text: list[str] = []
        self._held_tools: dict[int, tuple[ToolCallBegin, list[str]]] = {}

    def chunk(self, chunk: Chunk) -> bytes:
        """The events that a chunk becomes; none for a stream that waits for the whole answer."""
        if self._context.call.buffered or self.ended:
            return b""
        pieces = self._progress.advance(chunk)
        if isinstance(pieces, Diverged):
            return self.error(stream_restarted(self._context.request_id))
        return self._begin() + self._pass_on(pieces)

    def done(self, done: Done) -> bytes:
        """What is left of the answer, the stop reason, the usage, and the end."""
        message = answer_message(done.body)
        events = self._begin()
        if self._context.call.buffered:
            events += b"".join(self._whole(block) for block in content_blocks(message))
        else:
            pieces = self._progress.finish(message)
            if isinstance(pieces, Diverged):
                return self.error(stream_restarted(self._context.request_id))
            events += self._pass_on(pieces) + self._close() + self._release()
        self.ended = True
        delta = {"stop_reason": stop_reason(done), "stop_sequence": stop_sequence(done)}
        ours = {"switchgear": outcome_of(done, self._context.call.warnings)}
        last = _event("message_delta", delta=delta, usage=message_usage(done), **ours)
        return events + last + _event("message_stop")

    def error(self, error: ApiError) -> bytes:
        """The error event; no end mark follows it."""
        self.ended = True
        return sse(anthropic_error_object(error, self._context.request_id), "error")

    def keep_alive(self) -> bytes:
        """A ping; the first one is the message's start."""
        return self._begin() if not self._begun else _event("ping")

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        # the truth comes with the last event, and overwrites this
        counts = {"input_tokens": self._context.call.input_tokens, "output_tokens": 1}
        message: dict[str, Any] = {
            "id": message_id(self._context),
            "type": "message",
            "role": "assistant",
            "model": self._context.call.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**counts, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0},
        }
        return _event("message_start", message=message)

    def _pass_on(self, pieces: Iterable[Piece]) -> bytes:
        return b"".join(self._piece(piece) for piece in pieces)

    def _piece(self, piece: Piece) -> bytes:  # noqa: PLR0911 a case a piece
        match piece:
            case TextPiece("reasoning_content"):
                return b""  # without a signature nobody may send it back
            case TextPiece(_, text) if self._tool_begun:
                self._held_text.append(text)
                return b""
            case TextPiece(_, text):
                return self._text_block() + self._delta({"type": "text_delta", "text": text})
            case ToolCallBegin(0):
                self._tool_begun = True
                return self._close() + self._tool_block(piece)
            case ToolCallBegin(index):
                self._held_tools[index] = (piece, [])
                return b""
            case ToolCallArguments(0, text):
                return self._delta({"type": "input_json_delta", "partial_json": text})
            case ToolCallArguments(index, text):
                self._held_tools[index][1].append(text)
                return b""

    def _release(self) -> bytes:
        """What waited until the first tool was whole."""
        events = b""
        if self._held_text:
            text = "".join(self._held_text)
            events += self._text_block() + self._delta({"type": "text_delta", "text": text})
            events += self._close()
        for begin, arguments in self._held_tools.values():
            told = {"type": "input_json_delta", "partial_json": "".join(arguments)}
            events += self._tool_block(begin) + self._delta(told) + self._close()
        return events

    def _whole(self, block: Mapping[str, Any]) -> bytes:
        """A block that is known at once."""
        empty: dict[str, Any]
        match block:
            case {"type": "thinking", "thinking": thinking, "signature": signature}:
                empty = {"type": "thinking", "thinking": "", "signature": ""}
                deltas = [
                    {"type": "thinking_delta", "thinking": thinking},
                    {"type": "signature_delta", "signature": signature},
                ]
            case {"type": "text", "text": text}:
                empty = {"type": "text", "text": ""}
                cited = block.get("citations") or ()
                deltas = [{"type": "text_delta", "text": text}]
                deltas += [{"type": "citations_delta", "citation": each} for each in cited]
            case {"type": str(kind), "input": given} if kind.endswith("tool_use"):
                empty = {**block, "input": {}}
                told = to_json(given).decode()
                deltas = [{"type": "input_json_delta", "partial_json": told}]
            case _:
                empty, deltas = dict(block), []
        start = self._start(empty, "text")
        return start + b"".join(self._delta(delta) for delta in deltas) + self._close()

    def _text_block(self) -> bytes:
        if self._open == "text":
            return b""
        return self._start({"type": "text", "text": ""}, "text")

    def _tool_block(self, begin: ToolCallBegin) -> bytes:
        block = {"type": "tool_use", "id": begin.id, "name": begin.name, "input": {}}
        return self._start(block, "tool")

    def _start(self, block: Mapping[str, Any], kind: _Open) -> bytes:
        self._open = kind
        return _event("content_block_start", index=self._blocks, content_block=block)

    def _delta(self, delta: Mapping[str, Any]) -> bytes:
        return _event("content_block_delta", index=self._blocks, delta=delta)

    def _close(self) -> bytes:
        if self._open == "nothing":
            return b""
        self._open = "nothing"
        self._blocks += 1
        return _event("content_block_stop", index=self._blocks - 1)


def _event(kind: str, **fields: object) -> bytes:
    """Anthropic's SDKs go by the `event:` line."""
    return sse({"type": kind, **fields}, kind)
