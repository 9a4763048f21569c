"""A state machine waits with a task token, and our reply ends its task (moto's Step Functions)."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import boto3
import pytest
from aiobotocore.session import get_session
from moto.server import ThreadedMotoServer

from dev.processes import free_port
from gateway.callbacks.step_functions import HeartbeatSettings, serve_callbacks
from gateway.callbacks.task_result import MOST_OUTPUT, TaskFailure, task_result
from producers.contract import codec, topics
from producers.kafka.broker import Outgoing
from tests.fakes import Script, Waits, answer, fails
from tests.flow.stage import playing
from tests.memory_broker import MemoryBroker
from tests.waiting import blocking_until, until
from workers.providers.base.call_outcome import RequestRejected

AWS: Any = {
    "region_name": "eu-central-1",
    "aws_access_key_id": "x",
    "aws_secret_access_key": "x",
}
TOPIC = "llm.replies.stepfunctions"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Its address: Step Functions and SQS, that run state machines."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MOTO_PORT", str(port))  # its state machines call it there
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patched.setenv(name, "x")
        server = ThreadedMotoServer("127.0.0.1", port)
        server.start()
        told = json.dumps({"stepfunctions": {"execute_state_machine": True}}).encode()
        with urlopen(HttpRequest(f"{address}/moto-api/config", told, method="POST")):  # noqa: S310
            pass
        yield address
        server.stop()


def start(moto: str, name: str, heartbeat_s: int | None = None) -> tuple[Any, str, str]:
    """A machine that has put its task token into a queue and waits: client, execution, token."""
    sqs: Any = boto3.client("sqs", endpoint_url=moto, **AWS)
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    states: Any = boto3.client("stepfunctions", endpoint_url=moto, **AWS)
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}},
        "Catch": [{"ErrorEquals": ["Switchgear.provider_rejected"], "Next": "Refused"}],
        "End": True,
        **({} if heartbeat_s is None else {"HeartbeatSeconds": heartbeat_s}),
    }
    refused = {"Type": "Pass", "Result": {"by": "Catch"}, "End": True}
    definition = {"StartAt": "Ask", "States": {"Ask": task, "Refused": refused}}
    machine = states.create_state_machine(
        name=name, definition=json.dumps(definition), roleArn="arn:aws:iam::123456789012:role/r"
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, name=name)["executionArn"]
    got = blocking_until(
        lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages")
    )
    return states, execution, json.loads(got[0]["Body"])["token"]


def outcome(states: Any, execution: str) -> dict[str, Any]:  # noqa: ANN401
    def ended() -> dict[str, Any] | None:
        shown: dict[str, Any] = states.describe_execution(executionArn=execution)
        return None if shown["status"] == "RUNNING" else shown

    return blocking_until(ended, pause_s=0.1)


def sent(token: str) -> Outgoing:
    """What the task's worker publishes."""
    body = {"model": "economy", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    value = json.dumps({"id": "r1", "tenant": "t", "body": body}).encode()
    headers = [("reply_to", TOPIC.encode()), ("kafka_correlationId", token.encode())]
    return Outgoing(topics.REQUESTS, value, b"r1", headers)


async def ended(moto: str, name: str, script: dict[str, Script]) -> Any:  # noqa: ANN401 its output
    """The output of a state machine whose task a request ends, published twice."""
    states, execution, token = await asyncio.to_thread(start, moto, name)
    async with (
        playing(script) as stage,
        get_session().create_client("stepfunctions", endpoint_url=moto, **AWS) as client,
    ):
        serving = asyncio.create_task(serve_callbacks(stage.broker, TOPIC, "g", client))
        # the second reply finds its token used
        await stage.broker.publish(sent(token), sent(token))
        await stage.broker.has(TOPIC, 2)
        shown = await asyncio.to_thread(outcome, states, execution)
        await stage.broker.until(lambda: sum(stage.broker.committed("g").values()) == 2)
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
    assert shown["status"] == "SUCCEEDED"
    return json.loads(shown["output"])


async def test_an_answer_ends_the_task_that_waits_for_it(moto: str) -> None:
    output = await ended(moto, "answered", {})
    assert output["body"]["choices"][0]["message"]["content"] == "42"
    assert (output["id"], output["tier"]) == ("r1", "economy")


async def test_a_failure_is_caught_by_its_code(moto: str) -> None:
    refused = fails(RequestRejected(message="no"))
    assert await ended(moto, "refused", {"eco-a": refused}) == {"by": "Catch"}


def heard(broker: MemoryBroker) -> int:
    """Requests whose tasks are over, as committed by the group that sends heartbeats."""
    try:
        return sum(broker.committed("g-heartbeats").values())
    except KeyError:  # it hasn't begun to read
        return 0


@dataclass
class Beats:
    """A client of Step Functions that counts the heartbeats which it sends."""

    client: Any
    taken: int = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self.client, name)

    async def send_task_heartbeat(self, **told: Any) -> Any:  # noqa: ANN401
        answered = await self.client.send_task_heartbeat(**told)
        self.taken += 1
        return answered


