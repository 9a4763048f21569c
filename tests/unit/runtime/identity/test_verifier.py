"""Is a token verified once, and are keys fetched as seldom as stated?"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

from runtime import limits
from runtime.config.sections.identity import IdentitySettings, TokenSettings
from runtime.identity.key_ring import KeyRing
from runtime.identity.key_source import token_verifier
from runtime.identity.token_verifier import Clocks, TokenVerifier
from runtime.identity.tokens.claims import TokenRefused, VerifiedToken
from runtime.identity.tokens.key_set import KeySet, KeySetError, parse_jwks
from runtime.limit import Limit
from tests.unit.runtime.identity import tokens
from tests.unit.runtime.identity.tokens import NOW, SETTINGS, jwk, jwks, token
from tests.waiting import suspended


@dataclass
class Issuer:
    """Publishes keys, and can be away."""

    keys: tuple[str, ...] = ("ES256",)
    away: bool = False
    fetches: int = 0
    held: asyncio.Event | None = None

    async def fetch(self) -> KeySet:
        self.fetches += 1
        if self.held is not None:
            await self.held.wait()
        if self.away:
            raise OSError("away")
        return parse_jwks(jwks(*map(jwk, self.keys)), SETTINGS.algorithms)


@dataclass
class Scene:
    issuer: Issuer = field(default_factory=Issuer)
    now_s: float = 0.0
    settings: TokenSettings = SETTINGS

    def __post_init__(self) -> None:
        clocks = Clocks(unix=lambda: NOW + self.now_s, monotonic=lambda: self.now_s)
        self.ring = KeyRing(self.issuer.fetch, self.settings, clocks.monotonic)
        self.verifier = TokenVerifier(self.ring, self.settings, clocks)

    async def ask(self, raw: bytes | str, submitted_s: float | None = None) -> str:
        outcome = await self.verifier.verify(raw, submitted_s)
        return outcome.tenant if isinstance(outcome, VerifiedToken) else outcome.reason


async def test_keys_are_fetched_when_the_first_token_comes() -> None:
    scene = Scene()
    assert scene.verifier.known(token()) is None
    assert await scene.ask(token()) == "acme"
    assert scene.issuer.fetches == 1
    known = scene.verifier.known(token().decode())
    assert isinstance(known, VerifiedToken)
    assert known.subject == "service-7"


async def test_a_new_key_is_fetched_once_in_a_cooldown_whatever_names_are_invented() -> None:
    scene = Scene()
    await scene.ring.load()
    for number in range(50):
        assert await scene.ask(token(header={"kid": f"invented-{number}"})) == "unknown_key"
    assert scene.issuer.fetches == 1
    scene.issuer.keys = ("ES256", "RS256")
    scene.now_s = SETTINGS.keys_cooldown_s
    assert await scene.ask(token("RS256")) == "acme"
    assert scene.issuer.fetches == 2


async def test_many_that_miss_a_key_wait_for_one_fetch() -> None:
    scene = Scene()
    scene.issuer.held = asyncio.Event()
    asking = [asyncio.create_task(scene.ask(token())) for _ in range(20)]
    await suspended(*asking)
    scene.issuer.held.set()
    assert set(await asyncio.gather(*asking)) == {"acme"}
    assert scene.issuer.fetches == 1


async def test_a_withdrawn_key_is_believed_no_longer_once_the_keys_are_fetched() -> None:
    scene = Scene()
    await scene.ring.load()
    assert await scene.ask(token()) == "acme"
    scene.issuer.keys = ("RS256",)
    scene.now_s = SETTINGS.keys_cooldown_s
    await scene.ring.refresh()
    assert await scene.ask(token()) == "unknown_key"


async def test_keys_outlive_an_outage_for_the_stated_time() -> None:
    scene = Scene(settings=SETTINGS.model_copy(update={"longest_wait_s": 1e6}))
    await scene.ring.load()
    scene.issuer.away = True
    scene.now_s = SETTINGS.keys_life_s + SETTINGS.keys_outage_s
    await scene.ring.refresh()
    assert await scene.ask(token(), NOW) == "acme"
    scene.now_s += 61
    refused = await scene.verifier.verify(token(), NOW)
    assert isinstance(refused, TokenRefused)
    assert (refused.reason, refused.retryable) == ("keys_unavailable", True)


async def test_a_remembered_token_still_expires() -> None:
    scene = Scene()
    assert await scene.ask(token()) == "acme"
    scene.now_s = 331
    assert await scene.ask(token()) == "expired"
    assert await scene.ask(token(), NOW + 300) == "acme"


async def test_no_more_tokens_are_remembered_than_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = Limit("verified tokens", 3, "tokens", "forgotten", "a test")
    monkeypatch.setattr(limits, "VERIFIED_TOKENS", few)
    scene = Scene()
    for number in range(10):
        await scene.ask(token(tenant=f"t{number}"))
    assert len(scene.verifier._verified) == 3  # noqa: SLF001 memory can't be seen otherwise
    assert await scene.ask(token(tenant="t0")) == "t0"


async def test_a_token_too_large_is_refused_unread() -> None:
    scene = Scene()
    room = limits.TOKEN.value - len(token(pad=""))
    padded = [token(pad="x" * length) for length in range(room * 3 // 4 - 4, room * 3 // 4 + 4)]
    sizes = {len(raw) <= limits.TOKEN.value: raw for raw in padded}
    assert await scene.ask(sizes[True]) == "acme"
    refused = await scene.verifier.verify(sizes[False])
    assert isinstance(refused, TokenRefused)
    assert limits.TOKEN.name in refused.message


async def test_keys_come_from_a_url_which_may_not_lead_elsewhere() -> None:
    answers = [web.Response(body=jwks()), web.HTTPFound("http://169.254.169.254/")]

    async def serve(_: web.Request) -> web.StreamResponse:
        return answers.pop(0)

    app = web.Application()
    app.router.add_get("/keys", serve)
    async with TestServer(app) as server:
        settings = TokenSettings(audience="switchgear", jwks_url=str(server.make_url("/keys")))
        async with token_verifier(settings, {}) as verifier:
            assert isinstance(await verifier.verify(token(), NOW), TokenRefused)  # long ago
            fresh = await verifier.verify(token(exp=4e9, iat=None))
            assert isinstance(fresh, VerifiedToken)
        async with token_verifier(settings, {}) as verifier:
            refused = await verifier.verify(token(exp=4e9, iat=None))
            assert isinstance(refused, TokenRefused)
            assert refused.reason == "keys_unavailable"


async def test_an_endless_key_set_is_cut_off() -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" " * 65_536)
        return response

    app = web.Application()
    app.router.add_get("/keys", pour)
    async with TestServer(app) as server:
        settings = TokenSettings(audience="a", jwks_url=str(server.make_url("/keys")))
        async with token_verifier(settings, {}) as verifier:
            refused = await verifier.verify(token())
            assert isinstance(refused, TokenRefused)
            assert refused.reason == "keys_unavailable"


async def test_keys_come_from_a_file_or_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks())
    by_file = TokenSettings(audience="switchgear", jwks_file=str(path))
    by_name = TokenSettings(audience="switchgear", shared_keys_env="KEYS")
    async with token_verifier(by_file, {}) as verifier:
        assert isinstance(await verifier.verify(token(exp=4e9, iat=None)), VerifiedToken)
    async with token_verifier(by_name, {"KEYS": f"HS256:{tokens.SECRET}"}) as verifier:
        assert isinstance(await verifier.verify(token("HS256", exp=4e9, iat=None)), VerifiedToken)


async def test_a_process_without_keys_does_not_start(tmp_path: Path) -> None:
    for settings, error in (
        (TokenSettings(audience="a", jwks_file=str(tmp_path / "none")), OSError),
        (TokenSettings(audience="a", shared_keys_env="KEYS"), KeySetError),
    ):
        with pytest.raises(error):
            async with token_verifier(settings, {}):
                pytest.fail("began without keys")


@pytest.mark.parametrize(
    "section",
    [
        {"mode": "signed"},
        {"mode": "Signed"},
        {"tokens": {"audience": "a"}},
        {"tokens": {"audience": "a", "jwks_file": "f", "shared_keys_env": "K"}},
        {"tokens": {"audience": "a", "jwks_url": "http://issuer/jwks"}},
        {"tokens": {"audience": "", "jwks_file": "f"}},
        {"tokens": {"audience": "a", "jwks_file": "f", "algorithms": ["none"]}},
        {"tokens": {"audience": "a", "jwks_file": "f", "algorithms": []}},
    ],
)
def test_a_section_that_cannot_be_meant_is_refused(section: object) -> None:
    with pytest.raises(ValidationError):
        IdentitySettings.model_validate(section)
