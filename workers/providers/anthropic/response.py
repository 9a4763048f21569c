"""Anthropic answers: a message, or the events of one, as an OpenAI answer."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from producers.contract import Usage
from workers.providers.anthropic.native import NativeBlocks, native_answer
from workers.providers.base.call_outcome import Failure
from workers.providers.base.dialect import MALFORMED, Answer, Delta, truncated_stream
from workers.providers.base.error_report import ErrorReport
from workers.providers.base.finish_reasons import weightier
from workers.providers.base.json_values import StreamedJson, mapping_of
from workers.providers.base.token_counts import token_counts, unlisted_counts
from workers.providers.blocks.assembly import (
    AnswerAssembly,
    native_block,
    native_delta,
    told_blocks,
)
from workers.providers.errors.classification import error_in_stream
from workers.providers.sse import END_OF_EVENT, SseParser

_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}

_CITATION: Final = "citations_delta"
"""The type of pieces that say where words come from, and no words."""
_SUMMARY: Final = "compaction_delta"
_PIECES: Final = {"text_delta", "input_json_delta", "thinking_delta", "signature_delta"}
_OF_OWN_TOOLS: Final = re.compile("[a-z]+(_[a-z]+)*_tool_use|[a-z_]*tool_result")
"""Types of the blocks that tell of tools which the provider runs itself."""
_OF_ANTHROPIC: Final = re.compile(f"{_OF_OWN_TOOLS.pattern}|container_upload|compaction")
"""Types of the blocks that go to a caller of Anthropic's interface as they came."""
_SERVICE_TIERS: Final = {"standard": "default", "priority": "priority"}
"""Anthropic's name for how it served the call → OpenAI's; its batches answer elsewhere."""


_KNOWN_COUNTS: Final = frozenset(
    {
        "input_tokens",
        "output_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "cache_creation.ephemeral_5m_input_tokens",
        "cache_creation.ephemeral_1h_input_tokens",
        "output_tokens_details.thinking_tokens",
        "output_tokens_details.reasoning_tokens",
        "server_tool_use.web_search_requests",
        # costs nothing but the tokens that it brings
        "server_tool_use.web_fetch_requests",
    }
)
_USUAL: Final = {"inference_geo": {"", "global", "not_available"}, "speed": {"", "standard"}}
"""The ways of being served that the list price is for."""
_LONGEST_VALUE: Final = 40


def anthropic_answer(message: object) -> Answer | ErrorReport:
    """The answer in a message, or the error in its place. Raises one of MALFORMED."""
    if not isinstance(message, Mapping):
        raise TypeError("not an object")
    if message.get("error") or message.get("type") == "error":
        return error_in_stream(message)
    assembly = AnswerAssembly()
    content = message["content"]
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    for index, block in enumerate(told_blocks(content)):
        _begin_block(assembly, index, block)
    told = message.get("stop_reason")
    native = native_answer(content, told, message.get("stop_sequence"))
    reason, usage = _reason(told) or "stop", anthropic_usage(message.get("usage"))
    return _with_native(assembly.assemble(_head(message), reason, usage), native)


def _with_native(answer: Answer, native: dict[str, Any] | None) -> Answer:
    if native is not None:
        answer.body["choices"][0]["message"]["anthropic"] = native
    return answer


def anthropic_usage(value: object) -> Usage:
    """Normalised usage: Anthropic counts cached tokens outside of `input_tokens`."""
    usage = mapping_of(value)
    thought = mapping_of(usage.get("output_tokens_details"))
    counts = token_counts(
        usage.get("input_tokens"),
        usage.get("output_tokens"),
        usage.get("cache_read_input_tokens"),
        usage.get("cache_creation_input_tokens"),
        mapping_of(usage.get("cache_creation")).get("ephemeral_1h_input_tokens"),
        thought.get("thinking_tokens") or thought.get("reasoning_tokens"),
        mapping_of(usage.get("server_tool_use")).get("web_search_requests"),
    )
    if counts is None:
        return Usage()
    prompt, output, read, written, hour, reasoning, searches = counts
    return Usage(
        input_uncached=prompt,
        cache_read=read,
        cache_write_5m=max(0, written - hour),
        cache_write_1h=hour,
        output=output,
        reasoning=reasoning,
        web_searches=searches,
        unlisted=unlisted_counts(usage, _KNOWN_COUNTS),
        served=_served(usage),
    )


