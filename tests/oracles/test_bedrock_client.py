"""The official client of Bedrock, run against the simulator: it judges what we test against."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

from dev.simulator.process import Running

from .conftest import KEY

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
LONG = "Answer in the house style. " * 800
BEDROCK_MODEL = "eu.anthropic.claude-haiku-4-5-20251001-v1:0"


@pytest.fixture
def bedrock_client(simulator: Running) -> Iterator[Any]:
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=f"{simulator.address}/bedrock",
        region_name="eu-central-1",
        aws_access_key_id="AKIAORACLE",
        aws_secret_access_key=KEY,
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


CONVERSE: Any = {
    "modelId": BEDROCK_MODEL,
    "messages": [{"role": "user", "content": [{"text": "What is a queue?"}]}],
}
BEDROCK_TOOLS = {
    "tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}],
    "toolChoice": {"any": {}},
}


def test_bedrock_converses(bedrock_client: Any, simulator: Running) -> None:  # noqa: ANN401 - made by boto3
    answer = bedrock_client.converse(**CONVERSE, inferenceConfig={"maxTokens": 500})
    assert answer["output"]["message"]["content"][0]["text"].startswith("[simulated answer]")
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"]["outputTokens"] > 0
    assert simulator.calls()[0]["model"] == BEDROCK_MODEL


def test_bedrock_streams(bedrock_client: Any) -> None:  # noqa: ANN401 - made by boto3
    events = list(bedrock_client.converse_stream(**CONVERSE)["stream"])
    kinds = [next(iter(event)) for event in events]
    text = "".join(
        event["contentBlockDelta"]["delta"]["text"]
        for event in events
        if "contentBlockDelta" in event
    )
    assert kinds[0] == "messageStart"
    assert kinds[-2:] == ["messageStop", "metadata"]
    assert text.endswith(".")
    assert events[-1]["metadata"]["usage"]["outputTokens"] > 0


def test_bedrock_calls_a_tool(bedrock_client: Any) -> None:  # noqa: ANN401 - made by boto3
    answer = bedrock_client.converse(**CONVERSE, toolConfig=BEDROCK_TOOLS)
    use = answer["output"]["message"]["content"][0]["toolUse"]
    assert answer["stopReason"] == "tool_use"
    assert use["input"] == {"city": "simulated"}
    events = bedrock_client.converse_stream(**CONVERSE, toolConfig=BEDROCK_TOOLS)["stream"]
    pieces = [
        event["contentBlockDelta"]["delta"]["toolUse"]["input"]
        for event in events
        if "contentBlockDelta" in event
    ]
    assert json.loads("".join(pieces)) == use["input"]


def test_bedrock_writes_and_reads_its_cache(bedrock_client: Any) -> None:  # noqa: ANN401 - made by boto3
    system = [{"text": LONG}, {"cachePoint": {"type": "default"}}]
    first, second = (
        bedrock_client.converse(**{**CONVERSE, "modelId": "claude-sonnet-4-6"}, system=system)[
            "usage"
        ]
        for _ in range(2)
    )
    assert first["cacheWriteInputTokens"] > 1024
    assert second["cacheReadInputTokens"] == first["cacheWriteInputTokens"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("rate_limited", "ThrottlingException"),
        ("overloaded", "ServiceUnavailableException"),
        ("context_too_long", "ValidationException"),
        ("bad_credentials", "UnrecognizedClientException"),
        ("unknown_model", "ResourceNotFoundException"),
    ],
)
def test_bedrock_knows_the_errors(
    bedrock_client: Any,  # noqa: ANN401 - made by boto3
    simulator: Running,
    fault: str,
    code: str,
) -> None:
    simulator.control(next=[fault])
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        bedrock_client.converse(**CONVERSE)
    assert raised.value.response["Error"]["Code"] == code


def test_bedrock_reads_an_exception_inside_a_stream(
    bedrock_client: Any,  # noqa: ANN401 - made by boto3
    simulator: Running,
) -> None:
    simulator.control(next=["error_in_stream"])
    with pytest.raises(botocore.exceptions.EventStreamError, match="throttlingException"):
        list(bedrock_client.converse_stream(**CONVERSE)["stream"])


def test_bedrock_wants_a_signature(simulator: Running) -> None:
    from urllib.error import HTTPError  # noqa: PLC0415 - this test alone
    from urllib.request import Request, urlopen  # noqa: PLC0415 - this test alone

    url = f"{simulator.address}/bedrock/model/m/converse"
    body = json.dumps({"messages": CONVERSE["messages"]}).encode()
    with pytest.raises(HTTPError) as raised:
        urlopen(Request(url, body))  # noqa: S310 - our own address
    assert raised.value.code == 403
    raised.value.close()
