"""Step Functions callbacks: each reply of a topic ends the task whose token its request carried.

The token travels as Spring's correlation id, which every reply repeats byte for byte; it is never
logged. A reply is committed once Step Functions has taken it, or never will: at least once, and a
token that was used before is no error.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from gateway.callbacks.heartbeats import Heartbeats
from gateway.callbacks.task_result import TaskFailure, TaskSuccess, task_result
from gateway.callbacks.task_tokens import OVER, task_token
from producers.contract import Chunk, Done, Failed, codec
from producers.contract.codec import DecodeError
from producers.kafka.broker import Broker, Record
from runtime.process.process import service_process
from runtime.process.settings import ServiceSettings

_log: Final = logging.getLogger(__name__)
_NAME: Final = "switchgear-stepfunctions"
_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class HeartbeatSettings:
    """every_s: seconds between two heartbeats of a task. topics: where requests of tasks are."""

    every_s: float
    topics: Sequence[str]


@dataclass(frozen=True, slots=True)
class StepFunctionsPlace:
    """Where Step Functions is. region: None leaves it to botocore, which reads no AWS_REGION."""

    region: str | None
    endpoint: str | None
    """None: AWS's of the region."""


async def run_callbacks(
    settings: ServiceSettings,
    topic: str,
    group: str,
    place: StepFunctionsPlace,
    beat: HeartbeatSettings | None = None,
) -> None:
    """Until SIGTERM. beat: None sends no heartbeats. Raises BotoCoreError."""
    aws = get_session().create_client(
        "stepfunctions", region_name=place.region, endpoint_url=place.endpoint
    )
    async with service_process(settings, _NAME) as process, aws as client:
        if not await process.topics_exist(topic, *(() if beat is None else beat.topics)):
            return
        process.health.started()
        serve = partial(serve_callbacks, process.broker, topic, group, client, beat)
        with process.background.running("callbacks", serve):
            await process.stop.wait()


async def serve_callbacks(
    broker: Broker,
    topic: str,
    group: str,
    client: Any,  # noqa: ANN401 botocore makes its methods
    beat: HeartbeatSettings | None = None,
) -> None:
    """Until cancelled. client: aiobotocore's, of `stepfunctions`."""
    if beat is None:
        await _end_tasks(broker, topic, group, client, None)
        return
    heartbeats = Heartbeats(client, topic, beat.every_s)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(heartbeats.run())
        for requests in beat.topics:
            tasks.create_task(heartbeats.read(broker, requests, f"{group}-heartbeats"))
        tasks.create_task(_end_tasks(broker, topic, group, client, heartbeats))


async def _end_tasks(
    broker: Broker,
    topic: str,
    group: str,
    client: Any,  # noqa: ANN401
    heartbeats: Heartbeats | None,
) -> None:
    async for batch in broker.consume(topic, group):
        await asyncio.gather(*(_end_task(client, record, heartbeats) for record in batch.records))
        await batch.commit()


async def _end_task(client: Any, record: Record, heartbeats: Heartbeats | None) -> None:  # noqa: ANN401
    token = task_token(record.headers)
    try:
        reply = codec.decode_reply(record.value)
    except DecodeError:
        _log.warning("passed over: no reply at %s, %d", record.partition, record.offset)
        return
    if isinstance(reply, Chunk):
        return
    if token is None:
        _log.warning("passed over: the request %s carried no task token", reply.id)
        return
    pause_s = _PAUSE_S
    while not await _is_told(client, token, reply):
        await asyncio.sleep(pause_s)
        pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)
    if heartbeats is not None:
        heartbeats.end(token)


async def _is_told(client: Any, token: str, reply: Done | Failed) -> bool:  # noqa: ANN401
    """Whether the task has its end, from us or before; False: try again."""
    try:
        match task_result(reply):
            case TaskSuccess(output=output):
                await client.send_task_success(taskToken=token, output=output)
            case TaskFailure(error=error, cause=cause):
                await client.send_task_failure(taskToken=token, error=error, cause=cause)
    except ClientError as refused:
        code = refused.response.get("Error", {}).get("Code", "")
        _log.warning("request %s: Step Functions says %s", reply.id, code)
        return code in OVER
    except BotoCoreError as problem:
        _log.warning("request %s: %s, trying again", reply.id, type(problem).__name__)
        return False
    return True
