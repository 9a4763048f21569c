"""Does a client on a Kafka with OAUTHBEARER outlive its tokens?

aiokafka doesn't authenticate again on a connection, so the broker ends each one when its token's
time is over.
"""

import asyncio
import base64
import json
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from dev.broker import Listeners, apache_kafka
from dev.processes import free_port
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing, Partition
from producers.kafka.connection import connection_options
from runtime.consuming.kafka_source import KafkaSource
from runtime.process.settings import ServiceSettings
from tests.secure_kafka import make_certificates, tls_listeners

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]
LIFE_S = 4
_LOGIN = (
    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
    'unsecuredLoginStringClaim_sub="node";'
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceSettings]:
    folder = tmp_path_factory.mktemp("oauth")
    make_certificates(folder)
    port = free_port()
    tls = tls_listeners(folder, {"SASL_SSL": port})
    listener = "listener.name.sasl_ssl"
    properties = {
        **tls.properties,
        "sasl.enabled.mechanisms": "OAUTHBEARER",
        f"{listener}.oauthbearer.sasl.jaas.config": _LOGIN,
        f"{listener}.oauthbearer.connections.max.reauth.ms": str(LIFE_S * 1000),
    }
    node = apache_kafka(folder / "kafka", secure=Listeners(tls.ports, properties))
    node.start()
    write_token(folder / "token")
    yield ServiceSettings(
        kafka=f"localhost:{port}",
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="OAUTHBEARER",
        kafka_ssl_ca=folder / "ca.pem",
        kafka_oauth_token_file=folder / "token",
    )
    node.stop()


def write_token(path: Path) -> None:
    """An unsigned token, as Kafka's test of a log-in takes it."""
    now_s = time.time()
    claims = {"sub": "me", "iat": now_s, "exp": now_s + LIFE_S}
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
    encoded = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts]
    path.write_text(f"{encoded[0]}.{encoded[1]}.")


class Owner:
    """Whoever owns what is assigned."""

    async def assigned(self, partitions: Collection[Partition]) -> None:
        """Nothing hangs on it."""

    async def revoked(self) -> None:
        """Nothing hangs on it."""


async def renew(path: Path) -> None:
    while True:
        await asyncio.sleep(LIFE_S / 4)
        write_token(path)


async def test_nothing_is_lost_when_tokens_end(settings: ServiceSettings) -> None:
    token = settings.kafka_oauth_token_file
    assert token is not None
    renewing = asyncio.create_task(renew(token))
    admin = AIOKafkaAdminClient(**connection_options(settings))
    await admin.start()
    await admin.create_topics([NewTopic("t", 1, 1)])
    await admin.close()
    source = KafkaSource(settings, ["t"], "g")
    await source.start(Owner())
    read: list[bytes] = []
    until_s, written = time.monotonic() + 3 * LIFE_S, 0
    async with KafkaBroker(settings, "test") as broker:
        while time.monotonic() < until_s:
            await broker.publish(Outgoing("t", str(written).encode()))
            written += 1
            read += [record.value for record in await source.poll(0.2)]
        async with asyncio.timeout(30):
            while len(set(read)) < written:
                read += [record.value for record in await source.poll(0.5)]
    assert await source.commit({Partition("t", 0): written})
    await source.stop()
    renewing.cancel()
    assert set(read) == {str(number).encode() for number in range(written)}
