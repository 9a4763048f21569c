"""A gateway is killed in the middle of 500 SDK calls: nothing is lost, nothing paid twice."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio.to_thread
import openai
import pytest
import yaml

from dev.processes import Server
from dev.simulator.ledger import question_name
from dev.simulator.process import Running
from dev.stack import Ports, Stack, stack

CALLS = 500
AT_ONCE = 64
KILLED_AFTER = 120
RETRIES = 10
"""An SDK's two retries are for two gateways behind a load balancer; here the one starts again."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    # one deployment in the tier: a second one would be hedged to, which is a call more
    told = yaml.safe_load(Path("switchgear.yaml").read_text(encoding="utf-8"))
    told["tiers"]["economy"]["deployments"] = told["tiers"]["economy"]["deployments"][:1]
    config = folder / "switchgear.yaml"
    config.write_text(yaml.safe_dump(told), encoding="utf-8")
    with stack(folder, Ports(), {"SWITCHGEAR_CONFIG": str(config)}) as started:
        yield started


def child_of(running: Stack, name: str) -> Server:
    (child,) = (child for child in running.children if child.name == name)
    assert isinstance(child, Server)
    return child


def asked(number: int) -> dict[str, Any]:
    """A question that no other one is like, to an answer that isn't kept."""
    question = f"{number * 7919 % 100_003} " * 3 + f"call number {number}?"
    return {
        "model": "economy",
        "messages": [{"role": "user", "content": question}],
        "extra_body": {"switchgear": {"cache": {"mode": "no-cache"}}},
    }


async def text_of(client: openai.AsyncOpenAI, number: int) -> str:
    """The answer to an ordinary call, without a key: the SDK's retries are all there is."""
    created = await client.chat.completions.create(**asked(number))
    return created.choices[0].message.content or ""


async def stream_of(client: openai.AsyncOpenAI, number: int) -> tuple[str, str]:
    """What came of a stream with a key, and its text: asked for again until it is whole."""
    begun, key = "", {"Idempotency-Key": f"call-{number}"}
    while True:
        text = ""
        try:
            stream = await client.chat.completions.create(
                **asked(number), stream=True, extra_headers=key
            )
            async for event in stream:
                choice = event.choices[0]
                text += choice.delta.content or ""
                if choice.finish_reason:
                    return begun, text
        except openai.APIConnectionError:
            begun = begun or text  # torn: no SDK repeats a stream


@pytest.mark.timeout(240)
async def test_every_call_is_answered_and_none_is_paid_twice(running: Stack) -> None:
    gateway, simulator = child_of(running, "gateway"), child_of(running, "simulator")
    provider = Running(f"http://{simulator.address}")
    provider.control(latency_ms=150, first_token_ms=50, tokens_per_s=60)
    places, answers = asyncio.Semaphore(AT_ONCE), dict[int, str]()
    killed = asyncio.Event()

    async def one(client: openai.AsyncOpenAI, number: int) -> None:
        async with places:
            if number % 4:
                answers[number] = await text_of(client, number)
            else:
                begun, text = await stream_of(client, number)
                assert text.startswith(begun)
                answers[number] = text
        if len(answers) == KILLED_AFTER:
            killed.set()

    async def kill() -> None:
        await killed.wait()
        gateway.kill()
        await anyio.to_thread.run_sync(gateway.start)

    client = openai.AsyncOpenAI(
        base_url=f"{running.gateway}/v1", api_key="none", max_retries=RETRIES, timeout=120
    )
    async with client, asyncio.TaskGroup() as tasks:
        tasks.create_task(kill())
        for number in range(CALLS):
            tasks.create_task(one(client, number))
    assert len(answers) == CALLS
    assert all(answers.values())
    names = [question_name(asked(number)["messages"][0]["content"]) for number in range(CALLS)]
    paid = Counter(call["question"] for call in provider.calls() if call["status"] == 200)
    assert {name: paid[name] for name in names if paid[name] != 1} == {}
