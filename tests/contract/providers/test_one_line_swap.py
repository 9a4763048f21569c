"""The same thirty requests, answered by six providers: one line of the configuration differs."""

import json
from typing import Any

import jsonschema
import pytest
from aiohttp import ClientSession
from openai.types.chat import ChatCompletion

from dev.simulator.process import Running
from producers.contract import ChatBody
from runtime.config.config_file import parse_config
from workers.providers.base.call_outcome import Completion
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.registry import connect_providers

from . import conversations

CONFIG = """
models:
  gpt: {family: gpt-4o, context_window: 128000, capabilities: [tools, images, json_schema]}
  claude-haiku-4-5: {family: claude, context_window: 200000, capabilities: [tools, images, json_schema]}
  mistral: {family: mistral, context_window: 128000, capabilities: [tools, images, json_schema]}
deployments:
  openai: {model: gpt, provider: openai, zone: us, base_url: "SIM/openai/v1", api_key_env: KEY}
  azure: {model: gpt, provider: azure, zone: eu, base_url: "SIM/azure", api_key_env: KEY, api_version: "2024-10-21"}
  mistral: {model: mistral, provider: mistral, zone: eu, base_url: "SIM/mistral/v1", api_key_env: KEY}
  vllm: {model: mistral, provider: self, self_hosted: true, zone: eu, base_url: "SIM/self/v1"}
  anthropic: {model: claude-haiku-4-5, provider: anthropic, dialect: anthropic, zone: us, base_url: "SIM/anthropic", api_key_env: KEY}
  bedrock: {model: claude-haiku-4-5, provider: aws, dialect: bedrock, zone: eu, base_url: "SIM/bedrock", api_key_env: KEY}
default_baseline: openai
tiers:
  only:
    deployments: [CHOSEN]
"""  # noqa: E501 - one line each, as in the file

SIX = ("openai", "azure", "mistral", "vllm", "anthropic", "bedrock")


async def answers(address: str, chosen: str, *, stream: bool) -> list[Completion]:
    """What the tier's only deployment answers; the configuration differs in one line."""
    catalog = parse_config(CONFIG.replace("SIM", address).replace("CHOSEN", chosen))
    ((name, deployment),) = catalog.deployments_of("only")
    found: list[Completion] = []

    async def drop(_: dict[str, Any]) -> None:
        """The whole answer is looked at."""

    async with ClientSession() as session:
        provider = connect_providers(catalog, session, {"KEY": "key"})[name]
        for asked in conversations.ALL:
            body = ChatBody.model_validate(asked)
            call = ProviderRequest(deployment, catalog.models[deployment.model], body, 10, 10)
            outcome = await provider.send(call, drop if stream else None)
            assert isinstance(outcome, Completion), (asked, outcome)
            found.append(outcome)
    return found


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("chosen", SIX)
async def test_thirty_requests_are_answered_by_each_of_six(
    simulator: Running,
    chosen: str,
    stream: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    found = await answers(simulator.address, chosen, stream=stream)
    assert len(found) == len(conversations.ALL) == 30
    for asked, answer in zip(conversations.ALL, found, strict=True):
        completion = ChatCompletion.model_validate(answer.body)
        choice = completion.choices[0]
        assert answer.usage.input_uncached > 0
        assert answer.usage.output > 0
        if asked in conversations.TOOLS:
            assert choice.message.tool_calls
            made = choice.message.tool_calls[0]
            assert made.type == "function"
            assert choice.finish_reason == "tool_calls"
            assert json.loads(made.function.arguments) == {"order": "simulated"}
        else:
            assert choice.finish_reason in {"stop", "length"}
            assert choice.message.content
        if asked in conversations.FORMATS:
            schema = asked["response_format"]["json_schema"]["schema"]
            jsonschema.validate(json.loads(choice.message.content or ""), schema)


async def test_all_six_say_the_same(simulator: Running) -> None:
    texts = [
        [answer.body["choices"][0]["message"]["content"] for answer in found]
        for found in [await answers(simulator.address, chosen, stream=False) for chosen in SIX]
    ]
    plain = len(conversations.PLAIN) + len(conversations.SYSTEM)
    assert all(each[:plain] == texts[0][:plain] for each in texts)
