"""How is the load sent through Switchgear?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from bench.resilience.load import Ask
from bench.resilience.stack import World, pools
from producers.client import ReplyTimeoutError, RouterClient, chat
from producers.contract import Done
from producers.settings import ClientSettings


@asynccontextmanager
async def switchgear(there: World, workers: int) -> AsyncIterator[Ask]:
    """Asks through Kafka, once every pool has answered."""
    settings = ClientSettings(kafka=there.kafka)
    with pools(there, workers):
        async with RouterClient.connect(settings) as client:
            for tier in ("economy", "standard"):
                await _first_answer(client, tier)

            async def ask(number: int, seconds: float) -> str:
                return await _ask(client, f"question {number}", None, seconds)

            yield ask


async def _first_answer(client: RouterClient, tier: str) -> None:
    """Wait until the tier answers: new topics have no leader yet, new members no partitions."""
    for _ in range(6):
        with suppress(ReplyTimeoutError):
            if await _ask(client, "first", tier, 15) == "ok":
                return
    raise AssertionError(f"the {tier} tier does not answer")


async def _ask(client: RouterClient, prompt: str, tier: str | None, seconds: float) -> str:
    """tier: None = the router's choice; a tier that the caller names is never left."""
    routing = {"tier": tier, "cache": {"mode": "no-cache"}}
    request = chat(prompt, tenant="bench", max_tokens=50, routing=routing)
    reply = await client.submit(request, timeout=seconds)
    return "ok" if isinstance(reply, Done) else reply.code
