"""The systems of the default file, each at each of its clouds: what one of them can do, all can.

A cell is a test: a deployment by its name, and what is asked of it. The answers come over HTTP from
the simulator, the prices from the list that ships.
"""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, Final

import pytest
from aiohttp import ClientSession

from dev.simulator.process import Running
from observability.pricing.prices import Priced, TokenRates, Unpriced
from producers.contract import ChatBody, Demands, Usage
from runtime.config.catalog import Deployment
from runtime.config.eligibility import ineligibility
from runtime.known.tables import known_tables
from workers.calling.cached_call import PromptCaching
from workers.calling.prefix_counts import LocalCounts
from workers.providers.base.call_outcome import (
    BadCredentials,
    CallOutcome,
    Completion,
    ConnectionLost,
    ContentFiltered,
    ContextTooLong,
    MalformedResponse,
    Overloaded,
    QuotaExhausted,
    RateLimited,
    ServerError,
    UnknownModel,
)
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.registry import connect_providers

from .test_default_file import CATALOG, PRICING

SYSTEMS: Final = tuple(CATALOG.deployments)
LONG: Final = "Follow the rules of the house, all of them. " * 500
TOOL: Final = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
SCHEMA: Final = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
FAULTS: Final = {
    "rate_limited": RateLimited,
    "quota_exhausted": QuotaExhausted,
    "overloaded": Overloaded,
    "server_error": ServerError,
    "context_too_long": ContextTooLong,
    "content_filtered": ContentFiltered,
    "bad_credentials": BadCredentials,
    "unknown_model": UnknownModel,
    "garbage": MalformedResponse,
    "reset": ConnectionLost,
}
ONE_MILLION: Final = Usage(input_uncached=1_000_000, output=1_000_000)
ARTICLE: Final = {
    "gpt-4o": {"openai", "azure"},
    "gpt-4o-mini": {"openai", "azure"},
    "gpt-3.5-turbo": {"openai"},
    "claude-3-5-sonnet": {"aws"},
    "claude-haiku-4-5": {"anthropic", "aws", "azure"},
    "claude-sonnet-4-6": {"anthropic", "aws", "azure"},
    "claude-opus-4-6": {"anthropic", "aws", "azure"},
    "mistral-large-2": {"mistral", "aws", "azure"},
    "mistral-small-3": {"mistral", "azure"},
    "mistral-nemo": {"mistral", "self"},
    "mixtral-8x7b": {"aws"},
}
"""Each system that was asked for, and the clouds at which the default file has it."""

AT_ONCE_ONLY: Final = {
    "azure-mistral-small-3",
    "azure-mistral-large-2",
    "bedrock-mistral-large-2",
    "bedrock-mixtral-8x7b",
}
"""Deployments whose clouds have no batch price for them."""


def rates(chosen: Deployment) -> TokenRates | None:
    return PRICING.rates_of(chosen)


class System:
    """One deployment, asked over HTTP."""

    def __init__(self, name: str, session: ClientSession, simulator: Running) -> None:
        self.name = name
        self.deployment = CATALOG.deployments[name]
        self.model = CATALOG.models[self.deployment.model]
        self._provider = connect_providers(CATALOG, session, simulator.environment)[name]
        self._caching = PromptCaching(LocalCounts(), rates, patience_s=30)

    async def ask(self, *, stream: bool = False, **body: Any) -> CallOutcome:  # noqa: ANN401
        asked = {"messages": [{"role": "user", "content": "What is a queue?"}], **body}
        parsed = ChatBody.model_validate(asked)
        decision = await self._caching.plan("tenant", self.deployment, parsed)
        turn = await self._caching.take_turn(decision)
        self.deltas: list[dict[str, Any]] = []

        async def emit(delta: dict[str, Any]) -> None:
            self.deltas.append(delta)

        request = ProviderRequest(self.deployment, self.model, parsed, 20, 20, decision.plan)
        outcome = await self._provider.send(request, emit if stream else None)
        if turn is not None:
            turn.end(answered=True)
        return outcome

    async def answer(self, *, stream: bool = False, **body: Any) -> Completion:  # noqa: ANN401
        outcome = await self.ask(stream=stream, **body)
        assert isinstance(outcome, Completion), outcome
        return outcome

    def cost(self, usage: Usage, *, batch: bool = False) -> Decimal:
        price = PRICING.price(self.deployment, usage, "batch" if batch else "standard")
        assert isinstance(price, Priced), price
        return price.micro_usd


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest, session: ClientSession, simulator: Running) -> System:
    return System(request.param, session, simulator)


def test_every_system_of_the_article_is_there_at_its_clouds() -> None:
    found: dict[str, set[str]] = {}
    for deployment in CATALOG.deployments.values():
        found.setdefault(deployment.model, set()).add(deployment.provider)
    assert found == ARTICLE


async def test_json(system: System) -> None:
    done = await system.answer()
    assert done.finish_reason == "stop"
    assert done.body["choices"][0]["message"]["content"]
    assert system.cost(done.usage) > 0


async def test_stream(system: System) -> None:
    done = await system.answer(stream=True)
    text = "".join(delta.get("content") or "" for delta in system.deltas)
    assert text == done.body["choices"][0]["message"]["content"] != ""
    assert system.cost(done.usage) > 0


async def test_tools(system: System) -> None:
    if "tools" not in system.model.capabilities:
        demands = Demands(needs=("tools",))
        assert ineligibility(system.deployment, system.model, demands) is not None
        return
    done = await system.answer(tools=[TOOL])
    assert done.finish_reason == "tool_calls"
    (call,) = done.body["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "simulated"}


async def test_schema(system: System) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
    done = await system.answer(response_format=form)
    if "json_schema" in system.model.capabilities:
        assert json.loads(done.body["choices"][0]["message"]["content"]) == {"n": 1}
        assert done.warnings == ()
    else:
        assert any("response_format" in warning for warning in done.warnings)


async def test_cached_tokens(system: System) -> None:
    told = [{"role": "system", "content": LONG}, {"role": "user", "content": "And?"}]
    first, _, third = [(await system.answer(messages=told)).usage for _ in range(3)]
    prices = rates(system.deployment)
    assert third.input_total == first.input_total
    if system.deployment.self_hosted:  # its price is the machine's, by all its tokens
        assert prices is None
        assert system.cost(third) == system.cost(first)
        return
    assert prices is not None
    saved = (prices.input - prices.cache_read) * third.cache_read
    assert system.cost(third) == system.cost(first) - saved
    if known_tables().models[system.deployment.model].cacheable_prefix is not None:
        assert third.cache_read >= 1024
        assert saved > 0


async def test_batch_price(system: System) -> None:
    batched = PRICING.price(system.deployment, ONE_MILLION, "batch")
    whole = system.cost(ONE_MILLION)
    if system.name in AT_ONCE_ONLY:
        assert isinstance(batched, Unpriced)
    elif system.deployment.self_hosted:
        assert isinstance(batched, Priced)
        assert batched.micro_usd == whole
    else:
        assert isinstance(batched, Priced)
        # a batch of OpenAI's at Azure is a Global one, without the tenth more for a data zone
        assert batched.micro_usd in (whole / 2, whole / Decimal("2.2"))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", SYSTEMS)
async def test_error_classes(
    name: str, fault: str, session: ClientSession, simulator: Running
) -> None:
    simulator.control(next=[fault], retry_after_s=2)
    outcome = await System(name, session, simulator).ask()
    assert isinstance(outcome, FAULTS[fault]), outcome
