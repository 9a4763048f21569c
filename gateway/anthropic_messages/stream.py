"""Messages stream: Anthropic's events, one content block at a time, numbered without a gap.

Thoughts, text and the first tool's arguments are passed on as they come. What comes once a tool has
begun waits until the answer is whole, since the tool's arguments may still grow.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

from pydantic_core import to_json

from gateway.answers.dialect import AnswerContext, stream_restarted
from gateway.answers.sse import sse
from gateway.answers.stream_progress import (
    Diverged,
    TextPiece,
    ToolCallArguments,
    ToolCallBegin,
)
from gateway.anthropic_messages.blocks import (
    UNSIGNED_THOUGHT,
    BlockBegin,
    BlockDelta,
    BlockPiece,
    MessageProgress,
)
from gateway.anthropic_messages.error_body import anthropic_error_object
from gateway.anthropic_messages.response import (
    message_id,
    message_usage,
    stop_reason,
    stop_sequence,
)
from gateway.demands.outcome import outcome_of
from gateway.errors.api_error import ApiError
from producers.contract import Chunk, Done, answer_message

_Open: TypeAlias = Literal["nothing", "text", "thinking", "other"]
_TEXT: Final[Mapping[str, Any]] = {"type": "text", "text": ""}


class MessagesStream:
    """The events of one streamed message."""

    def __init__(self, context: AnswerContext) -> None:
        self._context = context
        self._progress = MessageProgress(unsigned=context.call.thoughts)
        self._begun = False
        self.ended = False
        self._open: _Open = "nothing"
        self._blocks = 0
        self._tool: int | None = None
        """The call that is being told."""
        self._held: list[BlockPiece] = []

    def chunk(self, chunk: Chunk) -> bytes:
        """The events that a chunk becomes."""
        if self.ended:
            return b""
        pieces = self._progress.advance(chunk)
        if isinstance(pieces, Diverged):
            return self.error(stream_restarted(self._context.request_id))
        return self._begin() + self._pass_on(pieces)

    def done(self, done: Done) -> bytes:
        """What is left of the answer, the stop reason, the usage, and the end."""
        pieces = self._progress.finish(answer_message(done.body))
        if isinstance(pieces, Diverged):
            return self.error(stream_restarted(self._context.request_id))
        events = self._begin() + self._pass_on(pieces) + self._close() + self._release()
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

    def _pass_on(self, pieces: Iterable[BlockPiece]) -> bytes:
        return b"".join(self._piece(piece) for piece in pieces)

    def _piece(self, piece: BlockPiece) -> bytes:
        if self._tool is None:
            return self._tell(piece)
        match piece:
            case ToolCallArguments(self._tool, text):
                return self._arguments(text)
            case _:
                self._held.append(piece)
                return b""

    def _tell(self, piece: BlockPiece) -> bytes:
        """A piece, while no call is open."""
        match piece:
            case TextPiece(_, text):
                begin = b"" if self._open == "text" else self._start(_TEXT, "text")
                return begin + self._delta({"type": "text_delta", "text": text})
            case ToolCallBegin(index):
                self._tool = index
                return self._tool_block(piece)
            case ToolCallArguments():
                return b""  # a call begins before its arguments
            case BlockBegin(block):
                return self._native_block(block)
            case BlockDelta(delta):
                return self._native_delta(delta)

    def _native_block(self, block: Mapping[str, Any]) -> bytes:
        kind = block.get("type")
        if kind == "text":
            return self._start(block, "text")
        if kind == "thinking":
            return self._start(block, "thinking")
        given = block.get("input")
        if not given:
            return self._start(block, "other")
        return self._start({**block, "input": {}}, "other") + self._arguments(
            to_json(given).decode()
        )

    def _native_delta(self, delta: Mapping[str, Any]) -> bytes:
        """A piece of what is open. After words that came in between, a thought is a further one."""
        kind = delta.get("type")
        if kind == "thinking_delta" and self._open != "thinking":
            return self._start(UNSIGNED_THOUGHT, "thinking") + self._delta(delta)
        if kind == "signature_delta" and self._open != "thinking":
            return b""
        if kind == "citations_delta" and self._open != "text":
            return self._start(_TEXT, "text") + self._delta(delta)
        return b"" if self._open == "nothing" else self._delta(delta)

    def _release(self) -> bytes:
        """What waited until the first call was whole: each call in one piece."""
        held, self._held, self._tool = self._held, [], None
        arguments: dict[int, list[str]] = {}
        for piece in held:
            if isinstance(piece, ToolCallArguments):
                arguments.setdefault(piece.index, []).append(piece.text)
        events = b""
        for piece in held:
            match piece:
                case ToolCallBegin(index):
                    told = "".join(arguments.get(index, ()))
                    events += self._tool_block(piece) + self._arguments(told) + self._close()
                case ToolCallArguments():
                    continue
                case _:
                    events += self._tell(piece)
        return events + self._close()

    def _tool_block(self, begin: ToolCallBegin) -> bytes:
        block = {"type": "tool_use", "id": begin.id, "name": begin.name, "input": {}}
        return self._start(block, "other")

    def _arguments(self, text: str) -> bytes:
        return self._delta({"type": "input_json_delta", "partial_json": text})

    def _start(self, block: Mapping[str, Any], kind: _Open) -> bytes:
        """The beginning of a block, and the end of the one before it."""
        end = self._close()
        self._open = kind
        return end + _event("content_block_start", index=self._blocks, content_block=block)

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
