"""Producer, tail, group member and admin reach an Apache Kafka that takes TLS only."""

import asyncio
import gc
import uuid
from collections.abc import Collection, Iterator
from contextlib import aclosing
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError

from dev.broker import apache_kafka
from dev.processes import free_port
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing, Partition, Record
from producers.kafka.connection import connection_options
from runtime.consuming.kafka_source import KafkaSource
from tests.secure_kafka import SecureKafka, make_certificates, tls_listeners

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    folder = tmp_path_factory.mktemp("secure")
    make_certificates(folder)
    ports = {"SSL": free_port(), "SASL_SSL": free_port()}
    node = apache_kafka(folder / "kafka", secure=tls_listeners(folder, ports))
    node.start()
    yield SecureKafka(folder, ports)
    node.stop()


@pytest.mark.parametrize("listener", ["SSL", "SASL_SSL"])
async def test_every_client_of_ours_gets_through(secure_kafka: SecureKafka, listener: str) -> None:
    settings, topic = secure_kafka.settings(listener), f"t-{uuid.uuid4().hex}"
    admin = AIOKafkaAdminClient(**connection_options(settings))
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    source = KafkaSource(settings, [topic], f"g-{uuid.uuid4().hex}")
    await source.start(Owner())
    tailed: asyncio.Queue[Record] = asyncio.Queue()
    async with asyncio.timeout(60), KafkaBroker(settings, "test") as broker:
        async with broker.tail(topic, tailed.put_nowait):
            await broker.publish(Outgoing(topic, b"hello"))
            assert (await tailed.get()).value == b"hello"
        records: list[Record] = []
        while not records:
            records += await source.poll(0.5)
        assert await source.commit({records[0].partition: 1})
        async with aclosing(broker.consume(topic, "other")) as batches:
            assert [record.value for record in (await anext(batches)).records] == [b"hello"]
    assert [record.value for record in records] == [b"hello"]
    await source.stop()


# aiokafka leaves the socket of a refused log-in to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("listener", "changes"),
    [
        ("SASL_SSL", {"kafka_sasl_password": "wrong"}),
        ("SASL_SSL", {"kafka_ssl_ca": None}),  # the system trusts no such authority
        ("SSL", {"kafka_ssl_certificate": None, "kafka_ssl_key": None}),
        ("SSL", {"kafka": "127.0.0.1"}),  # the certificate is localhost's
    ],
)
async def test_who_may_not_is_kept_out(
    secure_kafka: SecureKafka, listener: str, changes: dict[str, Any]
) -> None:
    if "kafka" in changes:
        changes = {"kafka": f"127.0.0.1:{secure_kafka.ports[listener]}"}
    settings = secure_kafka.settings(listener, **changes)
    with pytest.raises(KafkaConnectionError):
        await KafkaSource(settings, ["t"], "g").start(Owner())
    with pytest.raises(KafkaConnectionError):
        async with KafkaBroker(settings, "test"):
            pass
    gc.collect()


class Owner:
    """Whoever owns what is assigned."""

    async def assigned(self, partitions: Collection[Partition]) -> None:
        """Nothing hangs on it."""

    async def revoked(self) -> None:
        """Nothing hangs on it."""
