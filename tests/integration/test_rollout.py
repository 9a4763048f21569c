"""A rollout on Apache Kafka: started by the operator, drawn by a router, sent back by its guard."""

import time
import uuid
from collections.abc import Iterator
from typing import Final

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from observability.evaluation.rollout.rollout_record import RolloutRules
from producers.contract import Attempt, UsageEvent, codec, topics
from producers.contract.route import RolloutArm, RolloutArmName
from producers.kafka.connection import connection_options
from router.decide.rollout_arm import ActiveRollouts
from router.serve.process import declare_router_control
from runtime.config.catalog import Catalog
from runtime.identity.record_guard import RecordGuard
from runtime.process.control_topics import ControlTopics
from runtime.process.settings import ServiceSettings
from runtime.rollouts.controller import RolloutController
from runtime.rollouts.operator import list_rollouts, start_rollout, stop_rollout
from runtime.rollouts.process import declare_controller
from tests.unit.router.routing_cases import catalog
from tests.waiting import until

pytestmark = pytest.mark.kafka
LIMIT_S: Final = 60
BOOK: Final[Catalog] = catalog()


def events(name: str) -> Iterator[UsageEvent]:
    arms: tuple[tuple[RolloutArmName, str], ...] = (("control", "ok"), ("candidate", "ServerError"))
    for arm, outcome in arms:
        for number in range(60):
            yield UsageEvent(
                id=f"{arm}-{number}",
                tenant="acme",
                at_ms=time.time_ns() // 1_000_000,
                outcome="done",
                tier="economy",
                rollout=RolloutArm(name=name, arm=arm),
                attempts=(Attempt(deployment="eco-eu", outcome=outcome),),
            )


async def test_a_broken_candidate_is_drawn_for_seen_and_sent_back(kafka: str) -> None:
    settings = ServiceSettings(kafka=kafka)
    admin = AIOKafkaAdminClient(**connection_options(settings))
    await admin.start()
    names = (topics.ROLLOUTS, topics.USAGE, topics.FEEDBACK)
    await admin.create_topics([NewTopic(topic, 1, 1) for topic in names])
    await admin.close()
    name, drawing = f"swap-{uuid.uuid4().hex}", ActiveRollouts()
    controller = RolloutController(lambda _: "small")
    router = ControlTopics(settings, "router", lambda _: None)
    declare_router_control(router, lambda _: None, RecordGuard(), drawing.take)
    watching = ControlTopics(settings, "rollouts", lambda _: None)
    declare_controller(watching, controller)
    started = await start_rollout(
        settings, BOOK, name, ("economy", "eco-eu"), RolloutRules(min_minutes=0)
    )
    async with (
        AIOKafkaProducer(bootstrap_servers=kafka) as producer,
        router,
        watching,
    ):
        await until(lambda: drawing.by_tier.get("economy") == started)
        for event in events(name):
            await producer.send_and_wait(topics.USAGE, codec.encode(event))

        def looked() -> bool:
            records.extend(controller.look(time.time_ns() // 1_000_000))
            return any(b"rolled back" in record.value for record in records)

        records = list(controller.look(0))
        await until(looked)
        for record in records:
            await producer.send_and_wait(record.topic, record.value, record.key)
        await until(lambda: "economy" not in drawing.by_tier)
        rollout = (await list_rollouts(settings))[name]
        assert (rollout.status, rollout.share) == ("rolled back", 0)
        assert "calls failed" in rollout.decisions[-1].why
        assert (await stop_rollout(settings, name)).status == "stopped"
