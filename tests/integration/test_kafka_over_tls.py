"""Producer, tail, group member and admin reach an Apache Kafka that takes TLS only."""

import asyncio
import gc
import shutil
import subprocess
import uuid
from collections.abc import Collection, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError

from dev.broker import Listeners, apache_kafka
from dev.processes import free_port
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing, Partition, Record
from producers.kafka.connection import connection_options
from runtime.consuming.kafka_source import KafkaSource
from runtime.process.settings import ServiceSettings

pytestmark = pytest.mark.kafka

# one authority; a server certificate for localhost; a client's, by the same authority
_OPENSSL = (
    "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca",
    "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost",
    "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 -out server.pem -extfile san",
    "req -newkey rsa:2048 -nodes -keyout client.key -out client.csr -subj /CN=client",
    "x509 -req -in client.csr -CA ca.pem -CAkey ca.key -days 2 -out client.pem",
)
_LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_me="s3cret";'


@dataclass(frozen=True)
class SecureKafka:
    """By listener, what a client must be told to reach it."""

    folder: Path
    ports: dict[str, int]

    def settings(self, listener: str, **changes: object) -> ServiceSettings:
        told: dict[str, Any] = {
            "kafka": f"localhost:{self.ports[listener]}",
            "kafka_security_protocol": listener,
            "kafka_ssl_ca": self.folder / "ca.pem",
        }
        if listener == "SSL":
            told["kafka_ssl_certificate"] = self.folder / "client.pem"
            told["kafka_ssl_key"] = self.folder / "client.key"
        else:
            told |= {"kafka_sasl_username": "me", "kafka_sasl_password": "s3cret"}
        return ServiceSettings.model_validate(told | changes)


@pytest.fixture(scope="module")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    folder = tmp_path_factory.mktemp("secure")
    (folder / "san").write_text("subjectAltName=DNS:localhost\n")
    openssl = shutil.which("openssl")
    assert openssl is not None, "the test makes its certificates with openssl"
    for arguments in _OPENSSL:
        subprocess.run([openssl, *arguments.split()], cwd=folder, check=True, capture_output=True)
    ports = {"SSL": free_port(), "SASL_SSL": free_port()}
    node = apache_kafka(folder / "kafka", secure=_listeners(folder, ports))
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


def _listeners(folder: Path, ports: dict[str, int]) -> Listeners:
    """TLS for both; SSL demands a certificate of the client, SASL_SSL an account."""
    (folder / "server-both.pem").write_bytes(
        (folder / "server.key").read_bytes() + (folder / "server.pem").read_bytes()
    )
    return Listeners(
        ports,
        {
            "listener.security.protocol.map": ",".join(
                ("CONTROLLER:PLAINTEXT", "PLAINTEXT:PLAINTEXT", *(f"{p}:{p}" for p in ports))
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(folder / "server-both.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(folder / "ca.pem"),
            "listener.name.ssl.ssl.client.auth": "required",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": _LOGIN,
        },
    )
