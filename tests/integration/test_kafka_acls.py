"""On a Kafka with TLS, SCRAM and ACLs, does the whole flow work, and does each do only its part?"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from aiokafka.errors import ClusterAuthorizationFailedError, TopicAuthorizationFailedError

from dev.broker import Listeners, apache_kafka
from dev.processes import Child, Server, free_port
from dev.redis_server import url_of
from producers import Done, Failed, RouterClient, chat
from producers.contract import codec
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing, PublishFailedError, WriteRefusal
from producers.kafka.connection import consuming
from producers.settings import ClientSettings, KafkaSettings
from tests.integration.fleet_processes import FleetProcesses, fleet_processes
from tests.readiness import blocking_until_ready
from tests.secure_kafka import make_certificates, tls_listeners

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(180)]

ROLES = ("router", "worker", "gateway", "ledger", "rollouts", "evaluation", "jobs", "operator")
TENANTS = {
    "acme": {"reply_topics": ["llm.replies.acme", "llm.replies.jobs"]},
    "globex": {"reply_topics": ["llm.replies.globex", "globex.replies.*"]},
}
KEY = "a key that router and workers share, of 32 bytes"


@dataclass(frozen=True)
class GuardedKafka:
    """An Apache Kafka where nobody may do what no rule allows."""

    folder: Path
    port: int

    def environment(self, user: str) -> dict[str, str]:
        """What a process of `user` is told."""
        return {
            "SWITCHGEAR_KAFKA": f"localhost:{self.port}",
            "SWITCHGEAR_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "SWITCHGEAR_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "SWITCHGEAR_KAFKA_SASL_USERNAME": user,
            "SWITCHGEAR_KAFKA_SASL_PASSWORD": password(user),
            "SWITCHGEAR_KAFKA_SSL_CA": str(self.folder / "ca.pem"),
            "SWITCHGEAR_CONFIG": str(self.folder / "switchgear.yaml"),
            "SWITCHGEAR_PARTITIONS": "1",
        }

    def settings(self, user: str, **more: object) -> ClientSettings:
        told = {
            name.removeprefix("SWITCHGEAR_").lower(): value
            for name, value in self.environment(user).items()
        }
        return ClientSettings.model_validate(told | more)


def password(user: str) -> str:
    return f"{user}-s3cret"


def command(kafka: GuardedKafka, user: str, *arguments: str, **more: str) -> str:
    """What `switchgear` prints for `user`."""
    done = subprocess.run(
        [sys.executable, "-m", "switchgear", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **kafka.environment(user), **more},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedKafka]:
    folder = tmp_path_factory.mktemp("guarded")
    make_certificates(folder)
    port = free_port()
    tls = tls_listeners(folder, {"SASL_SSL": port})
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    rules = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        # the node itself, by its listeners on this machine, and whoever makes the rules
        "super.users": "User:ANONYMOUS;User:admin",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": scram,
    }
    users = {user: password(user) for user in ("admin", *ROLES, *TENANTS)}
    secure = Listeners(tls.ports, {**tls.properties, **rules}, users)
    node = apache_kafka(folder / "kafka", secure=secure)
    node.start()
    document = yaml.safe_load(Path("switchgear.yaml").read_text(encoding="utf-8"))
    document |= {"tenants": TENANTS, "identity": {"mode": "topic"}}
    (folder / "switchgear.yaml").write_text(json.dumps(document))
    started = GuardedKafka(folder, port)
    command(started, "admin", "acl", "--apply")
    command(started, "operator", "topics")
    yield started
    node.stop()


@pytest.fixture(scope="module")
def fleet(kafka: GuardedKafka, redis_server: Server) -> Iterator[FleetProcesses]:
    shared = {"SWITCHGEAR_REDIS": url_of(redis_server), "SWITCHGEAR_ROUTER_KEY": KEY}
    users: Mapping[str, Mapping[str, str]] = {
        role: {**kafka.environment(role), **shared} for role in ("router", "worker")
    }
    with fleet_processes(kafka.folder, users["worker"], router=users["router"], create=False) as up:
        yield up


def client_settings(kafka: GuardedKafka, tenant: str) -> ClientSettings:
    return kafka.settings(
        tenant, tenant_topics=True, reply_topic=f"llm.replies.{tenant}", timeout_s=60
    )


async def test_each_tenant_is_answered_on_its_own_topics(
    kafka: GuardedKafka, fleet: FleetProcesses
) -> None:
    for tenant in TENANTS:
        async with RouterClient.connect(client_settings(kafka, tenant)) as client:
            reply = await client.submit(
                chat("Say something.", tenant=tenant, routing={"tier": "economy"})
            )
            assert isinstance(reply, Done), fleet.worker.tail()
            await client.cancel("nothing-of-the-kind", tenant=tenant)


async def test_a_tenant_cannot_speak_for_another(
    kafka: GuardedKafka, fleet: FleetProcesses
) -> None:
    async with RouterClient.connect(client_settings(kafka, "acme")) as client:
        forged = chat("Say something.", tenant="globex")
        with pytest.raises(PublishFailedError):
            await client.submit(forged)
        value, headers = (
            codec.encode_request(forged),
            codec.to_headers({codec.CORRELATION_ID: forged.id, codec.REPLY_TO: "llm.replies.acme"}),
        )
        inbox: asyncio.Queue[bytes] = asyncio.Queue()
        async with (
            KafkaBroker(kafka.settings("acme"), "acme") as broker,
            broker.tail("llm.replies.acme", lambda record: inbox.put_nowait(record.value)),
        ):
            await broker.publish(Outgoing("llm.requests.acme", value, b"k", headers))
            async with asyncio.timeout(60):
                failed = codec.decode_reply(await inbox.get())
    assert isinstance(failed, Failed)
    assert failed.code == "forbidden"
    assert fleet.router.alive


WRITES = {
    "acme": {"llm.requests.acme", "llm.cancellations.acme", "llm.feedback.acme"},
    "router": {"llm.tier.economy", "llm.dlq", "llm.replies.acme", "llm.replies.jobs"},
    "worker": {"llm.tier.economy", "llm.retry.1000", "llm.usage", "llm.dlq"}
    | {"llm.replies.acme", "llm.replies.jobs"},
    "gateway": {"llm.requests", "llm.cancellations", "llm.cache.invalidate", "llm.files"},
    "operator": {"llm.dlq", "llm.requests", "llm.cancellations", "llm.cache.invalidate"},
}
"""By principal, what it may write to of these topics."""
TRIED = sorted(set().union(*WRITES.values()) | {"llm.requests.globex", "llm.cancellations.globex"})
READS = {
    "acme": {"llm.replies.acme"},
    "globex": {"llm.replies.globex"},
    "router": {"llm.requests", "llm.requests.acme"},
    "worker": {"llm.tier.economy", "llm.cancellations.acme"},
    "ledger": {"llm.usage"},
    "gateway": {"llm.requests", "llm.jobs", "llm.files", "llm.replies.jobs"},
    "jobs": {"llm.requests", "llm.requests.acme", "llm.jobs", "llm.files", "llm.replies.jobs"},
    "evaluation": {"llm.requests", "llm.requests.acme", "llm.replies.evaluations"},
    "operator": {"llm.dlq"},
}
READ = sorted(set().union(*READS.values()))


@pytest.mark.parametrize("user", WRITES)
async def test_each_principal_writes_only_where_it_may(kafka: GuardedKafka, user: str) -> None:
    written, refusals = set(), set()
    async with KafkaBroker(kafka.settings(user), user) as broker:
        for topic in TRIED:
            try:
                # a null value without a key: nobody takes it for a message
                await broker.publish(Outgoing(topic, b""))
                written.add(topic)
            except PublishFailedError as error:
                refusals.add(error.refusal)
        there = {topic for topic in TRIED if await broker.partitions_of(topic) is not None}
    # nobody is called for an answer that can't be written
    assert there == WRITES[user]
    assert written == WRITES[user]
    assert refusals == {WriteRefusal.NOT_ALLOWED}


@pytest.mark.parametrize(
    ("user", "arguments"),
    [
        ("gateway", ("gateway", "--anonymous", "acme")),
        ("ledger", ("ledger",)),
        ("rollouts", ("rollout", "run")),
    ],
)
def test_a_process_starts_with_its_rights(
    kafka: GuardedKafka, redis_url: str, user: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    port = free_port()
    shared = {
        "SWITCHGEAR_REDIS": redis_url,
        "SWITCHGEAR_ROUTER_KEY": KEY,
        "SWITCHGEAR_METRICS_PORT": str(port),
        "SWITCHGEAR_LEDGER": str(tmp_path / "ledger.duckdb"),
    }
    at = ("--port", str(free_port())) if user == "gateway" else ()
    child = Child(
        user,
        [sys.executable, "-m", "switchgear", *arguments, *at],
        tmp_path / "log",
        {**kafka.environment(user), **shared},
    )
    child.start()
    try:
        blocking_until_ready(child, port)
    finally:
        child.stop()
    assert "not authorized" not in child.log.read_text().lower()


def test_a_job_is_submitted(kafka: GuardedKafka, tmp_path: Path) -> None:
    body = {"model": "economy", "messages": [{"role": "user", "content": "Say something."}]}
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    path = tmp_path / "lines.jsonl"
    path.write_text(json.dumps(line))
    arguments = ("job", "submit", str(path), "--tenant", "acme", "--format", "json")
    shown = command(kafka, "jobs", *arguments, SWITCHGEAR_TENANT_TOPICS="true")
    assert json.loads(shown)["lines"] == 1


async def test_who_only_reads_gets_no_producer(kafka: GuardedKafka) -> None:
    with pytest.raises(ClusterAuthorizationFailedError):
        async with KafkaBroker(kafka.settings("ledger"), "ledger"):
            pass


@pytest.mark.parametrize("user", READS)
async def test_each_principal_reads_only_where_it_may(kafka: GuardedKafka, user: str) -> None:
    read = set()
    for topic in READ:
        try:
            await look_into(kafka.settings(user), topic)
            read.add(topic)
        except TopicAuthorizationFailedError:
            pass
    assert read == READS[user]


async def look_into(settings: KafkaSettings, topic: str) -> None:
    async with consuming(settings, topic, begin="earliest", client_id="test") as consumer:
        for partition in consumer.assignment():
            await consumer.position(partition)
        await consumer.getmany(timeout_ms=200)
