"""The simulator as a process, and the adapters connected to it."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest
from aiohttp import ClientSession

from dev.simulator.process import Running, running
from producers.contract import ChatBody
from runtime.config.catalog import Catalog, Deployment, Model
from workers.providers.base.call_outcome import CallOutcome
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.registry import connect_providers

KEY = "sk-planted-0123456789abcdef"
AWS_SECRET = "aws-planted-0123456789abcdef"


@pytest.fixture(scope="session")
def process() -> Iterator[Running]:
    with running("--seed", "7") as simulator:
        yield simulator


@pytest.fixture
def simulator(process: Running) -> Running:
    process.control(reset=True)
    return process


ALL = frozenset({"tools", "images", "json_schema", "logprobs"})
MODELS = {
    "gpt-4o-mini": Model(family="gpt-4o", context_window=128_000, capabilities=ALL),
    "claude-haiku-4-5": Model(
        family="claude", context_window=200_000, max_output=64_000, capabilities=ALL
    ),
    "mistral-small-3": Model(family="mistral", context_window=32_000, capabilities=ALL),
    "o4-mini": Model(family="o4", context_window=200_000, capabilities=ALL | {"reasoning"}),
    "plain": Model(family="plain", context_window=8_000),
}
PROVIDERS: Mapping[str, Mapping[str, Any]] = {
    "openai": {"model": "gpt-4o-mini", "provider": "openai", "path": "/openai/v1"},
    "azure": {
        "model": "gpt-4o-mini",
        "provider": "azure",
        "path": "/azure",
        "wire_model": "my-4o-mini",
        "api_version": "2024-10-21",
    },
    "mistral": {
        "model": "mistral-small-3",
        "provider": "mistral",
        "path": "/mistral/v1",
        "wire_model": "mistral-small-2501",
    },
    "self": {"model": "plain", "provider": "self", "path": "/self/v1", "self_hosted": True},
    "anthropic": {
        "model": "claude-haiku-4-5",
        "provider": "anthropic",
        "dialect": "anthropic",
        "path": "/anthropic",
    },
    "bedrock": {
        "model": "claude-haiku-4-5",
        "provider": "aws",
        "dialect": "bedrock",
        "path": "/bedrock",
        "wire_model": "eu.anthropic.claude-haiku-4-5-20251001-v1:0",
        "region": "eu-central-1",
    },
    "reasoning": {"model": "o4-mini", "provider": "openai", "path": "/openai/v1"},
}


def deployment(name: str, address: str) -> Deployment:
    told = dict(PROVIDERS[name])
    path = told.pop("path")
    keyless = told.get("self_hosted") or told.get("dialect") == "bedrock"
    key = None if keyless else "PLANTED_KEY"
    return Deployment(zone="us", base_url=address + path, api_key_env=key, **told)


class Caller:
    """Calls one deployment of the test's catalog, as the pool does."""

    def __init__(self, session: ClientSession, address: str) -> None:
        self.environment = {
            "PLANTED_KEY": KEY,
            "AWS_ACCESS_KEY_ID": "AKIAPLANTED",
            "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
        }
        self._session = session
        self._address = address

    async def __call__(
        self,
        name: str,
        body: Mapping[str, Any] | None = None,
        *,
        stream: bool = False,
        timeout_s: float = 5,
        first_token_timeout_s: float = 5,
        **call: Any,  # noqa: ANN401 - further fields of Call
    ) -> tuple[CallOutcome, list[dict[str, Any]]]:
        deployments = {each: deployment(each, self._address) for each in PROVIDERS}
        catalog = Catalog.model_validate(
            {
                "models": MODELS,
                "deployments": deployments,
                "tiers": {"all": {"deployments": [name]}},
                "default_baseline": name,
            }
        )
        provider = connect_providers(catalog, self._session, self.environment)[name]
        chosen = deployments[name]
        deltas: list[dict[str, Any]] = []

        async def keep(delta: dict[str, Any]) -> None:
            deltas.append(delta)

        asked = {"messages": [{"role": "user", "content": "What is a queue?"}], **(body or {})}
        made = ProviderRequest(
            chosen,
            MODELS[chosen.model],
            ChatBody.model_validate(asked),
            timeout_s,
            first_token_timeout_s,
            **call,
        )
        return await provider.send(made, keep if stream else None), deltas


@pytest.fixture
async def call(simulator: Running) -> AsyncIterator[Caller]:
    async with ClientSession() as session:
        yield Caller(session, simulator.address)
