"""The official clients, run against the simulated batch interfaces: they judge them."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeVar

import anthropic
import boto3
import openai
from botocore.config import Config
from mistralai.client import Mistral

from dev.simulator.process import Running
from tests.waiting import blocking_until

from .conftest import KEY

ASKED: Any = [{"role": "user", "content": "What is a queue?"}]
NAMES = [f"line-{number}" for number in range(4)]
_T = TypeVar("_T")


def once_ended(look: Callable[[], _T], ended: Callable[[_T], bool]) -> _T:
    """What is seen once it has ended."""

    def end_seen() -> _T | None:
        seen = look()
        return seen if ended(seen) else None

    return blocking_until(end_seen, within_s=10)


def lines(url: str | None) -> bytes:
    """An input file in OpenAI's format; without a url in Mistral's."""
    call = {} if url is None else {"method": "POST", "url": url}
    body = {"messages": ASKED, "max_tokens": 9, **({} if url is None else {"model": "gpt-4o-mini"})}
    told = [json.dumps({"custom_id": name, **call, "body": body}) for name in NAMES]
    return "\n".join(told).encode()


def test_openais_client_runs_a_batch(simulator: Running) -> None:
    url = f"{simulator.address}/openai/v1"
    with openai.OpenAI(api_key=KEY, base_url=url, max_retries=0) as client:
        file = client.files.create(
            file=("in.jsonl", lines("/v1/chat/completions")), purpose="batch"
        )
        made = client.batches.create(
            input_file_id=file.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={"mine": "yes"},
        )
        batch = once_ended(
            lambda: client.batches.retrieve(made.id), lambda b: b.status == "completed"
        )
        assert batch.request_counts is not None
        assert batch.request_counts.completed == len(NAMES)
        assert [each.metadata for each in client.batches.list(limit=1)] == [{"mine": "yes"}]
        text = client.files.content(batch.output_file_id or "").text
    read = [json.loads(line) for line in text.splitlines()]
    assert {line["custom_id"] for line in read} == set(NAMES)
    assert all(line["response"]["body"]["service_tier"] == "batch" for line in read)


def test_openais_client_cancels_a_batch(simulator: Running) -> None:
    simulator.control(batches={"seconds": 30})
    url = f"{simulator.address}/openai/v1"
    with openai.OpenAI(api_key=KEY, base_url=url, max_retries=0) as client:
        file = client.files.create(
            file=("in.jsonl", lines("/v1/chat/completions")), purpose="batch"
        )
        made = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        assert client.batches.cancel(made.id).status == "cancelling"
        batch = once_ended(
            lambda: client.batches.retrieve(made.id), lambda b: b.status == "cancelled"
        )
    assert batch.output_file_id
    assert batch.error_file_id


def test_anthropics_client_runs_a_batch(simulator: Running) -> None:
    url = f"{simulator.address}/anthropic"
    params: Any = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": ASKED}
    requests: Any = [{"custom_id": name, "params": params} for name in NAMES]
    with anthropic.Anthropic(api_key=KEY, base_url=url, max_retries=0) as client:
        batches = client.messages.batches
        made = batches.create(requests=requests)
        assert made.processing_status == "in_progress"
        done = once_ended(
            lambda: batches.retrieve(made.id), lambda b: b.processing_status == "ended"
        )
        assert done.request_counts.succeeded == len(NAMES)
        results = list(batches.results(made.id))
        assert [each.id for each in batches.list(limit=1)] == [made.id]
    assert {each.custom_id for each in results} == set(NAMES)
    tiers = {
        each.result.message.usage.service_tier
        for each in results
        if each.result.type == "succeeded"
    }
    assert tiers == {"batch"}


def test_mistrals_client_runs_a_job(simulator: Running) -> None:
    with Mistral(api_key=KEY, server_url=f"{simulator.address}/mistral") as client:
        file: Any = {"file_name": "in.jsonl", "content": lines(None)}
        uploaded = client.files.upload(file=file, purpose="batch")
        made = client.batch.jobs.create(
            input_files=[uploaded.id],
            model="mistral-small-2501",
            endpoint="/v1/chat/completions",
            metadata={"mine": "yes"},
        )
        job = once_ended(
            lambda: client.batch.jobs.get(job_id=made.id), lambda j: j.status == "SUCCESS"
        )
        content = client.files.download(file_id=str(job.output_file)).read()
    assert job.succeeded_requests == len(NAMES)
    assert len(content.splitlines()) == len(NAMES)


def test_botos_clients_run_a_model_invocation_job(simulator: Running) -> None:
    asked = {"messages": [{"role": "user", "content": [{"text": "What is a queue?"}]}]}
    names = [f"record-{number}" for number in range(100)]
    told = [json.dumps({"recordId": name, "modelInput": asked}) for name in names]
    place = "s3://batches/mine"
    with ExitStack() as stack:
        store = aws_client(stack, "s3", f"{simulator.address}/s3")
        control = aws_client(stack, "bedrock", f"{simulator.address}/bedrock")
        store.put_object(Bucket="batches", Key="mine/in.jsonl", Body="\n".join(told).encode())
        creation = {
            "jobName": "mine-1",
            "clientRequestToken": "mine-1",
            "roleArn": "arn:aws:iam::123456789012:role/batches",
            "modelId": "eu.anthropic.claude-haiku-4-5-20251001-v1:0",
            "inputDataConfig": {"s3InputDataConfig": {"s3Uri": f"{place}/in.jsonl"}},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": f"{place}/out/"}},
            "modelInvocationType": "Converse",
        }
        arn = control.create_model_invocation_job(**creation)["jobArn"]
        assert control.create_model_invocation_job(**creation)["jobArn"] == arn
        job = once_ended(
            lambda: control.get_model_invocation_job(jobIdentifier=arn),
            lambda seen: seen["status"] == "Completed",
        )
        listed = control.list_model_invocation_jobs(nameContains="mine")["invocationJobSummaries"]
        assert [each["jobArn"] for each in listed] == [arn]
        key = f"mine/out/{arn.rpartition('/')[2]}/in.jsonl.out"
        content = store.get_object(Bucket="batches", Key=key)["Body"].read()
    assert job["successRecordCount"] == len(names)
    read = [json.loads(line) for line in content.splitlines()]
    assert {line["recordId"] for line in read} == set(names)
    assert all(line["modelOutput"]["usage"]["outputTokens"] for line in read)


def test_botos_client_stops_a_job_of_too_few_records(simulator: Running) -> None:
    simulator.control(batches={"seconds": 0.1})
    with ExitStack() as stack:
        control = aws_client(stack, "bedrock", f"{simulator.address}/bedrock")
        arn = control.create_model_invocation_job(
            jobName="few",
            roleArn="arn:aws:iam::123456789012:role/batches",
            modelId="eu.anthropic.claude-haiku-4-5-20251001-v1:0",
            inputDataConfig={"s3InputDataConfig": {"s3Uri": "s3://batches/absent.jsonl"}},
            outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://batches/out/"}},
        )["jobArn"]
        failed = once_ended(
            lambda: control.get_model_invocation_job(jobIdentifier=arn),
            lambda seen: seen["status"] == "Failed",
        )
        control.stop_model_invocation_job(jobIdentifier=arn)
    assert "doesn't exist" in failed["message"]


def aws_client(stack: ExitStack, service: str, address: str) -> Any:  # noqa: ANN401 - made by boto3
    """The official client of one service."""
    client = boto3.client(
        service,
        endpoint_url=address,
        region_name="eu-central-1",
        aws_access_key_id="AKIAORACLE",
        aws_secret_access_key=KEY,
        config=Config(
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
        ),
    )
    stack.callback(client.close)
    return client
