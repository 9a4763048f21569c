"""Servers that say something else than the reference: over a loopback connection, byte by byte."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import ClientSession, web

from producers.contract import ChatBody
from runtime import limits
from runtime.config.catalog import Deployment, Model
from workers.providers import response_reading
from workers.providers.base.call_outcome import (
    CallOutcome,
    Completion,
    ContentFiltered,
    ContextTooLong,
    MalformedResponse,
    Overloaded,
    RateLimited,
    RequestRejected,
    ServerError,
    StreamTruncated,
    TimedOut,
)
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.registry import provider_of

SSE = "text/event-stream"
JSON = "application/json"
WHOLE = {
    "id": "c1",
    "object": "chat.completion",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2},
}
HI = {"role": "user", "content": "Hi"}


@dataclass
class OddServer:
    """Answers every request with `parts`, in the order given."""

    address: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)
    then: str = "end"
    """Behind the parts: end, abort the connection, or hang."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(status=self.status, headers=self.headers)
        await response.prepare(request)
        for part in self.parts:
            await response.write(part)
        if self.then == "abort":
            assert request.transport is not None
            request.transport.abort()
        if self.then == "hang":
            await self.over.wait()
        return response


@pytest.fixture
async def server() -> AsyncIterator[OddServer]:
    odd = OddServer()
    runner = web.ServerRunner(web.Server(odd.handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    odd.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield odd
    odd.over.set()
    await runner.cleanup()


@dataclass
class Told:
    """How a call ended, and what was passed on before."""

    outcome: CallOutcome
    deltas: list[dict[str, Any]]

    @property
    def completion(self) -> Completion:
        assert isinstance(self.outcome, Completion), self.outcome
        return self.outcome

    @property
    def content(self) -> str:
        text = self.completion.body["choices"][0]["message"]["content"]
        assert isinstance(text, str)
        return text


Ask = Callable[..., Awaitable[Told]]


@pytest.fixture
async def ask(server: OddServer) -> AsyncIterator[Ask]:
    async with ClientSession() as session:

        async def call(
            *parts: bytes,
            content_type: str = SSE,
            stream: bool = True,
            dialect: str = "openai",
            headers: Mapping[str, str] | None = None,
            timeout_s: float = 20,
        ) -> Told:
            server.parts = list(parts)
            server.headers = {"content-type": content_type, **(headers or {})}
            deployment = Deployment.model_validate(
                {
                    "model": "m",
                    "provider": {"openai": "openai", "anthropic": "anthropic"}[dialect],
                    "dialect": dialect,
                    "zone": "eu",
                    "base_url": server.address,
                }
            )
            model = Model(family="gpt-4o", context_window=9999, capabilities=frozenset())
            body = ChatBody.model_validate({"messages": [{"role": "user", "content": "Hi " * 200}]})
            request = ProviderRequest(deployment, model, body, timeout_s, timeout_s)
            deltas: list[dict[str, Any]] = []

            async def keep(delta: dict[str, Any]) -> None:
                deltas.append(delta)

            provider = provider_of(deployment, session, {})
            return Told(await provider.send(request, keep if stream else None), deltas)

        yield call


def event(**chunk: Any) -> bytes:  # noqa: ANN401 - JSON
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def delta(reason: str | None = None, **fields: Any) -> bytes:  # noqa: ANN401 - JSON
    return event(choices=[{"index": 0, "delta": fields, "finish_reason": reason}])


DONE = b"data: [DONE]\n\n"
USAGE = event(choices=[], usage={"prompt_tokens": 9, "completion_tokens": 2})


@pytest.mark.parametrize("content_type", [SSE, JSON, "text/plain", "application/octet-stream"])
async def test_a_stream_is_read_under_any_label(ask: Ask, content_type: str) -> None:
    told = await ask(delta(content="Hel"), delta("stop", content="lo"), USAGE, DONE)
    assert told.content == "Hello"
    told = await ask(
        delta(content="Hel"), delta("stop", content="lo"), DONE, content_type=content_type
    )
    assert told.content == "Hello"
    assert [each["content"] for each in told.deltas] == ["Hel", "lo"]


@pytest.mark.parametrize("content_type", [SSE, JSON, "text/plain"])
@pytest.mark.parametrize("blank", [b"", b"\n\n\n", b"\xef\xbb\xbf"])
async def test_a_whole_answer_comes_where_a_stream_was_asked(
    ask: Ask, content_type: str, blank: bytes
) -> None:
    told = await ask(blank, json.dumps(WHOLE).encode(), content_type=content_type)
    assert told.content == "Hello"
    assert told.deltas == [{"role": "assistant", "content": "Hello"}]
    assert told.completion.usage.output == 2


async def test_a_stream_comes_where_a_whole_answer_was_asked(ask: Ask) -> None:
    told = await ask(delta(content="Hel"), delta("stop", content="lo"), USAGE, DONE, stream=False)
    assert told.content == "Hello"
    assert told.completion.usage.input_uncached == 9


@pytest.mark.parametrize(
    "end", [[DONE], [b"data: [DONE]"], [USAGE], [USAGE.rstrip()], [], [b": bye"]]
)
async def test_a_stream_may_end_in_any_way_after_its_reason(ask: Ask, end: list[bytes]) -> None:
    told = await ask(delta(content="Hel"), delta("stop", content="lo"), *end)
    assert told.content == "Hello"
    assert told.completion.usage.output >= 1


async def test_a_stream_without_a_reason_is_cut(ask: Ask) -> None:
    assert isinstance((await ask(delta(content="Hel"))).outcome, StreamTruncated)


async def test_a_bom_and_blank_events_are_no_trouble(ask: Ask) -> None:
    told = await ask(
        b"\xef\xbb\xbf" + delta(content="Hel"), b"data:\n\n", delta("stop", content="lo"), DONE
    )
    assert told.content == "Hello"


async def test_a_filter_s_chunk_without_a_delta_is_skipped(ask: Ask) -> None:
    report: dict[str, Any] = {"index": 0, "finish_reason": None, "content_filter_results": {}}
    for chunk in (event(choices=[report]), event(choices=[{**report, "delta": None}])):
        told = await ask(delta(content="Hel"), chunk, delta("stop", content="lo"), USAGE, DONE)
        assert told.content == "Hello"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "maximum context length is 196608 tokens", "code": 400}, ContextTooLong),
        ({"message": "slow", "code": 429}, RateLimited),
        ({"message": "slow", "code": "429"}, RateLimited),
        ({"message": "busy", "status": 503}, Overloaded),
        ({"message": "no", "type": "BadRequestError", "code": 400}, RequestRejected),
        ({"message": "?", "code": 17}, ServerError),
        ("boom", ServerError),
    ],
)
async def test_an_error_with_status_200_is_the_error_that_it_is(
    ask: Ask,
    error: object,
    kind: type,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    body = {"error": error}
    whole = await ask(json.dumps(body).encode(), content_type=JSON, stream=stream)
    assert isinstance(whole.outcome, kind)
    first = await ask(event(**body), stream=stream)
    assert isinstance(first.outcome, kind)
    if isinstance(error, dict):
        flat = await ask(event(object="error", **error), stream=stream)
        assert isinstance(flat.outcome, kind)


@pytest.mark.parametrize(
    ("provider", "asked", "translated"),
    [
        ("openai", {}, False),
        ("openai", {"temperature": 1.5, "made_up": {"a": [1]}}, False),
        ("openai", {"messages": [{"role": "assistant", "thinking_blocks": []}, HI]}, True),
        ("self", {}, False),
        ("self", {"max_completion_tokens": 5}, True),
        ("mistral", {}, False),
        ("mistral", {"seed": 1}, True),
        ("mistral", {"messages": [{"role": "developer", "content": "x"}, HI]}, True),
        ("anthropic", {}, True),
    ],
)
async def test_a_refusal_tells_whose_words_were_refused(
    server: OddServer,
    provider: str,
    asked: Mapping[str, Any],
    translated: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    server.status, server.parts = 400, [json.dumps({"error": {"message": "stop is odd"}}).encode()]
    dialect = "anthropic" if provider == "anthropic" else "openai"
    place = Deployment.model_validate(
        {
            "model": "m",
            "provider": provider,
            "dialect": dialect,
            "zone": "eu",
            "base_url": server.address,
        }
    )
    body = ChatBody.model_validate({"messages": [HI], **asked})
    for prompt, changed in (({}, translated), ({"system_prefix": "Be brief."}, True)):
        model = Model.model_validate({"family": "f", "context_window": 9999, "prompt": prompt})
        async with ClientSession() as session:
            adapter = provider_of(place, session, {})
            outcome = await adapter.send(ProviderRequest(place, model, body, 20, 20))
        assert isinstance(outcome, RequestRejected)
        assert (outcome.message, outcome.translated) == ("stop is odd", changed)
        assert not outcome.unsent


async def test_what_a_dialect_has_no_words_for_is_not_sent(server: OddServer) -> None:
    place = Deployment.model_validate(
        {
            "model": "m",
            "provider": "anthropic",
            "dialect": "anthropic",
            "zone": "eu",
            "base_url": server.address,
        }
    )
    body = ChatBody.model_validate({"messages": [HI], "n": 2})
    async with ClientSession() as session:
        adapter = provider_of(place, session, {})
        model = Model(family="f", context_window=9999)
        outcome = await adapter.send(ProviderRequest(place, model, body, 20, 20))
    assert isinstance(outcome, RequestRejected)
    assert outcome.unsent
    assert "n:" in outcome.message


async def test_an_error_that_is_null_is_none(ask: Ask) -> None:
    chunk = event(choices=[{"index": 0, "delta": {"content": "Hello"}}], error=None)
    assert (await ask(chunk, delta("stop"), DONE)).content == "Hello"
    whole = json.dumps({**WHOLE, "error": None}).encode()
    assert (await ask(whole, content_type=JSON, stream=False)).content == "Hello"


@pytest.mark.parametrize(
    ("then", "last", "kind"),
    [
        ("end", b"", StreamTruncated),
        ("abort", b"", StreamTruncated),
        ("hang", b"", TimedOut),
        ("end", event(error={"message": "over", "code": 503}), Overloaded),
        ("end", b"data: {{\n\n", MalformedResponse),
    ],
)
async def test_a_call_that_broke_after_tokens_had_come_is_not_free(
    server: OddServer, ask: Ask, then: str, last: bytes, kind: type
) -> None:
    server.then = then
    words = [delta(content="word " * 10) for _ in range(20)]
    told = await ask(*words, last, timeout_s=0.5 if then == "hang" else 20)
    assert isinstance(told.outcome, kind)
    assert not isinstance(told.outcome, Completion)
    assert told.outcome.usage is not None
    assert told.outcome.usage_estimated
    assert told.outcome.usage.output == 250
    assert 100 < told.outcome.usage.input_uncached < 300


async def test_what_was_told_before_the_break_is_used(ask: Ask) -> None:
    start = event(type="message_start", message={"id": "m", "usage": {"input_tokens": 1000}})
    word = event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": "ab "})
    error = event(type="error", error={"type": "overloaded_error", "message": "busy"})
    told = await ask(start, *[word] * 400, error, dialect="anthropic")
    assert isinstance(told.outcome, Overloaded)
    assert told.outcome.usage is not None
    assert told.outcome.usage.input_uncached == 1000
    assert told.outcome.usage.output == 300
    assert told.outcome.usage_estimated


async def test_an_error_before_any_token_costs_nothing(ask: Ask) -> None:
    told = await ask(event(error={"message": "busy", "code": 503}))
    assert isinstance(told.outcome, Overloaded)
    assert told.outcome.usage is None


async def test_a_filtered_answer_costs_what_was_told(ask: Ask) -> None:
    told = await ask(delta(content="Hel"), delta("content_filter"), USAGE, DONE)
    assert isinstance(told.outcome, ContentFiltered)
    assert told.outcome.usage is not None
    assert told.outcome.usage.input_uncached == 9


async def test_no_body_is_read_beyond_its_limit(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_reading, "LONGEST_BODY", 1_000_000)
    monkeypatch.setattr(response_reading, "LONGEST_ERROR", 10_000)
    bomb = gzip.compress(b" " * 50_000_000)
    packed = {"content-encoding": "gzip"}
    for stream in (True, False):
        told = await ask(bomb, content_type=JSON, headers=packed, stream=stream)
        assert isinstance(told.outcome, MalformedResponse)
        assert "larger than" in told.outcome.message
    endless = await ask(*[delta(content="x" * 60_000)] * 40)
    assert isinstance(endless.outcome, MalformedResponse)
    assert endless.outcome.usage_estimated


def large_event() -> bytes:
    return delta(content="x" * 600_000)


@pytest.mark.parametrize(
    ("parts", "large"),
    [
        ([json.dumps(WHOLE | {"junk": "x" * 600_000}).encode()], True),
        ([json.dumps(WHOLE).encode()], False),
        ([large_event()[:300_000], large_event()[300_000:], delta("stop"), DONE], True),
        ([delta(content="x" * 2_000)] * 20 + [delta("stop"), DONE], False),
    ],
)
async def test_what_is_large_is_read_on_a_thread(
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    parts: list[bytes],
    large: bool,  # noqa: FBT001 as the case says
) -> None:
    handed: list[object] = []

    async def to_thread(deed: Callable[..., object], *given: object) -> object:
        handed.append(deed)
        return deed(*given)

    monkeypatch.setattr(asyncio, "to_thread", to_thread)
    kind = SSE if parts[0].startswith(b"data:") else JSON
    told = await ask(*parts, content_type=kind)
    assert isinstance(told.outcome, Completion)
    assert bool(handed) == large


CROWDED = {"choices": [{"logprobs": {"content": [[0]] * 262_144}}]}


@pytest.mark.parametrize(
    ("parts", "too_large"),
    [
        ([json.dumps(WHOLE | CROWDED).encode()], True),
        ([b"data: " + json.dumps(CROWDED).encode() + b"\n\n"], True),
        ([b"{" + b" " * limits.PROVIDER_BODY.value], True),
        ([b'{"choices": 1}'], False),
        ([b"data: {\n\n"], False),
    ],
)
async def test_what_is_beyond_our_limits_is_not_the_deployments_fault(
    ask: Ask, parts: list[bytes], *, too_large: bool
) -> None:
    kind = SSE if parts[0].startswith(b"data:") else JSON
    outcome = (await ask(*parts, content_type=kind)).outcome
    assert isinstance(outcome, MalformedResponse)
    assert outcome.too_large == too_large


async def test_a_large_event_that_is_damaged_costs_nothing_that_came_before(ask: Ask) -> None:
    damaged = delta(content="before") + large_event()[:-9] + b"]]]\n\n"
    told = await ask(delta(content="first"), damaged)
    assert isinstance(told.outcome, MalformedResponse)
    assert "".join(each.get("content", "") for each in told.deltas) == "firstbefore"


async def test_a_huge_error_is_read_in_part(server: OddServer, ask: Ask) -> None:
    server.status = 429
    body = b'{"error": {"message": "' + b"exceed the model " * 400_000
    told = await ask(body, content_type=JSON, headers={"retry-after": "7"})
    assert isinstance(told.outcome, RateLimited)
    assert told.outcome.wait_s == 7


async def test_long_headers_and_words_cost_nothing(server: OddServer, ask: Ask) -> None:
    server.status = 400
    body = json.dumps({"error": {"message": "exceed the model " * 60_000}}).encode()
    headers = {"x-ratelimit-limit-requests": "9" * 7000, "x-ratelimit-remaining-requests": "5"}
    told = await ask(body, content_type=JSON, headers=headers)
    assert not isinstance(told.outcome, Completion)
    assert len(told.outcome.message) <= 400
    assert told.outcome.limits.requests.remaining == 5


@pytest.mark.parametrize("count", [-5, 10**30, 10**6, 1.5, "9", True, [1], {}])
async def test_a_count_that_cannot_be_believed_is_estimated(ask: Ask, count: object) -> None:
    for name in ("prompt_tokens", "completion_tokens"):
        usage = {"prompt_tokens": 9, "completion_tokens": 2, name: count}
        told = await ask(delta("stop", content="Hello"), event(choices=[], usage=usage), DONE)
        assert 0 < told.completion.usage.output < 100
        assert 100 < told.completion.usage.input_total < 300
        assert "estimate" in told.completion.warnings[0]


@pytest.mark.parametrize("odd", [{"x": 1}, ["a", {"b": 2}], 7, True])
async def test_thoughts_of_any_shape_are_borne(ask: Ask, odd: object) -> None:
    assert (await ask(delta(reasoning_content=odd), delta("stop", content="A"))).content == "A"


@pytest.mark.parametrize("usage", [{"prompt_tokens": 9}, {"completion_tokens": 200}])
async def test_a_usage_of_one_half_is_completed_by_an_estimate(
    ask: Ask, usage: dict[str, int]
) -> None:
    told = await ask(delta("stop", content="Hello " * 100), event(choices=[], usage=usage))
    completion = told.completion
    assert completion.usage.input_total
    assert completion.usage.output_total > 100
    assert completion.usage_estimated
