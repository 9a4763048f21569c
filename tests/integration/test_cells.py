"""Two cells, each with a Kafka and a Redis of its own: what one refuses leaves no trace in it.

Planted texts are searched in all that the wrong cell has written: Kafka's segment files, Redis'
append-only file, the ledger's file, the processes' logs and their spans.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dev.broker import apache_kafka
from dev.processes import Child, Server, StartFailedError, free_port
from dev.redis_server import redis_server, url_of
from dev.simulator.process import running
from dev.span_collector import SpanCollector, collecting
from observability.ledger.stores.selection import ledger_at
from producers import Done, Failed, RouterClient, WrongZoneError, chat
from producers.contract import Demands, Route, TaggedRequest, codec, topics
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing, Record
from producers.settings import ClientSettings
from tests.waiting import until

pytestmark = pytest.mark.timeout(400)
PATIENCE_S = 60.0
_TRIES = 3
REFUSED = "Strausseneiersalat"
"""Planted in what client and gateway must not even publish."""
SLIPPED = "Strausseneierlikoer"
"""Planted in what somebody else's client has published in the wrong cell."""
EU: Any = {"residency": ["eu"]}
CONFIG = """
default_baseline: here
deployments:
  here: {model: gpt-4o-mini, provider: openai, zone: us}
  there: {model: gpt-4o-mini, provider: openai, zone: eu}
  own: {model: mistral-nemo, provider: vllm, zone: us}
tiers:
  economy: {deployments: [here, there, own]}
tenants:
  "*": {}
  bound: {residency: [eu]}
"""


@dataclass
class Cell:
    """One zone's Kafka, Redis and processes."""

    folder: Path
    kafka: Server
    environment: Mapping[str, str]
    config: Path
    gateway: str
    children: dict[str, Child]

    def settings(self, **more: Any) -> ClientSettings:  # noqa: ANN401 as the settings'
        return ClientSettings(kafka=self.kafka.address, timeout_s=PATIENCE_S, **more)

    def traces_of(self, *texts: str) -> dict[str, list[str]]:
        """By text: the files of this cell that have it. Topics by their partition's folder."""
        found: dict[str, list[str]] = {text: [] for text in texts}
        for path in sorted(self.folder.rglob("*")):
            # an index has offsets only, and reserves 10 MB
            if path.is_file() and path.suffix not in {".index", ".timeindex"}:
                content = path.read_bytes()
                for text in texts:
                    if text.encode() in content:
                        found[text].append(str(path.relative_to(self.folder)))
        return found

    def topics_with(self, text: str) -> set[str]:
        """The topics whose segments have the text, and other files by their names."""
        (paths,) = self.traces_of(text).values()
        return {Path(path).parent.name.rpartition("-")[0] or path for path in paths}


def cell(parts: ExitStack, folder: Path, zone: str, fleet: dict[str, str]) -> Cell:
    folder.mkdir(parents=True)
    config, port = folder / "switchgear.yaml", free_port()
    config.write_text(CONFIG)
    kafka = started(lambda: apache_kafka(folder / "kafka"))
    parts.callback(kafka.stop)
    redis = started(lambda: redis_server(folder / "redis"))
    parts.callback(redis.stop)
    environment = fleet | {
        "SWITCHGEAR_KAFKA": kafka.address,
        "SWITCHGEAR_REDIS": url_of(redis),
        "SWITCHGEAR_CONFIG": str(config),
        "SWITCHGEAR_LEDGER": str(folder / "ledger.duckdb"),
        "SWITCHGEAR_ZONE": zone,
        "SWITCHGEAR_PARTITIONS": "2",
        "SWITCHGEAR_TRACE_RATIO": "1",
        "SWITCHGEAR_LOG_LEVEL": "INFO",
    }
    run(environment, "topics")
    roles = {
        "router": ["router"],
        "worker": ["worker", "--tier", "economy"],
        "gateway": ["gateway", "--port", str(port), "--anonymous", "guest"],
    }
    children = {
        name: Child(name, [sys.executable, "-m", "switchgear", *arguments], folder / f"{name}.log",
                    environment)
        for name, arguments in roles.items()
    }  # fmt: skip
    for child in children.values():
        child.start()
        parts.callback(child.stop)
    return Cell(folder, kafka, environment, config, f"http://127.0.0.1:{port}", children)


def started(make: Callable[[], Server]) -> Server:
    """A server that listens; a port that was free may be somebody's when it is bound."""
    for _ in range(_TRIES):
        server = make()
        try:
            server.start()
        except StartFailedError:
            server.kill()
        else:
            return server
    raise StartFailedError(f"not in {_TRIES} tries")