async def test_a_task_with_heartbeats_lives_as_long_as_its_request_waits(moto: str) -> None:
    patience_s, provider = 3, Waits()
    async with (
        playing({"eco-a": provider}) as stage,
        get_session().create_client("stepfunctions", endpoint_url=moto, **AWS) as client,
    ):
        counting = Beats(client)
        beat = HeartbeatSettings(0.2, [topics.REQUESTS])
        serving = asyncio.create_task(serve_callbacks(stage.broker, TOPIC, "g", counting, beat))
        states, execution, token = await asyncio.to_thread(start, moto, "waiting", patience_s)
        await stage.broker.publish(sent(token))
        await until(lambda: counting.taken > 0)
        # longer than it would live without them
        over, beats = time.monotonic() + patience_s * 1.2, counting.taken
        await until(lambda: time.monotonic() > over and counting.taken > beats)
        assert heard(stage.broker) == 0
        provider.let.set()
        shown = await asyncio.to_thread(outcome, states, execution)
        await stage.broker.until(lambda: heard(stage.broker) == 1)
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
    assert shown["status"] == "SUCCEEDED"


async def test_heartbeats_end_when_step_functions_has_given_the_task_up(moto: str) -> None:
    states, execution, token = await asyncio.to_thread(start, moto, "late", 1)
    shown = await asyncio.to_thread(outcome, states, execution)
    provider = Waits()
    async with (
        playing({"eco-a": provider}) as stage,
        get_session().create_client("stepfunctions", endpoint_url=moto, **AWS) as client,
    ):
        beat = HeartbeatSettings(0.2, [topics.REQUESTS])
        serving = asyncio.create_task(serve_callbacks(stage.broker, TOPIC, "g", client, beat))
        await stage.broker.publish(sent(token))
        await stage.broker.until(lambda: heard(stage.broker) == 1)
        assert not provider.let.is_set()
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
        provider.let.set()
    assert shown["status"] == "FAILED"


async def test_a_record_that_ends_no_task_is_passed_over() -> None:
    async with playing({}) as stage:
        plain = sent("")
        await stage.broker.publish(replace(plain, headers=plain.headers[:1]))
        await stage.broker.publish(Outgoing(TOPIC, b"no reply", b"r2", []))
        serving = asyncio.create_task(serve_callbacks(stage.broker, TOPIC, "g", None))
        written = await stage.broker.has(TOPIC, 2)
        await stage.broker.until(lambda: sum(stage.broker.committed("g").values()) == len(written))
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def test_an_answer_that_is_too_large_is_a_failure_that_names_its_request() -> None:
    async with playing({"eco-a": fails(answer("x" * MOST_OUTPUT))}) as stage:
        await stage.broker.publish(sent("token"))
        records = await stage.broker.has(TOPIC, 1)
        result = task_result(codec.decode_reply(records[-1].value))  # type: ignore[arg-type]
    assert isinstance(result, TaskFailure)
    assert result.error == "Switchgear.answer_too_large"
    assert "r1" in result.cause
