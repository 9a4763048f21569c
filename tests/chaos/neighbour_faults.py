"""Faults of what the services depend on: Redis, Kafka's topics, the network, the configuration."""

import asyncio
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError
from redis import Redis

from dev.tcp_proxy import Network
from producers.contract import topics
from tests.chaos.installation import CONFIG, LEDGER, Installation, config_of, ledger_of
from tests.chaos.ledger import PARTITIONS
from tests.chaos.pace import lasts

_LASTS_S: Final = 10.0
_SMALL_REPLY: Final = 900
"""Bytes of a reply that tells a failure; answers are larger."""

Families = Iterator[tuple[str, Callable[[Installation], None], str | None]]


def families() -> Families:
    """(name, what is done, who is killed by it)."""
    yield "Redis 500 ms away, 10 s", partial(_slow, which="redis", delay_s=0.25), None
    yield "Redis is out of memory, 10 s", _full_redis, None
    yield "Redis takes no writes, 10 s", _read_only_redis, None
    yield "Redis has another password, 10 s", _locked_redis, None
    yield "foreign keys and messages in Redis", _foreign_redis, None
    yield "network to Redis is cut, 10 s", partial(_cut, which="redis"), None
    yield "network to providers is cut, 10 s", partial(_cut, which="providers"), None
    yield "network to Kafka 100 ms away, 10 s", partial(_slow, which="kafka", delay_s=0.05), None
    yield "network to Kafka is cut, 10 s", partial(_cut, which="kafka"), None
    yield PARTITIONS, _more_partitions, None
    yield "a side topic is missing, 10 s", _missing_topic, None
    yield "replies are too large for their topic, 5 s", _small_replies, None
    yield "Kafka away when a router begins", _start_without_kafka, "router-1"
    yield "configuration half-written, 5 s", partial(_configuration, keep=0.5), None
    yield "configuration removed, 5 s", partial(_configuration, keep=0.0), None
    yield "configuration differs between workers, 10 s", _other_configuration, None
    yield "no room for the ledger, 10 s", _full_disk, None
    yield "SIGTERM during start", _terminate_while_starting, "economy-1"
    yield "SIGTERM twice", _terminate_twice, None


# ------------------------------------------------------------------------------------------- Redis


def _full_redis(at: Installation) -> None:
    with _redis(at) as redis:
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("maxmemory", "1mb")
        lasts(_LASTS_S)
        redis.config_set("maxmemory", "0")


def _read_only_redis(at: Installation) -> None:
    with _redis(at) as redis:
        redis.execute_command("REPLICAOF", "127.0.0.1", "1")
        lasts(_LASTS_S)
        redis.execute_command("REPLICAOF", "NO", "ONE")


def _locked_redis(at: Installation) -> None:
    with _redis(at) as redis:
        redis.config_set("requirepass", "another")
        redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        lasts(_LASTS_S)
        redis.config_set("requirepass", "")


def _foreign_redis(at: Installation) -> None:
    junk = ("", "{", "[]", "\x00\xff", '{"breaker": 5}', "x" * 100_000)
    with _redis(at) as redis:
        for number, text in enumerate(junk):
            for channel in redis.pubsub_channels():
                redis.publish(channel, text)
            redis.set(f"sg:foreign:{number}", text)
            redis.hset("sg:breakers", f"foreign-{number}", text)


@contextmanager
def _redis(at: Installation) -> Iterator[Any]:
    with Redis(port=at.redis.port) as redis:
        yield redis


# ----------------------------------------------------------------------------------------- network


def _network(at: Installation, which: str) -> Network:
    network: Network = getattr(at.networks, which)
    return network


def _slow(at: Installation, which: str, delay_s: float) -> None:
    _network(at, which).slow(delay_s)
    lasts(_LASTS_S)
    _network(at, which).mend()


def _cut(at: Installation, which: str) -> None:
    _network(at, which).cut()
    lasts(_LASTS_S)
    _network(at, which).mend()


# ------------------------------------------------------------------------------------------- Kafka


def _more_partitions(at: Installation) -> None:
    async def add(admin: AIOKafkaAdminClient) -> None:
        for topic in (topics.REQUESTS, topics.tier_topic("standard")):
            (told,) = await admin.describe_topics([topic])
            await admin.create_partitions({topic: NewPartitions(len(told["partitions"]) + 1)})

    asyncio.run(_administer(at, add))


def _missing_topic(at: Installation) -> None:
    async def delete(admin: AIOKafkaAdminClient) -> None:
        await admin.delete_topics([topics.FEEDBACK])

    async def create(admin: AIOKafkaAdminClient) -> None:
        await admin.create_topics([NewTopic(topics.FEEDBACK, 6, 1)])

    asyncio.run(_administer(at, delete))
    lasts(_LASTS_S)
    try:
        asyncio.run(_administer(at, create))
    except TopicAlreadyExistsError:
        return


def _small_replies(at: Installation) -> None:
    async def bound(admin: AIOKafkaAdminClient, most: int) -> None:
        resource = ConfigResource(
            ConfigResourceType.TOPIC, topics.REPLIES, configs={"max.message.bytes": str(most)}
        )
        await admin.alter_configs([resource])

    asyncio.run(_administer(at, partial(bound, most=_SMALL_REPLY)))
    lasts(5)
    asyncio.run(_administer(at, partial(bound, most=10_485_760)))


async def _administer(at: Installation, act: Callable[[AIOKafkaAdminClient], Any]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=at.kafka.address)
    await admin.start()
    try:
        await act(admin)
    finally:
        await admin.close()


def _start_without_kafka(at: Installation) -> None:
    router = at.services["router-1"]
    router.kill()
    at.kafka.stop(grace_s=30)
    router.begin()
    lasts(5)
    at.kafka.start()
    # whoever runs it begins it again, should it have given up
    if not router.alive:
        router.start()
    router.wait()


# ---------------------------------------------------------------------------- starts, configuration


def _terminate_while_starting(at: Installation) -> None:
    service = at.services["economy-1"]
    service.kill()
    service.begin()
    time.sleep(0.5)  # in the middle of its start
    service.stop(grace_s=30)
    service.start()


def _terminate_twice(at: Installation) -> None:
    service = at.services["standard-1"]
    service.terminate()
    time.sleep(0.3)  # in the middle of its end
    status = service.stop(grace_s=60)
    assert status == 0, f"{service.name} ended with {status} on SIGTERM twice; see {service.log}"
    service.start()


def _full_disk(at: Installation) -> None:
    """Nothing that it writes into grows any more, but its log."""
    service = at.services[LEDGER]
    pages = ledger_of(at.folder)
    present = [file.stat().st_size for file in pages.parent.glob(f"{pages.name}*")]
    room = max(service.log.stat().st_size + 20_000, *present)
    unlimited = resource.RLIM_INFINITY
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (room, unlimited))
    lasts(_LASTS_S)
    if service.alive:
        resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
    else:  # whoever runs it begins it again
        service.start()


def _configuration(at: Installation, keep: float) -> None:
    file = config_of(at.folder, "economy-1")
    text = CONFIG.read_text(encoding="utf-8")
    if keep:
        file.write_text(text[: int(len(text) * keep)], encoding="utf-8")
    else:
        file.unlink()
    lasts(5)
    shutil.copy(CONFIG, file)


def _other_configuration(at: Installation) -> None:
    file = config_of(at.folder, "economy-1")
    text = CONFIG.read_text(encoding="utf-8")
    file.write_text(text.replace("timeout_s: 6", "timeout_s: 5"), encoding="utf-8")
    lasts(_LASTS_S)
    shutil.copy(CONFIG, file)
