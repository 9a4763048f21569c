"""Recorded streams: what the fuzzer damages, for each dialect, and its events as JSON.

Most are the simulator's words, which the official clients have read; a few are those of servers
with an accent: thoughts as a list of parts, reports of filters, timings, no usage.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from struct import pack
from typing import Any, Final
from zlib import crc32

from dev.fuzz_streams.reading import message_of, read, said
from dev.simulator import anthropic_wire, bedrock_wire, openai_wire
from dev.simulator.exchange import Answered, Asked, Counted, ToolCall
from dev.simulator.wire import Wire
from workers.providers.anthropic.request import AnthropicDialect
from workers.providers.base.dialect import Answer, Dialect
from workers.providers.bedrock.event_stream import EventStreamParser
from workers.providers.bedrock.request import BedrockDialect
from workers.providers.openai.request import OpenAiDialect

DIALECTS: Final[Mapping[str, Dialect]] = {
    "openai": OpenAiDialect(),
    "mistral": OpenAiDialect(),
    "anthropic": AnthropicDialect(),
    "bedrock": BedrockDialect(),
}
_WIRES: Final[Mapping[str, Wire]] = {
    "openai": openai_wire,
    "mistral": openai_wire,
    "anthropic": anthropic_wire,
    "bedrock": bedrock_wire,
}
# pieces are longer than what a mutation may take with it, so that a lost one is seen
_SENTENCE: Final = "Warteschlangenübergänge synchronisieren Verbrauchergruppen\nverlässlicherweise"
_CALLS: Final = (
    ToolCall("look_up_the_weather", '{"city": "Llanfairpwllgwyngyll", "units": "degrees celsius"}'),
    ToolCall("look_up_the_tides", '{"harbour": "Saint-Malo-Grande-Plage"}'),
)
_ANSWERS: Final[Sequence[Answered]] = (
    Answered(_SENTENCE, "stop"),
    Answered('{"synchronisation": "Verbrauchergruppe"}', "length", (), "Nachdenken\nübers\tThema"),
    Answered("Looking-this-up-for-you", "tool_calls", _CALLS[:1]),
    Answered("", "tool_calls", _CALLS),
)
_COUNTS: Final = Counted(plain=40, output=17, read=8)


@dataclass(frozen=True, slots=True)
class Recording:
    """One stream and the answer that it tells."""

    dialect: str
    events: tuple[bytes, ...]
    stream: bytes
    message: Mapping[str, Any]
    said: int
    """Characters of the message."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event as JSON. head: for SSE its lines before the data, for Bedrock its headers."""

    head: bytes | Mapping[str, str]
    body: Any


@cache
def recordings(dialect: str) -> tuple[Recording, ...]:
    """The recorded streams of a dialect."""
    return tuple(_recording(dialect, events) for events in _streams(dialect))


def parsed(dialect: str, event: bytes) -> Event | None:
    """The event as JSON; None when it holds none, such as an end mark."""
    if dialect == "bedrock":
        message = next(EventStreamParser().feed(event))
        return Event(message.headers, json.loads(message.payload))
    head, mark, data = event.partition(b"data: ")
    if not mark or not data.startswith(b"{"):
        return None
    return Event(head, json.loads(data))


def framed(dialect: str, event: Event) -> bytes:
    """The event on the wire, with the checksums that belong to it."""
    payload = json.dumps(event.body, ensure_ascii=False).encode()
    if dialect == "bedrock":
        assert isinstance(event.head, Mapping)
        return _frame(event.head, payload)
    assert isinstance(event.head, bytes)
    return event.head + b"data: " + payload + b"\n\n"


def _recording(dialect: str, events: Sequence[bytes]) -> Recording:
    stream = b"".join(events)
    ending = read(DIALECTS[dialect], [stream])
    assert isinstance(ending.answer, Answer), (dialect, ending)
    message = message_of(ending.answer)
    return Recording(dialect, tuple(events), stream, message, said(message))


def _streams(dialect: str) -> Iterator[Sequence[bytes]]:
    for said_by_model in _ANSWERS:
        asked = Asked("openai", dialect, "m", "k", (), "q", stream=True, include_usage=True)
        yield list(_WIRES[dialect].events(asked, said_by_model, _COUNTS, 1))
    if dialect == "openai":
        yield _chunks(*_AZURE)
        yield _chunks(*_LLAMA)
    if dialect == "mistral":
        yield _chunks(*_MAGISTRAL)


def _chunks(*bodies: Mapping[str, Any]) -> list[bytes]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    lines = [json.dumps({**head, **body}, ensure_ascii=False).encode() for body in bodies]
    return [*(b"data: " + line + b"\n\n" for line in lines), b"data: [DONE]\n\n"]


def _choice(delta: Mapping[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


_USAGE: Final = {"prompt_tokens": 40, "completion_tokens": 17, "total_tokens": 57}
_FILTER: Final = {"hate": {"filtered": False, "severity": "safe"}}
_AZURE: Final[Sequence[Mapping[str, Any]]] = (
    {"choices": [], "object": "", "prompt_filter_results": [{"content_filter_results": _FILTER}]},
    _choice({"role": "assistant", "content": "", "refusal": None}),
    _choice({"content": "Verbrauchergruppen"}),
    {"choices": [{"index": 0, "finish_reason": None, "content_filter_results": _FILTER}]},
    _choice({"content": " gemeinsamer Warteschlangen"}),
    _choice({}, "stop"),
    {"choices": [], "usage": _USAGE},
)
_LLAMA: Final[Sequence[Mapping[str, Any]]] = (
    _choice({"role": "assistant", "content": None}),
    _choice({"content": "consumer-group-assignments"}),
    _choice({"content": "\n\nare rebalanced eagerly"}),
    _choice({}, "length"),
    {"choices": [], "usage": _USAGE, "timings": {"cache_n": 24, "prompt_ms": 283.582}},
)
_MAGISTRAL: Final[Sequence[Mapping[str, Any]]] = (
    _choice({"role": "assistant", "content": ""}),
    _choice(
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "Nachdenklichkeiten"}]}
            ]
        }
    ),
    _choice({"content": "Verbrauchergruppen"}),
    {**_choice({"content": " gemeinsamer Warteschlangen"}, "stop"), "usage": _USAGE},
)


def _frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    head = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = pack(">II", 16 + len(head) + len(payload), len(head))
    whole = prelude + pack(">I", crc32(prelude)) + head + payload
    return whole + pack(">I", crc32(whole))
