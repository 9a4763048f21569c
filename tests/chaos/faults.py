"""What goes wrong during a chaos run, and in which order?

A fault is done to a running installation; it returns when the cause is over (the process started
again, the broker back), not when its effects are.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Final, TypeAlias

from aiokafka import AIOKafkaProducer
from redis import Redis

from dev.processes import Server
from producers.contract import codec, topics
from tests.chaos.installation import (
    SESSION_TIMEOUT_S,
    USUAL_FAULTS,
    Installation,
    freeze,
    thaw,
)
from tests.chaos.neighbour_faults import families
from tests.chaos.pace import lasts

Inject: TypeAlias = Callable[[Installation], None]
_AN_HOUR_S: Final = 3600.0
_SMALL: Final = ("gpt-4o-mini", "gpt-4o")
"""The models on the wire of one provider: what a one-provider fault hits."""


@dataclass(frozen=True, slots=True)
class Fault:
    """victim: the service that is killed without a word, so that calls may be lost with it."""

    name: str
    inject: Inject
    victim: str | None = None


def sequence(count: int, seed: int = 0) -> list[Fault]:
    """`count` faults: every kind once before any comes again, in an order that follows the seed.

    seed: 0 keeps the order in which they are written down.
    """
    random, faults = Random(seed), list[Fault]()
    while len(faults) < count:
        kinds = list(_kinds())
        if seed:
            random.shuffle(kinds)
        faults += kinds
    return faults[:count]


def brief() -> list[Fault]:
    """One of each family, for the bounded run."""
    wanted = (
        *("kill -9 worker", "kill -9 gateway", "rolling restart"),
        *("kill -9 broker", "flush Redis", "poison"),
    )
    return [next(fault for fault in _kinds() if fault.name.startswith(name)) for name in wanted]


def _kinds() -> Iterator[Fault]:
    yield Fault("kill -9 router", partial(_kill, name="router-1"))
    yield Fault("kill -9 worker (economy)", partial(_kill, name="economy-1"), "economy-1")
    yield Fault("SIGTERM router", partial(_terminate, name="router-1"))
    yield Fault("SIGTERM worker (economy)", partial(_terminate, name="economy-1"))
    yield Fault("kill -9 gateway", partial(_kill, name="gateway-1"))
    yield Fault("SIGTERM gateway", partial(_terminate, name="gateway-1"))
    yield Fault("provider hangs, 8 s", partial(_provider, fault="hang", seconds=8))
    yield Fault("stop Kafka for 20 s", _stop_kafka)
    yield Fault("flush Redis", _flush_redis)
    yield Fault("provider resets connections, 8 s", partial(_provider, fault="reset", seconds=8))
    yield Fault("poison in llm.requests", _poison_requests)
    yield Fault("kill -9 broker, data kept", _kill_kafka)
    yield Fault("provider answers garbage, 8 s", partial(_provider, fault="garbage", seconds=8))
    yield Fault("clock of a worker +1 h, 10 s", partial(_step_clock, seconds=_AN_HOUR_S))
    yield Fault("stop Redis for 10 s", _stop_redis)
    yield Fault("provider cuts streams, 8 s", partial(_provider, fault="cut_stream", seconds=8))
    yield Fault("clock of a worker -1 h, 10 s", partial(_step_clock, seconds=-_AN_HOUR_S))
    yield Fault("poison in a tier topic", _poison_tier)
    yield Fault("freeze a worker for 15 s", _freeze, "economy-1")
    yield Fault("all providers down, 5 s", _all_providers_down)
    yield Fault("kill -9 worker (standard)", partial(_kill, name="standard-1"), "standard-1")
    yield Fault("rolling restart of everything", _rolling_restart)
    for name, inject, victim in families():
        yield Fault(name, inject, victim)


# ------------------------------------------------------------------------------- our processes


def _kill(at: Installation, name: str) -> None:
    at.services[name].kill()
    at.services[name].start()


def _terminate(at: Installation, name: str) -> None:
    _restart(at.services[name])


def _rolling_restart(at: Installation) -> None:
    for service in at.services.values():
        _restart(service)


def _restart(service: Server) -> None:
    status = service.stop(grace_s=30)
    assert status == 0, f"{service.name} ended with {status} on SIGTERM; see {service.log}"
    service.start()


def _freeze(at: Installation) -> None:
    service = at.services["economy-1"]
    freeze(service)
    lasts(2 * SESSION_TIMEOUT_S + 3)
    thaw(service)


def _step_clock(at: Installation, seconds: float) -> None:
    at.set_clock("economy-1", seconds)
    lasts(10)
    at.set_clock("economy-1", 0)


# ------------------------------------------------------------------------------ what we depend on


def _stop_kafka(at: Installation) -> None:
    at.kafka.stop(grace_s=30)
    lasts(20)
    at.kafka.start()


def _kill_kafka(at: Installation) -> None:
    at.kafka.kill()
    at.kafka.start()


def _flush_redis(at: Installation) -> None:
    with Redis(port=at.redis.port) as redis:
        redis.flushall()


def _stop_redis(at: Installation) -> None:
    at.redis.stop()
    lasts(10)
    at.redis.start()


def _provider(at: Installation, fault: str, seconds: float) -> None:
    for model in _SMALL:
        at.providers.control(target=model, faults={fault: 1.0})
    lasts(seconds)
    for model in _SMALL:
        at.providers.control(target=model, faults=USUAL_FAULTS)


def _all_providers_down(at: Installation) -> None:
    at.providers.control(faults={"server_error": 0.5, "overloaded": 0.5})
    lasts(5)
    at.providers.control(faults=USUAL_FAULTS)


# ------------------------------------------------------------------------------------ the poison


def _poison_requests(at: Installation) -> None:
    _publish(at, topics.REQUESTS)


def _poison_tier(at: Installation) -> None:
    _publish(at, topics.tier_topic("economy"))


def _publish(at: Installation, topic: str) -> None:
    asyncio.run(_send(at.kafka.address, topic))


async def _send(kafka: str, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        for number, (value, headers) in enumerate(_poison()):
            key = f"{POISON}{topic}-{number}-{time.time_ns()}".encode()
            await producer.send_and_wait(topic, value, key, headers=headers)
    finally:
        await producer.stop()


POISON: Final = "poison-"
"""How the keys of poison records begin."""


def _poison() -> Iterator[tuple[bytes | None, list[tuple[str, Any]]]]:
    """Records that no reader can make sense of, each in another way."""
    yield b"\x00\xff not JSON", []
    yield None, []
    yield b'{"id": "x"}', []
    yield b"[" * 100_000, []
    yield b'{"id": 5, "tenant": null, "body": {"messages": []}}', []
    yield b"{}", [(codec.DEADLINE, b"\xff\xfe"), ("traceparent", b"\xc3\x28"), ("empty", b"")]
    yield (
        b'{"request": {"id": "a b"}, "route": {"tier": "nowhere"}}',
        [(codec.TENANT_HEADER, b"\xff")],
    )


POISON_RECORDS: Final = len(list(_poison()))
"""How many of them one fault sends."""