def run(environment: Mapping[str, str], *arguments: str) -> str:
    """What a command prints."""
    command, env = [sys.executable, "-m", "switchgear", *arguments], {**os.environ, **environment}
    done = subprocess.run(command, check=False, capture_output=True, env=env, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Cells:
    """Both, and where they send their spans."""

    us: Cell
    eu: Cell
    otlp_port: int


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cells]:
    folder, otlp = tmp_path_factory.mktemp("cells"), free_port()
    with ExitStack() as parts:
        simulator = parts.enter_context(running())
        fleet = {**simulator.environment, "SWITCHGEAR_OTLP": f"http://127.0.0.1:{otlp}"}
        us, eu = (cell(parts, folder / zone, zone, fleet) for zone in ("us", "eu"))
        yield Cells(us, eu, otlp)


async def ready(client: httpx2.AsyncClient) -> None:
    async def is_ready() -> bool:
        try:
            return (await client.get("/readyz")).status_code == 200
        except httpx2.HTTPError:
            return False

    await until(is_ready, pause_s=0.1)


async def served(
    client: RouterClient,
    prompt: str = "hello",
    tenant: str = "guest",
    **routing: Any,  # noqa: ANN401
) -> Done:
    """The answer, once the router has seen a pool."""

    async def answer() -> Done | None:
        reply = await client.submit(chat(prompt, tenant=tenant, routing=routing))
        if isinstance(reply, Done):
            return reply
        assert reply.code == "overloaded", reply
        return None

    return await until(answer, pause_s=0.2)


def tagged(request_id: str) -> bytes:
    request = chat(SLIPPED, tenant="guest", routing=EU).model_copy(update={"id": request_id})
    route = Route(tier="economy", demands=Demands(zones=("eu",)))
    return codec.encode(TaggedRequest(route=route, request=request))


async def refuse_before_publishing(us: Cell) -> None:
    async with RouterClient.connect(us.settings(zone="us")) as client:
        with pytest.raises(WrongZoneError):
            await client.submit(chat(REFUSED, tenant="guest", routing=EU))
    async with httpx2.AsyncClient(base_url=us.gateway, timeout=PATIENCE_S) as http:
        await ready(http)
        body = {"model": "economy", "messages": [{"role": "user", "content": REFUSED}]}
        for headers in ({}, {"prefer": "respond-async"}):
            told = {**headers, "x-switchgear-residency": "eu"}
            answer = await http.post("/v1/chat/completions", json=body, headers=told)
            assert answer.status_code == 403, answer.text
        line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions",
                "body": {**body, "switchgear": EU}}  # fmt: skip
        upload = {"file": ("in.jsonl", json.dumps(line).encode())}
        answer = await http.post("/v1/files", files=upload, data={"purpose": "batch"})
        assert answer.status_code == 403, answer.text


async def slip_through(us: Cell) -> None:
    """Each is refused by whoever reads it, and its sender told."""
    body = {"messages": [{"role": "user", "content": SLIPPED}]}
    whole = {"id": "s-whole", "tenant": "guest", "body": body, "routing": EU}
    bound = {"id": "s-bound", "tenant": "bound", "body": body}
    hosted = {**whole, "id": "s-hosted", "routing": {**EU, "self_hosted_only": True}}
    wrong = {**whole, "id": "s-wrong", "body": {"messages": SLIPPED}}
    values = {str(told["id"]): json.dumps(told).encode() for told in (whole, bound, hosted, wrong)}
    values["s-cut"] = json.dumps({**whole, "id": "s-cut"}).encode()[:-5]
    waited = {"s-tier": topics.tier_topic("economy"), "s-zone": topics.tier_topic("economy", "us"),
              "s-retry": topics.retry_topic_name(1000)}  # fmt: skip
    async with KafkaBroker(us.settings(), "foreign") as broker:
        heard: dict[str, Any] = {}
        changed = asyncio.Event()

        def hear(record: Record) -> None:
            reply = codec.decode_reply(record.value)
            heard[reply.id] = reply
            changed.set()

        async with broker.tail(topics.REPLIES, hear):
            for name, value in values.items():
                headers = codec.to_headers({codec.CORRELATION_ID: name, "x-note": SLIPPED})
                await broker.publish(Outgoing(topics.REQUESTS, value, name.encode(), headers))
            for name, queue in waited.items():
                headers = codec.to_headers(
                    {codec.CORRELATION_ID: name, codec.TARGET: topics.tier_topic("economy")}
                )
                await broker.publish(Outgoing(queue, tagged(name), name.encode(), headers))
            async with asyncio.timeout(PATIENCE_S):
                while heard.keys() < {*values, *waited}:
                    changed.clear()
                    await changed.wait()
    assert all(isinstance(reply, Failed) for reply in heard.values()), heard
    codes = {name: reply.code for name, reply in heard.items()}
    assert codes.pop("s-cut") == "invalid_request"
    assert set(codes.values()) == {"wrong_zone"}, codes


