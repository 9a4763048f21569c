"""Which real servers may a test ask for? Each is started once a session, when first asked for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import settings

from dev import clickhouse
from dev.broker import embedded
from dev.postgres_server import postgres
from dev.processes import Server
from dev.redis_server import redis_server as redis_on_disk
from dev.redis_server import url_of
from tests.kafka_source import kafka_bootstrap

# a busy machine is no bug, so no example has a deadline; pytest-timeout ends what hangs
settings.register_profile("thorough", deadline=None)
settings.register_profile(
    "quick", settings.get_profile("thorough"), max_examples=20, derandomize=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "thorough"))


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what the session's servers write."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def kafka(scratch: Path) -> Iterator[str]:
    """host:port of an Apache Kafka 4.x; fails, with the way to get one, when there is none."""
    with kafka_bootstrap(scratch, os.environ) as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def embedded_broker(scratch: Path) -> Iterator[str]:
    """host:port of the demo's embedded broker."""
    server = embedded(scratch)
    server.start()
    yield server.address
    server.stop()


@pytest.fixture(scope="session")
def redis_server(scratch: Path) -> Iterator[Server]:
    """A Redis 8 of the session's own; a test that stops it starts it again."""
    server = redis_on_disk(scratch / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: Server) -> str:
    """The URL of a Redis 8 that is empty when the test begins."""
    url = url_of(redis_server)
    with redis.Redis.from_url(url) as client:
        client.flushall()
    return url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL of the session's own; a test that stops it starts it again."""
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def clickhouse_server(scratch: Path) -> Iterator[Server]:
    """ClickHouse's engine behind its HTTP interface; a test that stops it starts it again."""
    server = clickhouse.server(scratch / "clickhouse")
    server.start()
    yield server
    server.stop()
