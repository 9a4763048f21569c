"""Do the servers that the other tests stand on do what those tests rely on?"""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from dev.broker import NoKafkaError, apache_kafka
from dev.processes import Child, Server, StartFailedError, free_port
from dev.redis_server import url_of
from tests.kafka_source import kafka_bootstrap


async def create_topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=2, replication_factor=1)])
    finally:
        await admin.close()


async def publish(bootstrap: str, topic: str, value: bytes, *, idempotent: bool) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=idempotent
    ) as producer:
        await producer.send_and_wait(topic, value, partition=0)


async def first_record(bootstrap: str, topic: str) -> bytes | None:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with consumer:
        consumer.assign([TopicPartition(topic, 0)])
        record = await consumer.getone()
        return bytes(record.value)


@pytest.mark.kafka
async def test_apache_kafka_takes_idempotent_records_at_once(kafka: str) -> None:
    await create_topic(kafka, "servers.kafka")
    await publish(kafka, "servers.kafka", b"hello", idempotent=True)
    assert await first_record(kafka, "servers.kafka") == b"hello"


@pytest.mark.kafka
async def test_a_killed_kafka_keeps_its_records(tmp_path: Path) -> None:
    node = apache_kafka(tmp_path / "node")
    node.start()
    await create_topic(node.address, "servers.kill")
    await publish(node.address, "servers.kill", b"kept", idempotent=True)
    node.kill()
    node.restart()
    assert await first_record(node.address, "servers.kill") == b"kept"
    assert node.stop() is not None


@pytest.mark.kafka
async def test_a_new_node_on_old_data_keeps_its_records(tmp_path: Path) -> None:
    for written in (True, False):
        node = apache_kafka(tmp_path / "node")
        node.start()
        if written:
            await create_topic(node.address, "servers.moved")
            await publish(node.address, "servers.moved", b"kept", idempotent=True)
        else:
            assert await first_record(node.address, "servers.moved") == b"kept"
        node.stop()


async def test_the_embedded_broker_carries_a_record(embedded_broker: str) -> None:
    await create_topic(embedded_broker, "servers.embedded")
    await publish(embedded_broker, "servers.embedded", b"hello", idempotent=False)
    assert await first_record(embedded_broker, "servers.embedded") == b"hello"


@pytest.mark.redis
def test_redis_has_vector_sets_and_survives_a_kill(redis_server: Server, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.execute_command("VADD", "v", "VALUES", 2, "1", "0", "east") == 1
        client.set("k", "kept")
        # while an earlier second's file is being synced, a write may wait for two seconds
        assert client.execute_command("WAITAOF", 1, 0, 30_000)[0] == 1
    redis_server.kill()
    redis_server.restart()
    with redis.Redis.from_url(url_of(redis_server)) as client:
        assert client.get("k") == b"kept"
        assert client.execute_command("VSIM", "v", "VALUES", 2, "1", "0") == [b"east"]


def test_a_named_broker_is_taken_as_it_is(tmp_path: Path) -> None:
    with kafka_bootstrap(tmp_path, {"SWITCHGEAR_KAFKA": "kafka.example:9092"}) as bootstrap:
        assert bootstrap == "kafka.example:9092"


def test_without_java_the_message_says_how_to_get_a_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoKafkaError, match=r"(?s)no `java`.*SWITCHGEAR_KAFKA.*Docker.*apt-get"):
        apache_kafka(tmp_path / "node")


def test_a_server_that_ends_at_once_shows_the_end_of_its_log(tmp_path: Path) -> None:
    server = Server("broken", ["sh", "-c", "echo no such disk"], tmp_path / "log", port=free_port())
    with pytest.raises(StartFailedError, match="no such disk"):
        server.start()


PARENT = """
import sys
from pathlib import Path
from dev.processes import Child
child = Child("sleeper", ["sleep", "600"], Path(sys.argv[1]))
child.start()
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    died, _, _ = select.select([child], [], [], 10)
    os.close(child)
    assert died


def test_stop_ends_a_child_that_ignores_sigterm(tmp_path: Path) -> None:
    stubborn = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
    child = Child("stubborn", ["sh", "-c", stubborn], tmp_path / "log")
    child.start()
    while "ready" not in child.tail():
        assert child.alive
    assert child.stop(grace_s=0.2) == -signal.SIGKILL