async def test_the_wrong_cell_has_no_word_of_what_it_refused(cells: Cells) -> None:
    us, eu = cells.us, cells.eu
    async with collecting(cells.otlp_port) as spans:
        await refuse_before_publishing(us)
        await slip_through(us)
        async with RouterClient.connect(us.settings(zone="us")) as client:
            here = await served(client, residency=["us"])
        async with RouterClient.connect(eu.settings(zone="eu")) as client:
            there = await served(client, residency=["eu"])
            await served(client, REFUSED, "bound")
        assert (here.route.zone, there.route.zone) == ("us", "eu")
        for child in us.children.values():
            await asyncio.to_thread(child.stop)
        await asyncio.to_thread(run, us.environment, "ledger", "--once")
        assert_no_word_in(us, spans, here)
    # the search finds what is there
    assert topics.REQUESTS in eu.topics_with(REFUSED)


def assert_no_word_in(us: Cell, spans: SpanCollector, booked: Done) -> None:
    assert us.topics_with(REFUSED) == set()
    written_by_the_foreign_client = {
        topics.REQUESTS,
        topics.tier_topic("economy"),
        topics.tier_topic("economy", "us"),
        topics.retry_topic_name(1000),
    }
    assert us.topics_with(SLIPPED) == written_by_the_foreign_client
    with ledger_at(us.environment["SWITCHGEAR_LEDGER"]).reading() as ledger:
        rows = repr(ledger.rows("SELECT * FROM usage"))
    told = repr(spans.spans)
    assert booked.id in rows
    assert "route" in told
    for text in (REFUSED, SLIPPED):
        assert text not in rows
        assert text not in told


async def test_a_new_zone_is_refused_at_once_and_served_when_its_queue_is_there(
    cells: Cells,
) -> None:
    eu = cells.eu
    far = "  far: {model: mistral-nemo, provider: vllm, zone: apac}\n"
    edited = CONFIG.replace("tiers:", far + "tiers:").replace("there,", "there, far,")
    async with RouterClient.connect(eu.settings()) as client:
        assert await told(client) == "no_deployment_fits"
        eu.config.write_text(edited)

        async def other_code() -> str | None:
            code = await told(client)
            return code if code != "no_deployment_fits" else None

        assert await until(other_code, pause_s=0.1) == "overloaded"
        await asyncio.to_thread(run, eu.environment, "topics")

        async def is_served() -> bool:
            code = await told(client)
            assert code in {"overloaded", "done"}
            return code == "done"

        await until(is_served, pause_s=0.1)


async def told(client: RouterClient) -> str:
    """How a request bound to the new zone ends."""
    routing = {"residency": ["eu", "apac"]}
    request = chat("hello", tenant="guest", model="mistral-nemo", routing=routing)
    reply = await client.submit(request)
    return reply.code if isinstance(reply, Failed) else reply.type


async def test_a_persons_data_is_erased_and_the_logs_dates_are_told(cells: Cells) -> None:
    eu = cells.eu
    tags: Any = {"tags": {"person": "jane", "team": "care"}}
    asked = chat("What is a zebra?", tenant="guest", user="jane", routing=tags)
    again = chat("What is a zebra?", tenant="guest", user="joe")
    async with RouterClient.connect(eu.settings(zone="eu")) as client:
        bought = await client.submit(asked)
        assert isinstance(bought, Done)
        await asyncio.to_thread(run, eu.environment, "ledger", "--once")
        command = ["erase", "--tenant", "guest", "--user", "jane", "--format", "json"]
        counted = json.loads(await asyncio.to_thread(run, eu.environment, *command))
        done = json.loads(await asyncio.to_thread(run, eu.environment, *command, "--yes"))
        left = json.loads(await asyncio.to_thread(run, eu.environment, *command))
        reply = await client.submit(again)
        assert isinstance(reply, Done)
        assert reply.cache.result == "miss"
    numbers = {each["store"]: each["number"] for each in counted["stores"]}
    assert numbers == {
        "cache": 1, "recorded replies": 1, "files of jobs": 0, "ledger": 1, "evaluations": 0
    }  # fmt: skip
    assert {each["store"]: each["number"] for each in done["stores"]} == numbers
    assert {each["number"] for each in left["stores"]} == {0}
    assert counted["requests_in_kafka"] == 1
    dates = {each["topic"]: each for each in counted["topics"]}
    assert dates[topics.REQUESTS]["gone_from"] < dates[topics.USAGE]["gone_from"]
    assert dates[topics.REQUESTS]["gone_at_the_latest"] > dates[topics.REQUESTS]["gone_from"]
    with ledger_at(eu.environment["SWITCHGEAR_LEDGER"]).reading() as ledger:
        ((told, cost, trace),) = ledger.rows(
            "SELECT tags, cost, trace_id FROM usage WHERE id = $id", {"id": asked.id}
        )
    assert json.loads(told) == {"team": "care"}
    assert cost > 0
    assert trace is None
