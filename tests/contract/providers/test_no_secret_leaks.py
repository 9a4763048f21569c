"""No key in any outcome, log or output, whatever fails and whatever a provider says back."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web

from dev.simulator.conduct import FAULTS
from dev.simulator.process import Running
from workers.providers.base.call_outcome import Completion
from workers.providers.errors.classification import LONGEST_MESSAGE

from .conftest import AWS_SECRET, KEY, Caller

SECRETS = (KEY, AWS_SECRET)
EVERYONE = ("openai", "azure", "mistral", "anthropic", "bedrock")
STATUSES = (200, 302, 400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 529)


@pytest.fixture
async def parrot() -> AsyncIterator[str]:
    """The address of a provider that answers with everything it was sent, keys included."""

    async def repeat(request: web.BaseRequest) -> web.StreamResponse:
        status = int(request.headers["x-request-id"])
        secret = AWS_SECRET if request.path.startswith("/bedrock") else KEY
        told = json.dumps({"headers": dict(request.headers)}).ljust(LONGEST_MESSAGE - 9) + secret
        error: dict[str, Any] = {"message": told[-LONGEST_MESSAGE - 9 :], "code": secret}
        body = json.dumps({"error": error, "message": told})
        return web.Response(
            status=status,
            text=f"data: {body}\n\n" if status == 200 else body,
            content_type="text/event-stream" if status == 200 else "application/json",
            headers={"x-amzn-errortype": secret},
        )

    runner = web.ServerRunner(web.Server(repeat))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield "http://{}:{}".format(*runner.addresses[0][:2])
    await runner.cleanup()


def assert_silent(*texts: str) -> None:
    """Not even a part of a key long enough to be of use."""
    for text in texts:
        for secret in SECRETS:
            assert secret[:9] not in text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", EVERYONE)
async def test_every_fault_is_told_without_a_key(  # noqa: PLR0913, PLR0917 - a matrix
    call: Caller,
    simulator: Running,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    name: str,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    caplog.set_level(logging.DEBUG)
    failed = 0
    for fault in FAULTS:
        simulator.control(next=[fault])
        outcome, _ = await call(name, stream=stream, timeout_s=0.2, first_token_timeout_s=0.2)
        failed += not isinstance(outcome, Completion)
        assert_silent(repr(outcome))
    assert failed >= len(FAULTS) - 2
    assert_silent(caplog.text, *capfd.readouterr())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", EVERYONE)
async def test_a_provider_that_says_the_key_back_is_not_quoted(
    parrot: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    name: str,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    caplog.set_level(logging.DEBUG)
    async with ClientSession() as session:
        call = Caller(session, parrot)
        for status in STATUSES:
            outcome, _ = await call(name, stream=stream, request_id=str(status))
            assert not isinstance(outcome, Completion)
            assert_silent(repr(outcome))
    assert_silent(caplog.text, *capfd.readouterr())


async def test_refused_credentials_name_what_to_look_at(call: Caller, simulator: Running) -> None:
    sources = {"openai": "the key in PLANTED_KEY", "bedrock": "the AWS credentials"}
    for name, source in sources.items():
        simulator.control(next=["bad_credentials"])
        outcome, _ = await call(name)
        assert not isinstance(outcome, Completion)
        assert outcome.message.startswith(f"{source} was refused: HTTP 40")
