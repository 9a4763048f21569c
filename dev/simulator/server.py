"""Simulator server: the simulated providers over HTTP, and `/control` for whoever runs the test.

`POST /control` sets conduct (see `conduct.py`), `{"reset": true}` forgets everything,
`{"script": [...]}` adds answers, `{"qualities": {MODEL: SHARE}}` says how many of them are right;
`GET /control/calls?since=N` tells the calls.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from aiohttp import web
from pydantic_core import from_json, to_json

from . import anthropic_wire, bedrock_wire, openai_wire
from .accents import NAMES, OTHER_FORM, accented, accented_whole
from .address import Address, key_of, locate
from .answers import Script, answer, refusal
from .batches.service import BatchService, batches_answer
from .batches.work import BatchWork
from .conduct import Conduct, Fault, Settings
from .exchange import Answered, Asked, Counted, Unreadable, tokens
from .ledger import Called, Ledger, account, question_name
from .limits import Limits, Verdict
from .prefix_cache import PrefixCache
from .wire import Wire

SERVER = "switchgear-provider-simulator"
LONGEST_HANG_S = 600
_ODD_FIELDS = (LookupError, TypeError, AttributeError, ValueError)
_AFTER_ALL = {"refusal", "filtered_answer", "error_in_stream", "cut_stream", "garbage"}
"""Faults of calls that the provider answers, and bills."""


WIRES: Mapping[str, Wire] = {
    "openai": openai_wire,
    "anthropic": anthropic_wire,
    "bedrock": bedrock_wire,
}


@dataclass(frozen=True, slots=True)
class Served:
    """One call on its way to an answer."""

    wire: Wire
    asked: Asked
    conduct: Conduct
    fault: Fault | None
    number: int
    headers: dict[str, str]


@dataclass(slots=True)
class Simulator:
    """All simulated providers of one process."""

    seed: int = 0
    script: Script = field(default_factory=Script)
    ledger: Ledger = field(default_factory=Ledger)
    _limits: Limits = field(default_factory=Limits)
    _cache: PrefixCache = field(default_factory=PrefixCache)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    settings: Settings = field(init=False)
    batches: BatchService = field(init=False)

    def __post_init__(self) -> None:
        work = BatchWork(WIRES, lambda: self.script, self.ledger, self.seed)
        self.batches = BatchService(work)
        self.settings = Settings(self.seed)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The response to any request."""
        if request.path.startswith("/control"):
            return await self._control(request)
        batched = await self.batches.handle(request, key_of(request.headers))
        if batched is not None:
            return batched
        address = locate(request.path, request.headers)
        if address is None:
            return _json(404, {}, b'{"error":{"message":"the simulator has no such path"}}')
        body = await request.read()
        wire = WIRES[address.dialect]
        try:
            asked = wire.parse(address, request.headers, body)
        except Unreadable as problem:
            return _json(*wire.rejected(address.provider, problem))
        except _ODD_FIELDS:  # a provider tells whose fault it is, too
            odd = Unreadable("a field of the body is missing, or isn't as it must be")
            return _json(*wire.rejected(address.provider, odd))
        return await self._serve(request, address, wire, asked, body)

    async def _serve(
        self, request: web.BaseRequest, address: Address, wire: Wire, asked: Asked, body: bytes
    ) -> web.StreamResponse:
        conduct = self.settings.conduct(asked.model, asked.key)
        verdict = self._admit(asked, conduct)
        fault = self._fault(address, asked, conduct, verdict, body)
        number = next(self._numbers)
        headers = wire.limit_headers(asked.provider, verdict)
        headers |= {"x-request-id": f"simulator-{number}", "request-id": f"simulator-{number}"}
        served = Served(wire, asked, conduct, fault, number, headers)
        if fault is None or fault in _AFTER_ALL:
            return await self._answer(request, served)
        self._note(request, served, status=0 if fault in {"hang", "reset"} else None)
        return await _fail(request, served, verdict)

    def _admit(self, asked: Asked, conduct: Conduct) -> Verdict:
        if conduct.rpm is None and conduct.tpm is None:
            return Verdict(None, None, None)
        size = sum(tokens(block.text) for block in asked.blocks) + (asked.max_tokens or 0)
        return self._limits.admit(
            (asked.key, asked.model),
            rpm=conduct.rpm,
            tpm=conduct.tpm,
            size=size,
            now=time.monotonic(),
        )

    def _fault(
        self, address: Address, asked: Asked, conduct: Conduct, verdict: Verdict, body: bytes
    ) -> Fault | None:
        if not address.allowed:
            return "bad_credentials"
        if verdict.wait_s is not None:
            return "rate_limited"
        window = conduct.context_window
        if window is not None and sum(tokens(block.text) for block in asked.blocks) > window:
            return "context_too_long"
        return self.settings.fault(conduct, asked.model, asked.key, body)

    async def _answer(self, request: web.BaseRequest, served: Served) -> web.StreamResponse:
        asked, conduct = served.asked, served.conduct
        said = (
            refusal(asked) if served.fault == "refusal" else answer(asked, self.script, self.seed)
        )
        if served.fault == "filtered_answer":
            said = Answered(said.text[:20], "content_filter")
        spoken = said.text + "".join(call.arguments for call in said.tool_calls)
        thinking = tokens(said.thinking)
        now, output = time.monotonic(), tokens(spoken) + thinking
        first_s = self._seconds(conduct, conduct.first_token_ms or 0, served)
        counted = self._cache.count(asked, output, now, now + first_s)
        counted = replace(counted, thinking=thinking)
        self._note(request, served, status=200, counted=counted)
        if asked.stream != (conduct.accent == OTHER_FORM):
            return await self._stream(request, served, said, counted, first_s)
        latency_s = self._seconds(
            conduct, conduct.latency_ms or conduct.first_token_ms or 0, served
        )
        if conduct.tokens_per_s:
            latency_s += output / conduct.tokens_per_s
        if latency_s:
            await asyncio.sleep(latency_s)
        if served.fault == "garbage":
            return _garbage()
        if served.fault in {"cut_stream", "error_in_stream"}:
            return _abort(request)
        body = served.wire.whole(asked, said, counted, served.number)
        return _json(200, served.headers, accented_whole(asked.dialect, conduct.accent, body))

    async def _stream(
        self,
        request: web.BaseRequest,
        served: Served,
        said: Answered,
        counted: Counted,
        first_s: float,
    ) -> web.StreamResponse:
        if served.fault == "garbage":
            return _garbage()
        response = web.StreamResponse(headers={**served.headers, "server": SERVER})
        response.content_type = served.wire.STREAM_TYPE
        await response.prepare(request)
        told = list(served.wire.events(served.asked, said, counted, served.number))
        events = accented(served.asked.dialect, served.conduct.accent, told)
        broken = served.fault in {"cut_stream", "error_in_stream"}
        kept = events[: len(events) // 2] if broken else events
        if first_s:
            await asyncio.sleep(first_s)
        try:
            await _send(response, kept, served.conduct.tokens_per_s)
        except ConnectionResetError:  # the caller has left
            return response
        if served.fault == "cut_stream":
            return _abort(request, response)
        if served.fault == "error_in_stream":
            await response.write(served.wire.error_in_stream(served.asked))
        await response.write_eof()
        return response

    def _seconds(self, conduct: Conduct, milliseconds: float, served: Served) -> float:
        if not conduct.jitter or not milliseconds:
            return milliseconds / 1000
        drawn = self.settings.draw(served.asked.question.encode()).uniform(-1, 1)
        return max(0.0, milliseconds / 1000 * (1 + conduct.jitter * drawn))

    def _note(
        self,
        request: web.BaseRequest,
        served: Served,
        *,
        status: int | None,
        counted: Counted | None = None,
    ) -> None:
        asked, counted = served.asked, counted or Counted(0, 0)
        if status is None:
            assert served.fault is not None
            status = served.wire.failed(served.fault, asked, None)[0]
        self.ledger.add(
            Called(
                time.time(),
                asked.dialect,
                asked.model,
                account(asked.key),
                request.headers.get("x-request-id"),
                asked.stream,
                status,
                served.fault,
                counted.prompt,
                counted.read,
                counted.written_5m + counted.written_1h,
                counted.output,
                question=question_name(asked.question),
            )
        )

    async def _control(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET" and request.path.endswith("/batches"):
            return batches_answer(self.batches)
        if request.method == "GET":
            since = int(request.query.get("since", "0"))
            told = self.ledger.since(since) if request.path.endswith("/calls") else {"ok": True}
            return _json(200, {}, to_json(told))
        try:
            self._set(from_json(await request.read()))
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            return _json(400, {}, to_json({"error": str(problem)}))
        return _json(200, {}, b'{"ok":true}')

    def _set(self, told: dict[str, Any]) -> None:
        if told.pop("reset", False):
            self.settings.forget()
            self.ledger.clear()
            self._limits = Limits()
            self._cache = PrefixCache()
            self.batches.forget()
        if (batches := told.pop("batches", None)) is not None:
            self.batches.settings.set(batches)
        self.script.set_qualities(told.pop("qualities", {}))
        for line in told.pop("script", ()):
            self.script.add(line)
        accent = told.get("accent")
        if accent is not None and accent not in NAMES:
            raise ValueError(f"unknown accent; they are {sorted(NAMES)}")
        if told:
            self.settings.set(told)


async def _send(response: web.StreamResponse, events: list[bytes], pace: float | None) -> None:
    """The events, one a token's time; without a pace all at once."""
    if not pace:
        await response.write(b"".join(events))
        return
    for event in events:
        await response.write(event)
        await asyncio.sleep(1 / pace)


async def _fail(request: web.BaseRequest, served: Served, verdict: Verdict) -> web.StreamResponse:
    assert served.fault is not None
    if served.fault == "reset":
        return _abort(request)
    if served.fault == "hang":
        return await _hang(request)
    wait = served.conduct.retry_after_s if verdict.wait_s is None else verdict.wait_s
    status, headers, body = served.wire.failed(served.fault, served.asked, wait)
    return _json(status, {**served.headers, **headers}, body)


async def _hang(request: web.BaseRequest) -> web.StreamResponse:
    """Say nothing until the caller has left."""
    until = time.monotonic() + LONGEST_HANG_S
    while request.transport is not None and time.monotonic() < until:  # noqa: ASYNC110 - no event says it
        await asyncio.sleep(0.02)
    return web.Response(status=504)


def _abort(
    request: web.BaseRequest, response: web.StreamResponse | None = None
) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return response or web.Response(status=502)


def _garbage() -> web.Response:
    return web.Response(
        body=b"<html><body>simulated: not what you expected</body></html>",
        content_type="text/html",
        headers={"server": SERVER},
    )


def _json(status: int, headers: Mapping[str, str], body: bytes) -> web.Response:
    return web.Response(
        status=status,
        body=body,
        content_type="application/json",
        headers={**headers, "server": SERVER},
    )