def _served(usage: Mapping[str, Any]) -> tuple[str, ...]:
    """Where and how fast the call was served, if not as usual: both have a price."""
    told = ((name, usage.get(name)) for name in _USUAL)
    return tuple(
        f"{name}={value[:_LONGEST_VALUE]}"
        for name, value in told
        if isinstance(value, str) and value not in _USUAL[name]
    )


class AnthropicReader:
    """Reads the events of one streamed message."""

    def __init__(self) -> None:
        self.ended = False
        self._events = SseParser()
        self._json = StreamedJson()
        self._assembly = AnswerAssembly()
        self._error: ErrorReport | None = None
        self._head: dict[str, Any] = {"service_tier": None}
        self._counts: dict[str, Any] = {}
        self._reason: str | None = None
        self._native = NativeBlocks()
        self._stop: tuple[object, object] = None, None
        self._last_block: object = None
        self._own_tools = set[object]()
        """The numbers of the blocks of tools that the provider runs itself."""

    @property
    def usage(self) -> Usage | None:
        """The prompt's tokens are told at the start, so a cut stream has those at least."""
        return anthropic_usage(self._counts) if self._counts else None

    def feed(self, received: bytes) -> Iterator[Delta]:
        """The deltas that `received` completes."""
        return self._read(received)

    def close(self) -> Iterator[Delta]:
        """The deltas of a last event without its line's end; of a cut one there are none."""
        with suppress(*MALFORMED):
            yield from self._read(END_OF_EVENT)

    def result(self) -> Answer | ErrorReport | Failure:
        """The answer, the error told in the stream, or a cut stream.

        A stream without its end mark counts if its stop reason has come.
        """
        if self._error is not None:
            return self._error
        if self._reason is None and not self.ended:
            return truncated_stream(self.usage)
        reason, usage = self._reason or "stop", self.usage or Usage()
        native = native_answer(self._native.blocks(), *self._stop)
        return _with_native(self._assembly.assemble(self._head, reason, usage), native)

    def _read(self, received: bytes) -> Iterator[Delta]:
        for event in self._events.feed(received):
            if self.ended:  # how the bytes were split must not decide what counts
                return
            if event.strip() and (delta := self._event(self._json.read(event))) is not None:
                yield delta

    def _event(self, event: Mapping[str, Any]) -> Delta | None:
        match event.get("type"):
            case "content_block_delta":
                delta = mapping_of(event["delta"])
                self._native.grow(event.get("index"), delta)
                return self._delta(event.get("index"), delta)
            case "content_block_start":
                block = mapping_of(event["content_block"])
                self._native.begin(event.get("index"), block)
                return self._begin_block(event.get("index"), block)
            case "message_start":
                message = mapping_of(event.get("message"))
                self._head = _head(message)
                self._count(message.get("usage"))
            case "message_delta":
                ended = mapping_of(event.get("delta"))
                reason = _reason(ended.get("stop_reason"))
                self._stop = ended.get("stop_reason"), ended.get("stop_sequence")
                self._reason = weightier(self._reason, reason)
                self._count(event.get("usage"))
            case "message_stop":
                self.ended = True
            case _:
                return self._odd_event(event)
        return None

    def _begin_block(self, index: object, block: Mapping[str, Any]) -> Delta | None:
        """A block, with its beginning where OpenAI's shape would lose it."""
        delta = _begin_block(self._assembly, index, block)
        kind, before = block.get("type"), self._last_block
        self._last_block = kind
        if kind == "text" and before == "text":
            return {**(delta or {}), **native_block({"type": "text", "text": ""})}
        if not delta and isinstance(kind, str) and _OF_ANTHROPIC.fullmatch(kind):
            self._own_tools.add(index)
            return native_block(block)
        return delta

    def _odd_event(self, event: Mapping[str, Any]) -> Delta | None:
        """An error, or an event that is known by what it holds, whatever it is called."""
        if event.get("type") == "error" or (event.get("type") is None and event.get("error")):
            self._error, self.ended = error_in_stream(event), True
        elif "delta" in event:
            return self._delta(event.get("index"), mapping_of(event["delta"]))
        elif "content_block" in event:
            block = mapping_of(event["content_block"])
            return _begin_block(self._assembly, event.get("index"), block)
        return None

    def _delta(self, index: object, delta: Mapping[str, Any]) -> Delta | None:
        """A piece is known by its field; a known type without its field is damage (KeyError)."""
        if "text" in delta:
            return self._assembly.add_text(delta["text"])
        if "partial_json" in delta:
            if index in self._own_tools:
                return native_delta(delta) if delta["partial_json"] else None
            return self._assembly.add_arguments(index, delta["partial_json"])
        if "thinking" in delta:
            return self._assembly.add_thinking(index, delta["thinking"])
        if "signature" in delta:
            return self._assembly.add_signature(index, delta["signature"])
        return self._odd_delta(delta)

    def _odd_delta(self, delta: Mapping[str, Any]) -> Delta | None:
        """A piece that says no words of the answer, or that isn't known."""
        kind = delta.get("type")
        if kind == _CITATION:
            return native_delta(delta) if isinstance(delta.get("citation"), dict) else None
        if kind in _PIECES or delta.keys() == {"type"}:
            raise ValueError("a piece without its field")
        if delta:
            self._assembly.note_unknown(kind)
        # the summary of what was dropped from a long conversation has to come back
        return native_delta(delta) if kind == _SUMMARY else None

    def _count(self, value: object) -> None:
        """Counts are cumulative: a later one replaces an earlier one.

        A prompt doesn't shrink: a later 0 is that of a proxy which doesn't know it.
        """
        for name, count in mapping_of(value).items():
            if count is not None and (count or name != "input_tokens"):
                self._counts[name] = count


