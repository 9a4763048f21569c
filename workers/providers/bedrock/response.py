"""Bedrock Converse answers: a response, or the events of a stream, as an OpenAI answer."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from producers.contract import Usage
from workers.providers.base.call_outcome import Failure, MalformedResponse
from workers.providers.base.dialect import Answer, Delta, filtered_answer, truncated_stream
from workers.providers.base.error_report import ErrorReport
from workers.providers.base.json_values import StreamedJson, json_of, mapping_of
from workers.providers.base.token_counts import token_counts, unlisted_counts
from workers.providers.bedrock.event_stream import EventMessage, EventStreamParser
from workers.providers.blocks.assembly import AnswerAssembly, told_blocks
from workers.providers.errors.classification import error_in_stream

_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}
_EVENTS: Final = {"contentBlockDelta", "contentBlockStart", "messageStop", "metadata"}
_SILENT: Final = {"citation", "toolResult", "guardContent"}
"""Kinds of pieces and blocks that hold no words of the model."""
_FILTERED: Final = {"guardrail_intervened", "content_filtered"}
_MALFORMED: Final = {"malformed_model_output", "malformed_tool_use"}


_KNOWN_COUNTS: Final = frozenset(
    {"inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens", "cacheWriteInputTokens"}
)


def bedrock_answer(response: object) -> Answer | ErrorReport | Failure:
    """The answer in a Converse response, or the error in its place. Raises one of MALFORMED."""
    if not isinstance(response, Mapping):
        raise TypeError("not an object")
    if "output" not in response and (response.get("message") or response.get("__type")):
        return error_in_stream(response)
    assembly = AnswerAssembly()
    for index, block in enumerate(told_blocks(response["output"]["message"]["content"])):
        _add_block(assembly, index, block)
    usage = _served(bedrock_usage(response.get("usage")), response)
    return _finished(assembly, response["stopReason"], usage, _tier(response))


def bedrock_usage(value: object) -> Usage:
    """Normalised usage: Bedrock counts cached tokens outside of `inputTokens`."""
    usage = mapping_of(value)
    details = usage.get("cacheDetails")
    hours = [
        detail.get("inputTokens")
        for detail in map(mapping_of, details if isinstance(details, list) else ())
        if detail.get("ttl") == "1h"
    ]
    counts = token_counts(
        usage.get("inputTokens"),
        usage.get("outputTokens"),
        usage.get("cacheReadInputTokens"),
        usage.get("cacheWriteInputTokens"),
        *hours,
    )
    if counts is None:
        return Usage()
    prompt, output, read, written, *by_hour = counts
    hour = sum(by_hour)
    return Usage(
        input_uncached=prompt,
        cache_read=read,
        cache_write_5m=max(0, written - hour),
        cache_write_1h=hour,
        output=output,
        unlisted=unlisted_counts(usage, _KNOWN_COUNTS),
    )


class BedrockReader:
    """Reads the events of one converse-stream."""

    def __init__(self) -> None:
        self.ended = False
        self.usage: Usage | None = None
        self._events = EventStreamParser()
        self._json = StreamedJson()
        self._assembly = AnswerAssembly()
        self._error: ErrorReport | None = None
        self._reason: str | None = None
        self._tier: str | None = None

    def feed(self, received: bytes) -> Iterator[Delta]:
        """The deltas that `received` completes."""
        for message in self._events.feed(received):
            if self.ended:  # how the bytes were split must not decide what counts
                return
            if (delta := self._event(message)) is not None:
                yield delta

    def close(self) -> Iterator[Delta]:
        """Nothing: an event tells its length, so a part of one is no event."""
        return iter(())

    def result(self) -> Answer | ErrorReport | Failure:
        """The answer, the error told in the stream, or a cut stream.

        A stream that ends before its usage, which comes last, counts if its stop reason has come.
        """
        if self._error is not None:
            return self._error
        if self._reason is None:
            return truncated_stream(self.usage)
        return _finished(self._assembly, self._reason, self.usage or Usage(), self._tier)

    def _event(self, message: EventMessage) -> Delta | None:
        headers = message.headers
        if headers[":message-type"] != "event":
            self._error, self.ended = _exception(message), True
            return None
        kind = headers[":event-type"]
        if kind not in _EVENTS:  # newer than this reader
            return None
        event = self._json.read(message.payload)
        match kind:
            case "contentBlockDelta":
                index, delta = event.get("contentBlockIndex"), mapping_of(event["delta"])
                return _add_delta(self._assembly, index, delta)
            case "contentBlockStart":
                return _begin_block(self._assembly, event)
            case "messageStop":
                self._reason = event["stopReason"]
            case "metadata":
                self.usage = _served(bedrock_usage(event.get("usage")), event)
                self.ended = True
                self._tier = _tier(event)
        return None


def _exception(message: EventMessage) -> ErrorReport:
    """The error that ends a stream; its name is in the headers, whatever its payload is."""
    headers, body = message.headers, None
    with suppress(ValueError):
        body = json_of(message.payload)
    code = headers.get(":exception-type") or headers.get(":error-code") or ""
    words = {"message": headers.get(":error-message") or "no message"}
    return error_in_stream(mapping_of(body) or words, code[:1].upper() + code[1:])


def _tier(response: Mapping[str, Any]) -> str | None:
    tier = mapping_of(response.get("serviceTier")).get("type")
    return tier if isinstance(tier, str) else None


def _served(usage: Usage, response: Mapping[str, Any]) -> Usage:
    """`usage` with how fast the call was served, where that has a price of its own."""
    latency = mapping_of(response.get("performanceConfig")).get("latency")
    if not isinstance(latency, str) or latency in {"", "standard"}:
        return usage
    return usage.model_copy(update={"served": (f"latency={latency[:40]}",)})


def _finished(
    assembly: AnswerAssembly, reason: str, usage: Usage, tier: str | None
) -> Answer | Failure:
    if assembly.provider_tools:  # they are billed by the call, and no usage tells of them
        calls = {f"server_tool_use.{name}": n for name, n in assembly.provider_tools.items()}
        usage = usage.model_copy(update={"unlisted": usage.unlisted | calls})
    if reason in _FILTERED:
        return filtered_answer(usage)
    if reason in _MALFORMED:
        return MalformedResponse(
            message=f"the model's answer is malformed: {reason}", status=200, usage=usage
        )
    answer = assembly.assemble({"service_tier": tier}, _REASONS.get(reason, "stop"), usage)
    blocks = assembly.blocks_in_order()
    if blocks is not None:
        native = {"content": blocks, "stop_reason": None, "stop_sequence": None}
        answer.body["choices"][0]["message"]["anthropic"] = native
    return answer


def _add_block(assembly: AnswerAssembly, index: int, block: Mapping[str, Any]) -> None:
    match block:
        case {"text": text}:
            assembly.add_text(text)
        case {"citationsContent": {"content": list(pieces)}}:  # words, and where they come from
            for piece in pieces:
                assembly.add_text(mapping_of(piece).get("text"))
        case {"reasoningContent": {**thought}}:
            _add_thought(assembly, index, thought)
        case {"toolUse": {"type": "server_tool_use", **use}}:
            assembly.begin_provider_tool(index, use.get("name"))
        case {"toolUse": {**use}}:
            given = use.get("input")
            assembly.begin_tool_call(index, use.get("toolUseId"), use.get("name"), given)
        case _:
            _note_unknown(assembly, block)


def _add_thought(assembly: AnswerAssembly, index: int, thought: Mapping[Any, Any]) -> None:
    assembly.add_redacted_thinking(index, thought.get("redactedContent"))
    told = thought.get("reasoningText")
    if isinstance(told, dict):
        assembly.begin_thought(index)
        assembly.add_thinking(index, told.get("text"))
        assembly.add_signature(index, told.get("signature"))


def _begin_block(assembly: AnswerAssembly, event: Mapping[str, Any]) -> Delta | None:
    """The start of a block: of a tool call it tells the name. It is known by that name."""
    index = event.get("contentBlockIndex")
    for start in event.values():
        for kind, block in start.items() if isinstance(start, Mapping) else ():
            use = mapping_of(block)
            if use.get("type") == "server_tool_use":
                assembly.begin_provider_tool(index, use.get("name"))
                return None
            if "name" in use:
                return assembly.begin_tool_call(index, use.get("toolUseId"), use["name"])
            if kind == "toolUse" and "name" not in use:
                raise ValueError("a tool call without a name")
            assembly.begin_other(index)
    return None


def _add_delta(assembly: AnswerAssembly, index: object, delta: Mapping[str, Any]) -> Delta | None:
    match delta:
        case {"text": text}:
            return assembly.add_text(text)
        case {"toolUse": {"input": piece}}:
            return assembly.add_arguments(index, piece)
        case {"reasoningContent": {"text": piece}}:
            return assembly.add_thinking(index, piece)
        case {"reasoningContent": {"signature": piece}}:
            return assembly.add_signature(index, piece)
        case {"reasoningContent": {"redactedContent": data}}:
            return assembly.add_redacted_thinking(index, data)
        case _:
            _note_odd_piece(assembly, delta)
    return None


def _note_odd_piece(assembly: AnswerAssembly, delta: Mapping[str, Any]) -> None:
    """A piece of another kind. Raises ValueError where it lacks its field, or tells words."""
    if not delta.keys().isdisjoint({"toolUse", "reasoningContent"}):
        raise ValueError("a piece without its field")
    if any(map(_says_something, delta.values())):
        raise ValueError("a piece of a kind that isn't known")
    _note_unknown(assembly, delta)


def _note_unknown(assembly: AnswerAssembly, told: Mapping[str, Any]) -> None:
    for kind in told.keys() - _SILENT:
        assembly.note_unknown(kind)


def _says_something(value: object) -> bool:
    return isinstance(value, str) or not mapping_of(value).keys().isdisjoint({"text", "input"})
