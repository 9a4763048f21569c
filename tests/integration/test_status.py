import asyncio
import io
import json
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rich.console import Console

from producers.contract import Usage, topics
from producers.settings import KafkaSettings
from runtime.config.config_file import parse_config
from runtime.consuming.lag import consumer_lag
from runtime.consuming.topics_admin import create_missing_topics
from runtime.fleet.speed_reports import REPORTS
from runtime.redis.connection import RedisLink, connect_redis
from tests.waiting import until
from workers.commands.fleet_status import (
    FleetView,
    fleet_tables,
    fleet_view,
    hold_breaker,
    show_status,
)
from workers.health.admission import CallPermit, DeploymentAdmission
from workers.health.breaker_registry import Transition
from workers.health.gate import NotNow, Ready
from workers.health.shared_state import SharedFleetState
from workers.providers.base.call_outcome import Completion

pytestmark = [pytest.mark.redis, pytest.mark.kafka]
CATALOG = parse_config(Path("switchgear.yaml").read_text(encoding="utf-8"))
NAME = "openai-gpt-4o-mini"
ANSWER = Completion(body={}, usage=Usage(output=5), finish_reason="stop", first_token_s=0.2)


def ignore(_: Transition) -> None:
    """Nobody listens."""


async def test_an_operator_sees_the_fleet_and_holds_a_breaker(
    redis_url: str, kafka: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = KafkaSettings(kafka=kafka)
    await create_missing_topics(settings, CATALOG, partitions=2, replication=1)
    redis = connect_redis(redis_url)
    fleet = DeploymentAdmission(
        CATALOG, time.monotonic, ignore, shared=SharedFleetState(RedisLink(redis), "w1")
    )
    running = asyncio.create_task(fleet.share_with_fleet())
    permit = await fleet.admit(NAME, 10)
    assert isinstance(permit, CallPermit)
    fleet.report_outcome(permit, ANSWER)

    told = await hold_breaker(redis_url, CATALOG, NAME, "forced_open", "ann")
    assert told == "openai/default/openai-gpt-4o-mini/gpt-4o-mini: forced_open"
    await until(lambda: isinstance(fleet.gate(NAME, 10), NotNow))

    # what another program wrote there hides nobody
    await redis.hset(REPORTS, items=["one", b"\xff\xfe", "two", b"[" * 200_000])

    async def with_workers() -> FleetView | None:
        seen = await fleet_view(redis, settings, CATALOG)
        return seen if seen.workers else None

    view = await until(with_workers, within_s=10, pause_s=0.05)
    line = next(line for line in view.deployments if line.deployment == NAME)
    assert (line.state, line.reason, line.calls) == ("forced_open", "forced, by ann", 1)
    console = Console(width=160, file=io.StringIO(), record=True)
    console.print(fleet_tables(view))
    assert "forced_open" in console.export_text()
    await show_status(redis_url, settings, CATALOG, once=True)
    assert "switchgear-economy" in capsys.readouterr().out
    await show_status(redis_url, settings, CATALOG, once=True, as_json=True)
    printed = json.loads(capsys.readouterr().out)["deployments"]
    assert "forced_open" in {entry["state"] for entry in printed}

    await hold_breaker(redis_url, CATALOG, NAME, "closed", "ann")
    await until(lambda: fleet.gate(NAME, 10) == Ready())
    running.cancel()
    await asyncio.wait([running])
    await redis.aclose()


async def test_a_name_that_is_no_breaker_is_refused_with_those_there_are(redis_url: str) -> None:
    with pytest.raises(ValueError, match="there is no deployment or breaker 'gpt'; there are: op"):
        await hold_breaker(redis_url, CATALOG, "gpt", "forced_open", "ann")


async def test_a_redis_that_is_away_is_said_so() -> None:
    with pytest.raises(RuntimeError, match="is away: nothing was changed"):
        await hold_breaker("redis://127.0.0.1:1", CATALOG, NAME, "forced_open", "ann")


async def test_lag_is_what_lies_behind_the_groups_commit(kafka: str) -> None:
    settings = KafkaSettings(kafka=kafka)
    await create_missing_topics(settings, CATALOG, partitions=2, replication=1)
    queue = topics.tier_topic("premium")
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for _ in range(5):
            await producer.send_and_wait(queue, b"x", partition=0)
    where = TopicPartition(queue, 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka, group_id="somebody", enable_auto_commit=False
    )
    consumer.assign([where])
    async with consumer:
        await consumer.commit({where: 2})
    groups = {"somebody": [queue], "nobody": [queue]}
    assert await consumer_lag(settings, groups) == {"somebody": 3, "nobody": None}
