import asyncio
from dataclasses import dataclass, field

import pytest

from tests.waiting import suspended
from workers.providers.auth.bearer_token import BearerAuthorizer, BearerToken
from workers.providers.base.call_outcome import BadCredentials


@dataclass
class Cloud:
    """Gives out numbered tokens of an hour's life; `broken` raises instead."""

    now: float = 1_000_000.0
    life_s: float = 3600.0
    given: int = 0
    broken: bool = False
    gate: asyncio.Event | None = None
    text: str = "secret-{}"
    waiting: list[int] = field(default_factory=list)

    async def fetch(self) -> BearerToken:
        self.given += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.broken:
            raise RuntimeError("secret-in-an-error")
        return BearerToken(self.text.format(self.given), self.now + self.life_s)

    def authorizer(self) -> BearerAuthorizer:
        return BearerAuthorizer(self.fetch, "a cloud", lambda: self.now)


async def headers(authorizer: BearerAuthorizer) -> str:
    given = await authorizer.headers("https://x", b"")
    assert not isinstance(given, BadCredentials), given
    return given["authorization"]


async def test_a_token_is_used_until_five_minutes_before_its_end() -> None:
    cloud = Cloud()
    authorizer = cloud.authorizer()
    assert await headers(authorizer) == "Bearer secret-1"
    cloud.now += 3299
    assert await headers(authorizer) == "Bearer secret-1"
    cloud.now += 1
    assert await headers(authorizer) == "Bearer secret-2"


async def test_many_calls_wait_for_one_renewal() -> None:
    cloud = Cloud(gate=asyncio.Event())
    authorizer = cloud.authorizer()
    calls = [asyncio.create_task(headers(authorizer)) for _ in range(20)]
    await suspended(*calls)
    assert cloud.gate is not None
    cloud.gate.set()
    assert set(await asyncio.gather(*calls)) == {"Bearer secret-1"}
    assert cloud.given == 1


async def test_when_a_renewal_fails_the_old_token_serves_until_its_end() -> None:
    cloud = Cloud()
    authorizer = cloud.authorizer()
    await headers(authorizer)
    cloud.broken, cloud.now = True, cloud.now + 3400
    assert await headers(authorizer) == "Bearer secret-1"
    assert await headers(authorizer) == "Bearer secret-1"
    assert cloud.given == 2  # not asked again at once
    cloud.now += 300
    refused = await authorizer.headers("https://x", b"")
    assert refused == BadCredentials(
        message="a cloud gave no token: RuntimeError", code="no_credentials"
    )
    cloud.broken = False
    assert await headers(authorizer) == f"Bearer secret-{cloud.given}"


@pytest.mark.parametrize("text", ["", "a\nb", "ü"])
async def test_a_token_that_no_header_can_carry_is_refused_without_being_shown(text: str) -> None:
    refused = await Cloud(text=text).authorizer().headers("https://x", b"")
    assert isinstance(refused, BadCredentials)
    assert not text or text not in refused.message


async def test_a_token_of_a_short_life_is_renewed_at_half_of_it() -> None:
    cloud = Cloud(life_s=60)
    authorizer = cloud.authorizer()
    await headers(authorizer)
    cloud.now += 31
    assert await headers(authorizer) == "Bearer secret-2"


async def test_the_token_is_blotted_out_of_texts() -> None:
    authorizer = Cloud().authorizer()
    assert authorizer.redact("secret-1") == "secret-1"
    await headers(authorizer)
    assert authorizer.redact("it said secret-1!") == "it said [redacted]!"
