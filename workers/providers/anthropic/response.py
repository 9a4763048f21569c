"""What does an answer in Anthropic's dialect say, whole or streamed?"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import from_json, to_json

from producers.contract import Usage
from workers.providers.base.call_outcome import Failure
from workers.providers.base.dialect import Answer, Delta, truncated_stream
from workers.providers.base.error_report import ErrorReport
from workers.providers.blocks.assembly import AnswerAssembly
from workers.providers.errors.classification import error_in_stream
from workers.providers.sse import SseParser

_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}

_SERVICE_TIERS: Final = {"standard": "default", "priority": "priority"}
"""Anthropic's name for how it served the call → OpenAI's; its batches answer elsewhere."""


def anthropic_answer(message: Mapping[str, Any]) -> Answer:
    """The answer in a message."""
    assembly = AnswerAssembly()
    for index, block in enumerate(message["content"]):
        _block(assembly, index, block)
    reason = _REASONS.get(message["stop_reason"], "stop")
    return assembly.assemble(_head(message), reason, anthropic_usage(message["usage"]))


def anthropic_usage(told: Mapping[str, Any]) -> Usage:
    """Normalised usage: Anthropic counts cached tokens outside of `input_tokens`."""
    written = told.get("cache_creation_input_tokens") or 0
    by_ttl = told.get("cache_creation") or {}
    hour = by_ttl.get("ephemeral_1h_input_tokens") or 0
    thought = told.get("output_tokens_details") or {}
    return Usage(
        input_uncached=told.get("input_tokens") or 0,
        cache_read=told.get("cache_read_input_tokens") or 0,
        cache_write_5m=max(0, written - hour),
        cache_write_1h=hour,
        output=told.get("output_tokens") or 0,
        reasoning=thought.get("thinking_tokens") or thought.get("reasoning_tokens") or 0,
    )


class AnthropicReader:
    """Reads the events of one streamed message."""

    def __init__(self) -> None:
        self.ended = False
        self._events = SseParser()
        self._assembly = AnswerAssembly()
        self._error: ErrorReport | None = None
        self._head: dict[str, Any] = {}
        self._told: dict[str, Any] = {}
        self._reason: str | None = None

    @property
    def usage(self) -> Usage | None:
        """The prompt's tokens are told at the start, so a cut stream has those at least."""
        return anthropic_usage(self._told) if self._told else None

    def feed(self, received: bytes) -> list[Delta]:
        """The deltas that `received` completes."""
        deltas = (self._event(from_json(event)) for event in self._events.feed(received))
        return [delta for delta in deltas if delta is not None]

    def result(self) -> Answer | ErrorReport | Failure:
        """The answer, the error told in the stream, or a cut stream."""
        if self._error is not None:
            return self._error
        usage = self.usage
        if not self.ended or usage is None:
            return truncated_stream(usage)
        reason = _REASONS.get(self._reason or "end_turn", "stop")
        return self._assembly.assemble(self._head, reason, usage)

    def _event(self, event: Mapping[str, Any]) -> Delta | None:
        match event["type"]:
            case "content_block_delta":
                return self._delta(event["index"], event["delta"])
            case "content_block_start":
                return _start(self._assembly, event["index"], event["content_block"])
            case "message_start":
                self._head = _head(event["message"])
                self._count(event["message"]["usage"])
            case "message_delta":
                self._reason = event["delta"].get("stop_reason") or self._reason
                self._count(event.get("usage") or {})
            case "message_stop":
                self.ended = True
            case "error":
                self._error, self.ended = error_in_stream(event), True
        return None

    def _delta(self, index: int, delta: Mapping[str, Any]) -> Delta | None:
        match delta["type"]:
            case "text_delta":
                return self._assembly.add_text(delta["text"])
            case "input_json_delta":
                piece = delta["partial_json"]
                return self._assembly.add_arguments(index, piece) if piece else None
            case "thinking_delta":
                return self._assembly.add_thinking(index, delta["thinking"])
            case "signature_delta":
                self._assembly.add_signature(index, delta["signature"])
        return None

    def _count(self, told: Mapping[str, Any]) -> None:
        """Counts are cumulative: a later one replaces an earlier one."""
        self._told |= {name: value for name, value in told.items() if value is not None}


def _head(message: Mapping[str, Any]) -> dict[str, Any]:
    tier = _SERVICE_TIERS.get(message["usage"].get("service_tier"))
    return {"id": message["id"], "model": message["model"], "service_tier": tier}


def _block(assembly: AnswerAssembly, index: int, block: Mapping[str, Any]) -> None:
    match block["type"]:
        case "text":
            assembly.add_text(block["text"])
        case "thinking":
            assembly.add_thinking(index, block["thinking"])
            assembly.add_signature(index, block.get("signature") or "")
        case "tool_use":
            assembly.begin_tool_call(index, block["id"], block["name"])
            assembly.add_arguments(index, to_json(block["input"]).decode())


def _start(assembly: AnswerAssembly, index: int, block: Mapping[str, Any]) -> Delta | None:
    if block["type"] == "tool_use":
        return assembly.begin_tool_call(index, block["id"], block["name"])
    return None