def _reason(value: object) -> str | None:
    return _REASONS.get(value, "stop") if isinstance(value, str) else None


def _head(message: Mapping[str, Any]) -> dict[str, Any]:
    tier = mapping_of(message.get("usage")).get("service_tier")
    head = {name: message[name] for name in ("id", "model") if message.get(name)}
    served = _SERVICE_TIERS.get(tier) if isinstance(tier, str) else None
    return {**head, "service_tier": served}


def _begin_block(assembly: AnswerAssembly, index: object, block: Mapping[str, Any]) -> Delta | None:
    """A block as far as it is told: whole in a message, mostly empty at its start in a stream."""
    match block.get("type"):
        case "text":
            return assembly.add_text(block.get("text"))
        case "thinking":
            return _begin_thought(assembly, index, block)
        case "redacted_thinking":
            return assembly.add_redacted_thinking(index, block.get("data"))
        case "tool_use":
            return _begin_call(assembly, index, block)
        case kind:
            return _begin_odd_block(assembly, index, block, kind)
    return None


def _begin_thought(assembly: AnswerAssembly, index: object, block: Mapping[str, Any]) -> Delta:
    begun = assembly.begin_thought(index)
    said = assembly.add_thinking(index, block.get("thinking")) or {}
    signed = assembly.add_signature(index, block.get("signature")) or {"anthropic": {}}
    return {**said, "anthropic": {**begun["anthropic"], **signed["anthropic"]}}


def _begin_odd_block(
    assembly: AnswerAssembly, index: object, block: Mapping[str, Any], kind: object
) -> Delta | None:
    """A block that is known by what it holds, whatever it is called, or has no place at all."""
    own = isinstance(kind, str) and _OF_OWN_TOOLS.fullmatch(kind) is not None
    if not own and "name" in block and "input" in block:
        return _begin_call(assembly, index, block)
    if not own and isinstance(block.get("text"), str):
        return assembly.add_text(block["text"])
    if not own and kind != "container_upload":  # of files that the provider's own tools made
        assembly.note_unknown(kind)
    assembly.begin_other(index)
    return None


def _begin_call(assembly: AnswerAssembly, index: object, block: Mapping[str, Any]) -> Delta:
    given = block.get("input")
    return assembly.begin_tool_call(index, block.get("id"), block.get("name"), given)
