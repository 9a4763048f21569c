"""Who may ask, how much, and what is refused before it would be too late."""

import time
from hashlib import sha256

import httpx2
import jwt
import pytest

from gateway.queues.queue_history import QueueSample
from runtime.config.sections.identity import TokenSettings
from runtime.identity.key_source import token_verifier
from tests.flow.gateway_stage import Door, door
from tests.flow.stage import catalog

CHAT = "/v1/chat/completions"
ASKED = {"model": "economy", "messages": [{"role": "user", "content": "Hi"}]}
SECRET = "s" * 40
TOKENS = TokenSettings(audience="switchgear", shared_keys_env="KEYS")


def token(**changes: object) -> str:
    claims = {"aud": "switchgear", "tenant": "t", "sub": "me", "exp": time.time() + 60, **changes}
    return jwt.encode(claims, SECRET, "HS256", {"kid": "k"})


def client_of(opened: Door) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=opened.address, timeout=30)


async def test_a_signed_token_opens_what_a_key_opens() -> None:
    async with (
        token_verifier(TOKENS, {"KEYS": f"k:{SECRET}"}) as verifier,
        door(anonymous=None, tokens=verifier) as opened,
        client_of(opened) as client,
    ):

        async def ask(bearer: str) -> httpx2.Response:
            headers = {"authorization": f"Bearer {bearer}"}
            return await client.post(CHAT, json=ASKED, headers=headers)

        assert (await ask(token())).status_code == 200
        for wrong in (token(exp=1), token(aud="other"), token()[:-2], "a.b.c", "nothing"):
            refused = await ask(wrong)
            assert refused.status_code == 401
            assert wrong not in refused.text
        assert len(opened.stage.calls) == 1


@pytest.mark.parametrize("name", ["authorization", "x-api-key"])
async def test_of_two_keys_none_counts(name: str) -> None:
    """A proxy in front of us may have looked at the first one, and we would go by the last."""
    async with (
        token_verifier(TOKENS, {"KEYS": f"k:{SECRET}"}) as verifier,
        door(anonymous=None, tokens=verifier) as opened,
        client_of(opened) as client,
    ):
        key = f"Bearer {token()}" if name == "authorization" else token()
        for headers in ([(name, "other"), (name, key)], [(name, key), (name.title(), key)]):
            refused = await client.post(CHAT, json=ASKED, headers=headers)
            assert refused.status_code == 400
            assert refused.json()["error"]["code"] == "doubled_header"
        assert (await client.post(CHAT, json=ASKED, headers=[(name, key)])).status_code == 200
        assert len(opened.stage.calls) == 1


async def test_without_the_section_a_token_is_no_key() -> None:
    async with door(anonymous=None) as opened, client_of(opened) as client:
        headers = {"authorization": f"Bearer {token()}"}
        assert (await client.post(CHAT, json=ASKED, headers=headers)).status_code == 401


@pytest.mark.parametrize(("deadline_ms", "status"), [("1000", 503), ("60000", 200)])
async def test_who_would_wait_longer_than_its_deadline_hears_it_at_once(
    deadline_ms: str, status: int
) -> None:
    async with door() as opened, client_of(opened) as client:
        now_s = time.time()

        async def look(queue: str) -> QueueSample:  # nobody takes requests, for 10 s
            written = 5 if queue == "llm.tier.economy" else 0
            return QueueSample(now_s, written, 0, 0)

        opened.queues._clock = lambda: now_s - 10  # noqa: SLF001 the time of the look
        await opened.queues.look(look)
        opened.queues._clock = time.time  # noqa: SLF001
        headers = {"x-switchgear-deadline-ms": deadline_ms}
        response = await client.post(CHAT, json=ASKED, headers=headers)
        assert response.status_code == status
        if status == 503:
            assert 1 <= int(response.headers["retry-after"]) <= 60
            assert response.json()["error"]["code"] == "overloaded"
            assert opened.stage.calls == []
            auto = {**ASKED, "model": "auto"}  # another tier is free
            assert (await client.post(CHAT, json=auto, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("origins", "allowed"), [([], None), (["https://app.example.com"], "https://app.example.com")]
)
async def test_pages_may_call_only_where_the_operator_says_so(
    origins: list[str], allowed: str | None
) -> None:
    made = catalog(gateway={"cors_origins": origins})
    async with door(catalog=made) as opened, client_of(opened) as client:
        headers = {"origin": "https://app.example.com", "access-control-request-method": "POST"}
        asked = await client.options(CHAT, headers=headers)
        assert asked.headers.get("access-control-allow-origin") == allowed
        asked = await client.post(CHAT, json=ASKED, headers={"origin": "https://app.example.com"})
        assert asked.status_code == (200 if allowed else 403)
        assert asked.headers.get("access-control-allow-origin") == allowed
        if allowed:
            assert "x-switchgear-cost-usd" in asked.headers["access-control-expose-headers"]


async def test_a_page_of_elsewhere_has_nothing_paid_for_by_a_gateway_without_keys() -> None:
    """A browser sends such a form or text without asking first, and only hides the answer."""
    entry = {"sha256": sha256(b"sk-sg-a_x").hexdigest(), "tenant": "t"}
    async with (
        door(catalog=catalog(gateway={"keys": {"a": entry}})) as opened,
        client_of(opened) as client,
    ):
        page = {"origin": "https://evil.example", "content-type": "text/plain"}
        for path in (CHAT, "/v1/messages", "/v1/responses", "/v1/embeddings"):
            refused = await client.post(path, json=ASKED, headers=page)
            assert refused.status_code == 403
            assert "evil.example" in refused.json()["error"]["message"]
        assert opened.stage.calls == []
        # who has a key isn't a page that came by: such as an application with a browser inside
        known = {**page, "authorization": "Bearer sk-sg-a_x"}
        assert (await client.post(CHAT, json=ASKED, headers=known)).status_code == 200
