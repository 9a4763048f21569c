"""Tokens of the clouds' own libraries, from stand-ins of their identity services."""

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from workers.providers.auth.cloud_identity import (
    ENTRA_SCOPE,
    GOOGLE_SCOPE,
    entra_authorizer,
    google_authorizer,
)


def _claims(asked: str) -> dict[str, str]:
    """What the signed assertion of a token request says."""
    assertion = parse_qs(asked.partition(" ")[2].strip())["assertion"][0]
    body = assertion.split(".")[1]
    claims: dict[str, str] = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


@asynccontextmanager
async def identity_service(answer: dict[str, object]) -> AsyncIterator[tuple[str, list[str]]]:
    """(address, what was asked) of a server that gives every question the same answer."""
    asked: list[str] = []

    async def give(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.query_string} {await request.text()}")
        return web.json_response(answer)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", give)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}", asked
    finally:
        await runner.cleanup()


async def test_a_managed_identity_of_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    entra_authorizer.cache_clear()
    answer = {"access_token": "entra-token", "expires_on": str(int(time.time()) + 3600)}
    answer |= {"resource": ENTRA_SCOPE, "token_type": "Bearer"}
    async with identity_service(dict(answer)) as (address, asked):
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{address}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "planted")
        given = await entra_authorizer().headers("https://x", b"")
        again = await entra_authorizer().headers("https://x", b"")
    assert given == again == {"authorization": "Bearer entra-token"}
    assert len(asked) == 1
    assert "cognitiveservices.azure.com" in asked[0]


async def test_a_service_account_of_google(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    google_authorizer.cache_clear()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    answer: dict[str, object] = {"access_token": "google-token", "expires_in": 3600}
    async with identity_service(answer) as (address, asked):
        account = {"type": "service_account", "client_email": "a@b.c", "private_key": pem}
        account |= {"token_uri": f"{address}/token", "project_id": "p", "private_key_id": "1"}
        file = tmp_path / "account.json"
        file.write_text(json.dumps(account))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        given = await google_authorizer().headers("https://x", b"")
    assert given == {"authorization": "Bearer google-token"}
    assert asked[0].startswith("POST")
    assert GOOGLE_SCOPE in _claims(asked[0])["scope"]
