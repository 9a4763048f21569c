"""However much a provider says within the limits: the event loop has its turns while it is read.

A parser in C holds the interpreter while it reads a text. So what counts is how much it is given
at once: on the loop, and on a thread.
"""

import asyncio
import json
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from dev.simulator.bedrock_wire import framed
from producers import json_values
from producers.contract import ChatBody
from producers.json_values import marks_in
from runtime.config.catalog import Deployment, Model
from workers.providers.base import json_in_turns
from workers.providers.base.call_outcome import CallOutcome, Completion
from workers.providers.base.json_in_turns import LARGE
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.registry import dialect_of
from workers.providers.response_reading import ResponseReading

MOST_MARKS = 16_384
STREAM_TYPES = {
    "openai": "text/event-stream",
    "anthropic": "text/event-stream",
    "bedrock": "application/vnd.amazon.eventstream",
}
MODEL = Model(family="f", context_window=10**6)
BODY = ChatBody.model_validate({"messages": [{"role": "user", "content": "Hi"}]})
FIELDS = {f"{n:05x}": n % 9 for n in range(100_000)}
"""180,000 marks or so, of 262,144."""


@dataclass
class Body:
    """A response that has come, in chunks."""

    chunks: list[bytes]
    content_type: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> "Body":
        return self

    async def readany(self) -> bytes:
        return self.chunks.pop(0) if self.chunks else b""

    def at_eof(self) -> bool:
        return not self.chunks


async def told(
    payload: bytes, dialect: str, kind: str, *, stream: bool, chunk: int = 65_536
) -> tuple[CallOutcome, list[dict[str, Any]]]:
    deployment = Deployment.model_validate(
        {
            "model": "m",
            "provider": dialect,
            "dialect": dialect,
            "zone": "eu",
            "base_url": "http://x",
        }
        | ({"region": "eu-west-1"} if dialect == "bedrock" else {})
    )
    deltas: list[dict[str, Any]] = []

    async def keep(delta: dict[str, Any]) -> None:
        deltas.append(delta)

    request = ProviderRequest(deployment, MODEL, BODY, 600, 600)
    reading = ResponseReading(dialect_of(deployment), request, keep if stream else None, str)
    chunks = [payload[at : at + chunk] for at in range(0, len(payload), chunk)]
    async with asyncio.timeout(600) as deadline:
        body: Any = Body(chunks, kind)
        return await reading.read(body, deadline), deltas


def sse(*events: object) -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in events)


def openai_chunk(reason: str | None = None, **delta: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def anthropic_stream(*blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """blocks: the beginning of each, then its deltas."""
    said: list[dict[str, Any]] = []
    for index, (begun, *deltas) in enumerate(blocks):
        said.append({"type": "content_block_start", "index": index, "content_block": begun})
        said += ({"type": "content_block_delta", "index": index, "delta": d} for d in deltas)
    usage = {"input_tokens": 3, "output_tokens": 3}
    return [
        {"type": "message_start", "message": {"id": "1", "usage": usage}},
        *said,
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
        {"type": "message_stop"},
    ]


def pieces(text: str) -> list[dict[str, Any]]:
    parts = [text[at : at + 4_000] for at in range(0, len(text), 4_000)]
    return [{"type": "input_json_delta", "partial_json": part} for part in parts]


USE = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
WORD = [{"type": "text", "text": ""}, {"type": "text_delta", "text": "Hi"}]
WHOLE = {
    "openai": {
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hi"}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 3},
        "more": FIELDS,
    },
    "anthropic": {
        "content": [{**USE, "input": FIELDS}],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 3, "output_tokens": 3},
    },
    "bedrock": {
        "output": {"message": {"content": [{"text": "Hi"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 3, "outputTokens": 3},
        "more": FIELDS,
    },
}
STREAMS = {
    "openai": sse({**openai_chunk(content="Hi"), "more": FIELDS}, openai_chunk("stop")),
    "anthropic": sse(*anthropic_stream(WORD, [USE, *pieces(json.dumps(FIELDS))], WORD)),
    "bedrock": b"".join(
        (
            framed("messageStart", {"role": "assistant"}),
            framed(
                "contentBlockDelta",
                {"contentBlockIndex": 0, "delta": {"text": "Hi"}, "more": FIELDS},
            ),
            framed("messageStop", {"stopReason": "end_turn"}),
            framed("metadata", {"usage": {"inputTokens": 3, "outputTokens": 3}}),
        )
    ),
}


@pytest.fixture
def given_at_once(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, int, int]]:
    """(whether on the loop, bytes, marks) of every text that the parser was given."""
    given_texts: list[tuple[bool, int, int]] = []
    for module in (json_values, json_in_turns):

        def noted(raw: bytes, **how: Any) -> object:  # noqa: ANN401 the parser's
            on_loop = threading.current_thread() is threading.main_thread()
            given_texts.append((on_loop, len(raw), marks_in(raw)))
            return from_json(raw, **how)

        monkeypatch.setattr(module, "from_json", noted)
    return given_texts


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", STREAM_TYPES)
async def test_no_text_is_parsed_that_holds_the_loop(
    dialect: str, given_at_once: list[tuple[bool, int, int]], *, stream: bool
) -> None:
    payload = STREAMS[dialect] if stream else json.dumps(WHOLE[dialect]).encode()
    kind = STREAM_TYPES[dialect] if stream else "application/json"
    outcome, _ = await told(payload, dialect, kind, stream=stream)
    assert isinstance(outcome, Completion), outcome
    assert all(marks <= MOST_MARKS or size <= LARGE for _, size, marks in given_at_once)
    assert all(size <= LARGE for on_loop, size, _ in given_at_once if on_loop)
    assert sum(size for *_, size in given_at_once) > 100_000


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.text('ab\u00e9\n"{}', min_size=1, max_size=9), min_size=1, max_size=6),
    st.lists(st.booleans(), min_size=6, max_size=6),
    st.sampled_from([999, 65_536, 131_072]),
    st.sampled_from(["openai", "anthropic"]),
)
async def test_a_stream_is_the_same_in_small_events_and_in_large(
    words: list[str], large: list[bool], chunk: int, dialect: str
) -> None:
    events: list[dict[str, Any]]
    if dialect == "openai":
        events = [*(openai_chunk(content=word) for word in words), openai_chunk("stop")]
    else:
        said = [{"type": "text_delta", "text": word} for word in words]
        events = anthropic_stream([{"type": "text", "text": ""}, *said])
    padded = [
        {**each, "more": "x" * LARGE, "list": [{}] * 9_000} if is_large else each
        for each, is_large in zip(events, [*large, *[False] * 9], strict=False)
    ]
    small, before = await told(sse(*events), dialect, "text/event-stream", stream=True)
    outcome, deltas = await told(
        sse(*padded), dialect, "text/event-stream", stream=True, chunk=chunk
    )
    assert isinstance(small, Completion)
    assert isinstance(outcome, Completion)
    assert outcome.body["choices"] == small.body["choices"]
    assert deltas == before
    assert "".join(each.get("content", "") for each in deltas) == "".join(words)


async def test_an_ordinary_stream_needs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_thread(*_: object) -> object:
        raise AssertionError("a thread")

    monkeypatch.setattr(asyncio, "to_thread", no_thread)
    chunks = [openai_chunk(content="word ") for _ in range(1_000)]
    payload = sse(*chunks, openai_chunk("stop"))
    outcome, deltas = await told(payload, "openai", "text/event-stream", stream=True, chunk=900)
    assert isinstance(outcome, Completion)
    assert len(deltas) == 1_000
