"""What does an answer in Bedrock's Converse dialect say, whole or streamed?"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import from_json, to_json

from producers.contract import Usage
from workers.providers.base.call_outcome import Failure, MalformedResponse
from workers.providers.base.dialect import Answer, Delta, filtered_answer, truncated_stream
from workers.providers.base.error_report import ErrorReport
from workers.providers.bedrock.event_stream import EventMessage, EventStreamParser
from workers.providers.blocks.assembly import AnswerAssembly
from workers.providers.errors.classification import error_in_stream

_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}
_FILTERED: Final = {"guardrail_intervened", "content_filtered"}
_MALFORMED: Final = {"malformed_model_output", "malformed_tool_use"}


def bedrock_answer(told: Mapping[str, Any]) -> Answer | Failure:
    """The answer in a Converse response."""
    assembly = AnswerAssembly()
    for index, block in enumerate(told["output"]["message"]["content"]):
        _block(assembly, index, block)
    return _ended(assembly, told["stopReason"], bedrock_usage(told["usage"]), _tier(told))


def bedrock_usage(told: Mapping[str, Any]) -> Usage:
    """Normalised usage: Bedrock counts cached tokens outside of `inputTokens`."""
    written = told.get("cacheWriteInputTokens") or 0
    details = told.get("cacheDetails") or ()
    hour = sum(each["inputTokens"] for each in details if each["ttl"] == "1h")
    return Usage(
        input_uncached=told.get("inputTokens") or 0,
        cache_read=told.get("cacheReadInputTokens") or 0,
        cache_write_5m=max(0, written - hour),
        cache_write_1h=hour,
        output=told.get("outputTokens") or 0,
    )


class BedrockReader:
    """Reads the events of one converse-stream."""

    def __init__(self) -> None:
        self.ended = False
        self.usage: Usage | None = None
        self._events = EventStreamParser()
        self._assembly = AnswerAssembly()
        self._error: ErrorReport | None = None
        self._reason: str | None = None
        self._tier: str | None = None

    def feed(self, received: bytes) -> list[Delta]:
        """The deltas that `received` completes."""
        deltas = (self._event(message) for message in self._events.feed(received))
        return [delta for delta in deltas if delta is not None]

    def result(self) -> Answer | ErrorReport | Failure:
        """The answer, the error told in the stream, or a cut stream: usage comes last."""
        if self._error is not None:
            return self._error
        if self._reason is None or self.usage is None:
            return truncated_stream(self.usage)
        return _ended(self._assembly, self._reason, self.usage, self._tier)

    def _event(self, message: EventMessage) -> Delta | None:
        headers, told = message.headers, from_json(message.payload)
        if headers[":message-type"] != "event":
            code = headers.get(":exception-type") or headers.get(":error-code") or ""
            exact = code[:1].upper() + code[1:]
            self._error, self.ended = error_in_stream(told, exact), True
            return None
        match headers[":event-type"]:
            case "contentBlockDelta":
                return _delta(self._assembly, told["contentBlockIndex"], told["delta"])
            case "contentBlockStart":
                return _start(self._assembly, told["contentBlockIndex"], told["start"])
            case "messageStop":
                self._reason = told["stopReason"]
            case "metadata":
                self.usage, self.ended = bedrock_usage(told["usage"]), True
                self._tier = _tier(told)
        return None


def _tier(told: Mapping[str, Any]) -> str | None:
    found: str | None = (told.get("serviceTier") or {}).get("type")
    return found


def _ended(
    assembly: AnswerAssembly, reason: str, usage: Usage, tier: str | None
) -> Answer | Failure:
    if reason in _FILTERED:
        return filtered_answer(usage)
    if reason in _MALFORMED:
        return MalformedResponse(
            message=f"the model's answer is malformed: {reason}", status=200, usage=usage
        )
    return assembly.assemble({"service_tier": tier}, _REASONS.get(reason, "stop"), usage)


def _block(assembly: AnswerAssembly, index: int, block: Mapping[str, Any]) -> None:
    match block:
        case {"text": text}:
            assembly.add_text(text)
        case {"reasoningContent": {"reasoningText": thought}}:
            assembly.add_thinking(index, thought["text"])
            assembly.add_signature(index, thought.get("signature") or "")
        case {"toolUse": use}:
            assembly.begin_tool_call(index, use["toolUseId"], use["name"])
            assembly.add_arguments(index, to_json(use["input"]).decode())


def _start(assembly: AnswerAssembly, index: int, start: Mapping[str, Any]) -> Delta | None:
    use = start.get("toolUse")
    return assembly.begin_tool_call(index, use["toolUseId"], use["name"]) if use else None


def _delta(assembly: AnswerAssembly, index: int, delta: Mapping[str, Any]) -> Delta | None:
    match delta:
        case {"text": text}:
            return assembly.add_text(text)
        case {"toolUse": {"input": piece}}:
            return assembly.add_arguments(index, piece) if piece else None
        case {"reasoningContent": {"text": piece}}:
            return assembly.add_thinking(index, piece)
        case {"reasoningContent": {"signature": told}}:
            assembly.add_signature(index, told)
    return None
