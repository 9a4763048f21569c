"""Does the composition to copy lock Kafka as it says? Its settings, on a broker of this machine."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiokafka.errors import KafkaError

from dev.broker import Listeners, apache_kafka
from dev.processes import free_port
from producers.contract import topics
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing, PublishFailedError
from runtime.config.config_file import read_config
from runtime.consuming.access_admin import apply_access_rules
from runtime.consuming.access_rules import access_rules
from runtime.consuming.topics_admin import create_missing_topics
from runtime.process.settings import ServiceSettings

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]
ROOT = Path(__file__).parents[2]
CATALOG = read_config(ROOT / "switchgear.yaml")
REACH_KAFKA = {"topics", "router", "economy", "standard", "premium", "gateway", "ledger", "live"}


def composed(name: str) -> dict[str, Any]:
    text = (ROOT / name).read_text(encoding="utf-8")
    services: dict[str, Any] = yaml.safe_load(text)["services"]
    return services


def filled(text: str) -> str:
    """With each password as its variable's name."""
    return re.sub(r"\$\{(\w+)(?::[^}]*)?\}", lambda match: match[1], text)


def properties() -> dict[str, str]:
    """As Kafka's image makes them of its environment."""
    written = composed("docker-compose.secure.yml")["kafka"]["environment"]
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): filled(value)
        for name, value in written.items()
    }


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port, settings = free_port(), properties()
    protocols = settings["listener.security.protocol.map"]
    settings |= {
        "listener.security.protocol.map": f"PLAINTEXT:PLAINTEXT,{protocols}",
        "inter.broker.listener.name": "INSIDE",
    }
    folder = tmp_path_factory.mktemp("secure")
    node = apache_kafka(folder / "kafka", secure=Listeners({"INSIDE": port}, settings))
    node.start()
    yield port
    node.stop()


def account(service: str, port: int, **changes: str) -> ServiceSettings:
    """The settings that the file gives a service."""
    written = composed("docker-compose.secure.yml")[service]["environment"]
    named = {
        name.removeprefix("SWITCHGEAR_").lower(): filled(value) for name, value in written.items()
    }
    return ServiceSettings.model_validate({**named, "kafka": f"localhost:{port}", **changes})


async def may_write(settings: ServiceSettings, topic: str) -> bool:
    try:
        async with KafkaBroker(settings, "test") as broker:
            await broker.publish(Outgoing(topic, b"{}"))
    except (KafkaError, PublishFailedError):
        return False
    return True


async def test_each_service_does_what_it_may_and_no_more(port: int) -> None:
    admin = account("topics", port)
    await create_missing_topics(admin, CATALOG, partitions=1, replication=1)
    assert await apply_access_rules(admin, access_rules(CATALOG)) > 0
    rights = {
        (service, topic): await may_write(account(service, port), topic)
        for service in ("router", "economy", "gateway", "ledger")
        for topic in (topics.REQUESTS, topics.tier_topic("economy"), topics.USAGE)
    }
    assert {pair for pair, allowed in rights.items() if allowed} == {
        ("gateway", topics.REQUESTS),
        ("router", topics.tier_topic("economy")),
        ("economy", topics.tier_topic("economy")),
        ("economy", topics.USAGE),
    }


def test_every_service_that_reaches_kafka_or_redis_has_an_account() -> None:
    plain, secure = composed("docker-compose.yml"), composed("docker-compose.secure.yml")
    assert secure.keys() <= plain.keys()
    assert REACH_KAFKA | {"producer", "kafka", "redis"} == secure.keys()
    using = {name for name, service in plain.items() if "switchgear:local" in str(service)}
    assert using == REACH_KAFKA | {"producer"}
    assert "--requirepass" in secure["redis"]["command"]
    assert all("REDIS_PASSWORD" in str(secure[name]) for name in ("router", "economy", "gateway"))
