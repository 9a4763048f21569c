"""Rollout process: the controller, run until SIGTERM. One is enough; a second does no harm."""

import asyncio
import math
import time
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from observability.evaluation.rollout.rollout_record import RolloutRecord
from producers.contract import UsageEvent, topics
from producers.contract.feedback import Feedback
from producers.kafka.broker import Publisher
from runtime.config.config_file import read_config
from runtime.process.control_topics import ControlTopics
from runtime.process.process import service_process
from runtime.process.settings import ServiceSettings
from runtime.rollouts.controller import RolloutController

LOOK_S: Final = 5.0
ROLLOUT_TOPICS: Final = (topics.ROLLOUTS, topics.USAGE, topics.FEEDBACK)
_ALL_S: Final = math.inf
_MISSED_S: Final = 3_600.0
"""Seconds of events that a controller reads when it starts: what it has counted is left out."""


async def serve_rollouts(settings: ServiceSettings, look_s: float = LOOK_S) -> None:
    """Controls rollouts until SIGTERM. Raises ConfigError, ValueError or OSError."""
    deployments = read_config(settings.config).deployments

    def model_of(name: str) -> str | None:
        return deployments[name].model if name in deployments else None

    controller = RolloutController(model_of)
    async with AsyncExitStack() as parts:
        process = await parts.enter_async_context(service_process(settings, "switchgear-rollouts"))
        if not await process.topics_exist(*ROLLOUT_TOPICS):
            return
        declare_controller(process.control, controller)
        await parts.enter_async_context(process.control)
        process.health.started()
        looks = partial(_look, controller, process.publisher, look_s)
        with process.background.running("rollouts", looks):
            await process.stop.wait()


def declare_controller(control: ControlTopics, controller: RolloutController) -> None:
    """What the controller reads."""
    control.subscribe(
        topics.ROLLOUTS,
        RolloutRecord,
        lambda rollout: controller.take(rollout, _now_ms()),
        since_s=_ALL_S,
    )
    control.subscribe(topics.USAGE, UsageEvent, controller.add_usage, since_s=_MISSED_S)
    control.subscribe(topics.FEEDBACK, Feedback, controller.add_feedback, since_s=_MISSED_S)


async def _look(controller: RolloutController, publisher: Publisher, look_s: float) -> None:
    while True:
        await asyncio.sleep(look_s)
        for record in controller.look(_now_ms()):
            await publisher.publish(record)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
