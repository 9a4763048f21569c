"""Is a token read anew, renewed in time, and its secret kept?"""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiokafka.errors import SaslAuthenticationFailed

from producers.kafka.connection import connection_options
from producers.kafka.oauth_token import ClientCredentials, IssuedToken
from producers.settings import KafkaSettings
from runtime.process.control_topics import framework_security


@asynccontextmanager
async def issuer(
    *answers: web.Response, asked: list[dict[str, str]] | None = None
) -> AsyncIterator[IssuedToken]:
    left = list(answers)

    async def token(request: web.Request) -> web.Response:
        form = dict(await request.post())
        if asked is not None:
            asked.append({**{k: str(v) for k, v in form.items()}, **request.headers})
        return left.pop(0)

    app = web.Application()
    app.router.add_post("/token", token)
    async with TestServer(app) as server:
        url = str(server.make_url("/token"))
        yield IssuedToken(ClientCredentials(url, "me", "s3cret", "kafka"))


def issued(token: object, life_s: object = 300) -> web.Response:
    return web.json_response({"access_token": token, "expires_in": life_s})


async def test_a_token_is_asked_for_once_by_client_credentials() -> None:
    asked: list[dict[str, str]] = []
    async with issuer(issued("t1"), asked=asked) as provider:
        assert [await provider.token() for _ in range(3)] == ["t1"] * 3
    (request,) = asked
    assert (request["grant_type"], request["scope"]) == ("client_credentials", "kafka")
    assert base64.b64decode(request["Authorization"].removeprefix("Basic ")) == b"me:s3cret"


async def test_a_token_is_renewed_before_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    async with issuer(issued("t1", 100), issued("t2", "odd"), issued("t3")) as provider:
        assert await provider.token() == "t1"
        now_s += 79
        assert await provider.token() == "t1"
        now_s += 2
        assert await provider.token() == "t2"
        now_s += 59
        assert await provider.token() == "t3"


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=401, text="the secret s3cret is wrong"),
        web.Response(status=302, headers={"Location": "http://127.0.0.1:1/elsewhere"}),
        web.Response(text="no json"),
        web.json_response([]),
        web.json_response({"access_token": 7}),
        web.Response(body=b" " * 70_000),
    ],
    ids=["refused", "redirected", "no-json", "list", "number", "large"],
)
async def test_an_issuer_that_gives_none_is_a_refused_log_in(answer: web.Response) -> None:
    async with issuer(answer) as provider:
        with pytest.raises(SaslAuthenticationFailed, match="no token from") as caught:
            await provider.token()
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(ClientCredentials("u", "me", "s3cret"))


async def test_a_file_is_read_anew_for_each_connection(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    settings = KafkaSettings(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="OAUTHBEARER",
        kafka_oauth_token_file=path,
    )
    provider = connection_options(settings)["sasl_oauth_token_provider"]
    assert await provider.token() == "first"
    path.write_text("second")
    assert await provider.token() == "second"
    path.unlink()
    with pytest.raises(SaslAuthenticationFailed):
        await provider.token()


def test_the_framework_takes_the_same_mechanism(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(json.dumps({}))
    settings = KafkaSettings(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="OAUTHBEARER",
        kafka_oauth_token_file=path,
    )
    security = framework_security(connection_options(settings))
    assert type(security).__name__ == "SASLOAuthBearer"
    assert security.use_ssl
