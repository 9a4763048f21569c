"""Servers with an accent, in the whole flow: their answers are the reference's, and booked."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession, web

from dev.simulator.accents import ACCENTS, LINE_ENDS, OTHER_FORM, WHOLE
from dev.simulator.server import Simulator
from producers.contract import Done, Failed, Request
from runtime.config.catalog import Deployment
from tests.flow.stage import Stage, ask, catalog, playing
from workers.planning.request_state import PlanRules
from workers.providers.base.call_outcome import CallOutcome
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit
from workers.providers.registry import provider_of

HASTY = PlanRules(patience_s=0.2, backoff_s=0.01, hedge=False, attempts=2)
KEYS = {"KEY": "k", "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "k"}
PLACES: dict[str, dict[str, Any]] = {
    "openai": {"provider": "self", "path": "/self/v1"},
    "mistral": {"provider": "mistral", "path": "/mistral/v1"},
    "anthropic": {"provider": "anthropic", "dialect": "anthropic", "path": "/anthropic"},
    "bedrock": {"provider": "aws", "dialect": "bedrock", "path": "/bedrock"},
}
LOOK = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@asynccontextmanager
async def simulated() -> AsyncIterator[tuple[Simulator, str]]:
    simulator = Simulator()
    runner = web.ServerRunner(web.Server(simulator.handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield simulator, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving(place: str) -> AsyncIterator[tuple[Simulator, Stage]]:
    """A stage whose every deployment is the simulated one at `place`."""
    fields = dict(PLACES[place])
    async with simulated() as (simulator, address), ClientSession() as session:
        deployment = Deployment.model_validate(
            {
                "model": "claude-haiku-4-5",
                "zone": "eu",
                "api_key_env": None if place == "bedrock" else "KEY",
                "base_url": address + fields.pop("path"),
                **fields,
            }
        )
        provider = provider_of(deployment, session, KEYS)

        async def real(call: ProviderRequest, emit: Emit | None) -> CallOutcome:
            return await provider.send(replace(call, deployment=deployment), emit)

        scripts = dict.fromkeys(["eco-a", "eco-b", "std"], real)
        models = {
            name: {"family": "f", "context_window": 100_000, "capabilities": ["tools"]}
            for name in ("small", "medium", "nobody-knows")
        }
        async with playing(scripts, rules=HASTY, catalog=catalog(models=models)) as stage:
            yield simulator, stage


def asked(*, tools: bool, stream: bool = True) -> Request:
    more: dict[str, Any] = {"tools": [LOOK]} if tools else {}
    return ask(stream=stream, model="economy", routing={"cache": {"mode": "no-store"}}, **more)


async def told(stage: Stage, request: Request) -> Done | Failed:
    last = None
    async for part in stage.client.stream(request):
        last = part
    assert isinstance(last, Done | Failed)
    return last


def said(reply: Done | Failed) -> tuple[Any, Any, Any]:
    assert isinstance(reply, Done), reply
    choice = reply.body["choices"][0]
    functions = [call["function"] for call in choice["message"].get("tool_calls") or ()]
    calls = [(each["name"], json.loads(each["arguments"])) for each in functions]
    return choice["message"]["content"], calls, choice["finish_reason"]


@pytest.mark.parametrize("place", PLACES)
async def test_every_accent_says_what_the_reference_says(place: str) -> None:
    dialect = PLACES[place].get("dialect", "openai")
    async with serving(place) as (simulator, stage):
        plain = [said(await told(stage, asked(tools=tools))) for tools in (False, True)]
        count = 2
        for accent in sorted(LINE_ENDS | ACCENTS[dialect].keys() - {"number_error"}):
            simulator.settings.set({"accent": accent})
            replies = [await told(stage, asked(tools=tools)) for tools in (False, True)]
            assert [said(reply) for reply in replies] == plain, accent
            count += 2
        simulator.settings.set({"accent": "number_error"})
        throttled = await told(stage, asked(tools=False))
        assert isinstance(throttled, Done if dialect == "bedrock" else Failed)
        count += 1
        events = await stage.events(count)
        assert len({event.id for event in events}) == count
        assert all(event.cost_micro_usd for event in events if event.outcome == "done")
        assert not stage.dead_letters()


@pytest.mark.parametrize("place", PLACES)
async def test_whole_bodies_and_the_other_form_say_what_the_reference_says(place: str) -> None:
    dialect = PLACES[place].get("dialect", "openai")
    async with serving(place) as (simulator, stage):
        plain = [said(await told(stage, asked(tools=t, stream=False))) for t in (False, True)]
        count = 2
        for accent in sorted(WHOLE[dialect].keys() | {OTHER_FORM}):
            simulator.settings.set({"accent": accent})
            replies = [await told(stage, asked(tools=t, stream=False)) for t in (False, True)]
            assert [said(reply) for reply in replies] == plain, accent
            count += 2
        simulator.settings.set({"accent": OTHER_FORM})
        assert [said(await told(stage, asked(tools=t))) for t in (False, True)] == plain
        events = await stage.events(count + 2)
        assert len({event.id for event in events}) == count + 2
        assert all(event.cost_micro_usd for event in events if event.outcome == "done")
        assert not stage.dead_letters()
