"""What the prompt cache saves, over HTTP: the simulator bills as Anthropic, Bedrock, OpenAI do."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aiohttp import ClientSession

from dev.simulator.process import Running
from observability.price_lists import load_price_book
from observability.pricing.prices import PriceKey, TokenRates, charge
from producers.contract import ChatBody, Usage
from runtime.config.catalog import Deployment
from workers.calling.cached_call import PromptCaching
from workers.calling.prefix_counts import LocalCounts
from workers.providers.base.call_outcome import Completion
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.registry import provider_of

from .conftest import AWS_SECRET, KEY, MODELS, deployment

LONG = "Follow the rules of the house, all of them. " * 500
BOOK = load_price_book()


def rates(chosen: Deployment) -> TokenRates | None:
    key = PriceKey(chosen.provider, chosen.model, chosen.region)
    return BOOK.rates(key, datetime.now(UTC))


def saving(priced: TokenRates, usage: Usage) -> Decimal:
    """Micro-dollars against a call whose prompt was not cached."""
    return charge(priced, Usage(input_uncached=usage.input_total)) - charge(
        priced, usage.model_copy(update={"output": 0})
    )


class Asking:
    """Asks one deployment through the prompt caching, as the pool does."""

    def __init__(self, session: ClientSession, address: str, name: str) -> None:
        self.deployment = deployment(name, address)
        environment = {
            "PLANTED_KEY": KEY,
            "AWS_ACCESS_KEY_ID": "AKIAPLANTED",
            "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
        }
        self.provider = provider_of(self.deployment, session, environment)
        self.caching = PromptCaching(LocalCounts(), rates, patience_s=30)

    async def __call__(self, question: str, system: str = LONG, **more: Any) -> Completion:  # noqa: ANN401 - parts of a body
        messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
        body = ChatBody.model_validate({"messages": messages, **more})
        decision = await self.caching.plan("tenant", self.deployment, body)
        turn = await self.caching.take_turn(decision)
        model = MODELS[self.deployment.model]
        request = ProviderRequest(self.deployment, model, body, 5, 5, decision.plan)
        outcome = await self.provider.send(request)
        if turn is not None:
            turn.end(answered=True)
        assert isinstance(outcome, Completion), outcome
        return outcome


async def test_anthropic_and_bedrock_are_marked_from_the_second_use_on(simulator: Running) -> None:
    async with ClientSession() as session:
        for name in ("anthropic", "bedrock"):
            ask = Asking(session, simulator.address, name)
            first, second, third = [(await ask(f"question {n}")).usage for n in range(3)]
            assert first.cache_read + first.cache_write_5m == 0
            assert second.cache_write_5m > 4096
            assert third.cache_read == second.cache_write_5m
            priced = rates(ask.deployment)
            assert priced is not None
            assert saving(priced, second) < 0 < saving(priced, second) + saving(priced, third)


async def test_openai_reads_its_own_cache_and_gets_a_stable_key(simulator: Running) -> None:
    async with ClientSession() as session:
        ask = Asking(session, simulator.address, "openai")
        usages = [(await ask(f"question {n}")).usage for n in range(2)]
        assert usages[0].cache_read == 0
        assert usages[1].cache_read > 4096


async def test_one_goes_first_when_a_burst_meets_a_cold_prefix(simulator: Running) -> None:
    simulator.control(first_token_ms=30, latency_ms=30)
    async with ClientSession() as session:
        ask = Asking(session, simulator.address, "anthropic")
        await ask("makes the prefix known")
        burst = await asyncio.gather(*(ask(f"question {n}") for n in range(20)))
        writers = [done for done in burst if done.usage.cache_write_5m]
        readers = [done for done in burst if done.usage.cache_read]
        assert (len(writers), len(readers)) == (1, 19)


async def test_short_prompts_are_left_alone(simulator: Running) -> None:
    async with ClientSession() as session:
        ask = Asking(session, simulator.address, "anthropic")
        usages = [(await ask("question", system="Be brief.")).usage for _ in range(3)]
        assert all(usage.cache_write_5m + usage.cache_read == 0 for usage in usages)
