"""The operator's own parts: a validator named in `checks`, a dialect named by a deployment."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from aiohttp import ClientSession, web

from producers.contract import ChatBody, NamedCheck, Usage
from runtime.config.catalog import Deployment, Model
from workers.checks.validators import failed_checks, load_checks
from workers.providers.base.call_outcome import Completion, StreamTruncated
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.registry import provider_of

CHECKS: Final = load_checks({"iban": "examples.own_validator:iban"})
PIECES: Final = ("It is ", "42.")
LAST: Final = {"done": True, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 4}


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("DE89 3704 0044 0532 0130 00", None),
        ("GB82WEST12345698765432", None),
        ("DE88 3704 0044 0532 0130 00", "its check digits are wrong: read it again"),
        ("The IBAN is DE89 3704 …", "it must be an IBAN alone, without any other word"),
    ],
)
def test_an_operators_check_speaks_to_the_model(answer: str, problem: str | None) -> None:
    body = {"choices": [{"message": {"role": "assistant", "content": answer}}]}
    problems = failed_checks([NamedCheck(kind="named", name="iban")], body, CHECKS)
    assert [each.message for each in problems] == ([] if problem is None else [problem])


def deployment(address: str, dialect: str = "examples.own_provider:OllamaDialect") -> Deployment:
    return Deployment(
        model="llama-3",
        provider="self",
        self_hosted=True,
        zone="cellar",
        base_url=address,
        dialect=dialect,
    )


@asynccontextmanager
async def ollama(*, cut: bool = False) -> AsyncIterator[str]:
    """The address of a server that speaks `/api/chat`; cut: its streams lack their end."""

    async def respond(request: web.BaseRequest) -> web.StreamResponse:
        sent = json.loads(await request.read())
        assert request.path == "/api/chat"
        assert sent["model"] == "llama-3"
        if not sent["stream"]:
            return web.json_response({"message": {"content": "".join(PIECES)}, **LAST})
        lines: list[dict[str, Any]] = [
            {"message": {"content": piece}, "done": False} for piece in PIECES
        ]
        lines += [] if cut else [{"message": {"content": ""}, **LAST}]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        return web.Response(text=text, content_type="application/x-ndjson")

    runner = web.ServerRunner(web.Server(respond), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield "http://{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


def request(address: str) -> ProviderRequest:
    body = ChatBody.model_validate({"messages": [{"role": "user", "content": "6 x 7?"}]})
    return ProviderRequest(
        deployment(address), Model(family="llama", context_window=8_000), body, 10, 10
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_a_dialect_of_ones_own_answers_whole_and_streamed(*, stream: bool) -> None:
    deltas: list[dict[str, Any]] = []

    async def emit(delta: dict[str, Any]) -> None:
        deltas.append(delta)

    async with ollama() as address, ClientSession() as session:
        provider = provider_of(deployment(address), session, {})
        outcome = await provider.send(request(address), emit if stream else None)
    assert isinstance(outcome, Completion), outcome
    assert outcome.body["choices"][0]["message"]["content"] == "It is 42."
    assert outcome.usage == Usage(input_uncached=9, output=4)
    assert "".join(delta["content"] for delta in deltas) == ("It is 42." if stream else "")


async def test_a_stream_that_is_cut_is_no_answer() -> None:
    async def emit(_delta: dict[str, Any]) -> None: ...

    async with ollama(cut=True) as address, ClientSession() as session:
        outcome = await provider_of(deployment(address), session, {}).send(request(address), emit)
    assert isinstance(outcome, StreamTruncated)


@pytest.mark.parametrize("dialect", ["no.such:Dialect", "examples.own_provider:NoSuchDialect"])
async def test_a_dialect_that_cannot_be_loaded_is_named(dialect: str) -> None:
    async with ClientSession() as session:
        with pytest.raises(ValueError, match=dialect):
            provider_of(deployment("http://x", dialect), session, {})
