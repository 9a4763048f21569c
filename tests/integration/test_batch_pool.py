"""300 requests that may wait, on Kafka: a pool killed twice loses none and pays each once."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml

from dev.processes import Child, free_port
from dev.simulator.process import Running, running
from producers import ClientSettings, Done, chat
from producers.client import RouterClient
from producers.contract import codec, topics
from producers.contract.batch_record import BatchRecord
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Record
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(400)]

REQUESTS = 300
WITHIN_S = 180.0
NO_CACHE = {"mode": "no-store"}
"""The questions differ by a number, which is not what this is about."""


@pytest.fixture
def environment(kafka: str, redis_url: str, tmp_path: Path) -> Iterator[Mapping[str, str]]:
    told = yaml.safe_load(Path("switchgear.yaml").read_text(encoding="utf-8"))
    for name in ("openai-gpt-4o-mini", "anthropic-haiku-4.5", "mistral-small-3"):
        told["deployments"][name]["batch"] = {"oldest_min": 0.01, "max_requests": 60}
    told["batches"] = {"poll_s": 0.2, "submit_s": 3, "look_after_s": 1, "retry_s": 0.5}
    config = tmp_path / "switchgear.yaml"
    config.write_text(yaml.safe_dump(told), encoding="utf-8")
    with running("--seed", "3") as simulator:
        simulator.control(batches={"seconds": 1.0, "item_failures": 0.02, "list_lag_s": 0.3})
        yield {
            "SWITCHGEAR_KAFKA": kafka,
            "SWITCHGEAR_REDIS": redis_url,
            "SWITCHGEAR_CONFIG": str(config),
            "SWITCHGEAR_PARTITIONS": "4",
            "SWITCHGEAR_SESSION_TIMEOUT_S": "6",
            "SWITCHGEAR_LOG_LEVEL": "WARNING",
            "SIMULATOR": simulator.address,
            **simulator.environment,
        }


@pytest.fixture
def batch_pool(environment: Mapping[str, str], tmp_path: Path) -> Iterator[Child]:
    """Router, a tier's pool and a batch pool."""
    create = [sys.executable, "-m", "workers", "topics"]
    subprocess.run(create, check=True, capture_output=True, env={**os.environ, **environment})
    with ExitStack() as stack:

        def child(name: str, *module: str, **further: str) -> Child:
            command = [sys.executable, "-m", *module]
            told = {**environment, **further}
            started = Child(name, command, tmp_path / f"{name}.log", told)
            started.start()
            stack.callback(started.kill)
            return started

        child("router", "router")
        child("economy", "workers", "--tier", "economy")
        port = str(free_port())
        yield child("batch", "workers", "--batch", SWITCHGEAR_METRICS_PORT=port)


async def test_a_killed_batch_pool_loses_nothing_and_pays_once(
    environment: Mapping[str, str], batch_pool: Child
) -> None:
    answers: dict[str, set[str]] = {}
    states: list[str] = []

    def answered(record: Record) -> None:
        reply = codec.decode_reply(record.value)
        assert isinstance(reply, Done), reply
        answers.setdefault(reply.id, set()).add(str(reply.body["choices"]))

    def written(record: Record) -> None:
        if record.value:
            states.append(BatchRecord.model_validate_json(record.value).state)

    settings = ClientSettings(kafka=environment["SWITCHGEAR_KAFKA"])
    async with KafkaBroker(settings, "test") as broker:
        client = RouterClient(broker, settings)
        async with broker.tail(topics.REPLIES, answered), broker.tail(topics.BATCHES, written):
            for number in range(REQUESTS):
                routing = {"latency": "batch", "tier": "economy", "cache": NO_CACHE}
                request = chat(f"What is the number {number}?", tenant="t", routing=routing)
                await client.publish(request)
            for state in ("submitting", "ended"):
                await until(partial(states.__contains__, state), within_s=WITHIN_S)
                batch_pool.kill()
                batch_pool.start()
            await until(lambda: len(answers) == REQUESTS, within_s=WITHIN_S)
            port = batch_pool.env["SWITCHGEAR_METRICS_PORT"]
            await until(lambda: is_ready(port))
    assert all(len(different) == 1 for different in answers.values())
    paid = Counter(
        call["question"]
        for call in Running(environment["SIMULATOR"]).calls()
        if call["status"] == 200
    )
    assert set(paid.values()) == {1}
    assert sum(paid.values()) == REQUESTS


def is_ready(port: str) -> bool:
    """As Kubernetes asks it."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:  # it doesn't listen yet, or answers 503
        return False
