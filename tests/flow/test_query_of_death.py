"""Does any record or any provider's answer stop the flow, or keep the next request from its answer?

The corpus of the readers' fuzzer and its mutations go through the whole flow: router, worker,
dead letters, replies. After each hundred, an ordinary request is answered.
"""

import asyncio
import json
from random import Random
from typing import Any

import pytest

from dev.fuzz_readers.corpus import headers_in, seeds_of
from dev.fuzz_readers.mutation import mutated
from producers.contract import Done, topics
from producers.kafka.broker import Outgoing
from tests.fakes import answer
from tests.flow.stage import Stage, ask, playing
from workers.providers.base.call_outcome import CallOutcome, Completion
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit

ROUNDS, RECORDS = 3, 80
HEADERS: Any = [headers_in(seed) for seed in seeds_of("headers")]


def records(random: Random, topic: str, reader: str) -> list[Outgoing]:
    seeds, lines = seeds_of(reader), seeds_of("headers")
    written = []
    for _ in range(RECORDS):
        headers: Any = [*random.choice(HEADERS), *headers_in(mutated(random, lines))]
        key = mutated(random, [b"key", b"r-1"])[:500]
        written.append(Outgoing(topic, mutated(random, seeds), key, headers))
    return written


async def answered(stage: Stage) -> None:
    reply = await stage.client.submit(ask("Are you still there?", model="standard"), timeout=60)
    assert isinstance(reply, Done)


@pytest.mark.parametrize(
    ("topic", "reader"),
    [
        (topics.REQUESTS, "request"),
        (topics.tier_topic("economy"), "tagged"),
        (topics.CACHE_INVALIDATIONS, "invalidation"),
        (topics.REPLIES, "reply"),
        (topics.retry_topic_name(1_000), "tagged"),
    ],
)
async def test_no_record_stops_the_flow(topic: str, reader: str) -> None:
    random = Random(f"{topic} {reader}")
    async with playing() as stage:
        for _ in range(ROUNDS):
            for outgoing in records(random, topic, reader):
                await stage.broker.publish(outgoing)
            await answered(stage)


def hostile_bodies(random: Random) -> list[dict[str, Any]]:
    """Answers that a reader has let through, in every shape."""
    seeds = [json.dumps(answer().body).encode(), *seeds_of("answer")]
    bodies = (mutated(random, seeds) for _ in range(RECORDS))
    return [body for raw in bodies if isinstance(body := _json(raw), dict)]


def _json(raw: bytes) -> Any:  # noqa: ANN401 any JSON
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


async def test_no_answer_of_a_provider_stops_the_flow_or_goes_unbooked() -> None:
    random = Random(11)
    bodies = hostile_bodies(random)
    waiting = iter(bodies)

    async def script(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        usual = answer()
        return Completion(next(waiting, usual.body), usual.usage, "stop", 0.01)

    checks = [
        {"kind": "json_schema", "schema": {"type": "object"}},
        {"kind": "max_length", "characters": 3},
    ]
    async with playing(dict.fromkeys(("eco-a", "eco-b", "std"), script)) as stage:
        requests = [
            ask(f"Number {number}?", model="economy", routing={"validators": checks[: number % 3]})
            for number in range(len(bodies) // 2)
        ]
        replies = await asyncio.gather(
            *(stage.client.submit(each, timeout=90) for each in requests)
        )
        assert len(replies) == len(requests)
        events = await stage.events(len(requests))
        assert {event.id for event in events} == {request.id for request in requests}
        await answered(stage)
