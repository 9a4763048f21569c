"""Jobs: OpenAI's SDK and its file + batch example against the gateway, with a Claude behind it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml
from openai.types import Batch

from dev.processes import Child, Server, free_port
from dev.redis_server import url_of
from dev.simulator.process import running
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(150)]
CLAUDE = "claude-haiku-4-5"
LINES = 12
WITHIN_S = 90.0


@pytest.fixture(scope="module")
def environment(
    kafka: str, redis_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    folder = tmp_path_factory.mktemp("jobs")
    told = yaml.safe_load(Path("switchgear.yaml").read_text(encoding="utf-8"))
    told["deployments"]["anthropic-haiku-4.5"]["batch"] = {"oldest_min": 0.02}
    told["batches"] = {"poll_s": 0.2, "submit_s": 3, "look_after_s": 1, "retry_s": 0.5}
    config = folder / "switchgear.yaml"
    config.write_text(yaml.safe_dump(told), encoding="utf-8")
    with running("--seed", "3") as simulator:
        simulator.control(batches={"seconds": 1.0})
        yield {
            "SWITCHGEAR_KAFKA": kafka,
            "SWITCHGEAR_REDIS": url_of(redis_server),
            "SWITCHGEAR_CONFIG": str(config),
            "SWITCHGEAR_PARTITIONS": "4",
            "SWITCHGEAR_LOG_LEVEL": "WARNING",
            **simulator.environment,
        }


@pytest.fixture(scope="module")
def gateway(environment: Mapping[str, str]) -> Iterator[str]:
    """Its address; router, a tier's pool and a batch pool beside it."""
    folder = Path(environment["SWITCHGEAR_CONFIG"]).parent
    create = [sys.executable, "-m", "switchgear", "topics"]
    subprocess.run(create, check=True, capture_output=True, env={**os.environ, **environment})
    port = free_port()
    door = ("gateway", "--port", str(port), "--anonymous", "team")
    services = {
        "router": ("router",),
        "economy": ("worker", "--tier", "economy"),
        "batch": ("worker", "--batch"),
    }
    with ExitStack() as stack:
        for name, arguments in services.items():
            command = [sys.executable, "-m", "switchgear", *arguments]
            child = Child(name, command, folder / f"{name}.log", environment)
            child.start()
            stack.callback(child.kill)
        command = [sys.executable, "-m", "switchgear", *door]
        server = Server(
            "gateway", command, folder / "gateway.log", environment, port=port, ready_within_s=120
        )
        server.start()
        stack.callback(server.kill)
        yield f"http://{server.address}/v1"


def input_file(path: Path, *, wrong: str = "") -> Path:
    """Requests in OpenAI's format, and a line that is none."""
    lines = [
        {
            "custom_id": f"question {number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": CLAUDE,
                "max_tokens": 50,
                "messages": [{"role": "user", "content": f"Say {number}."}],
                "switchgear": {"cache": {"mode": "no-store"}},
            },
        }
        for number in range(LINES)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + wrong, encoding="utf-8")
    return path


async def test_the_sdks_batch_example_runs_with_a_claude_behind_it(
    gateway: str, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    path = input_file(tmp_path / "in.jsonl", wrong="{not json}\n")
    async with openai.AsyncOpenAI(base_url=gateway, api_key="none", max_retries=0) as client:
        with path.open("rb") as opened:
            file = await client.files.create(file=opened, purpose="batch")
        assert file.bytes == path.stat().st_size
        assert (await client.files.content(file.id)).content == path.read_bytes()
        batch = await client.batches.create(
            input_file_id=file.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={"nightly": "yes"},
        )
        assert batch.status == "validating"
        batch_id = batch.id

        async def ended() -> Batch | None:
            seen = await client.batches.retrieve(batch_id)
            return seen if seen.status in {"completed", "failed", "expired"} else None

        batch = await until(ended, within_s=WITHIN_S, pause_s=0.3)
        assert batch.status == "completed"
        assert batch.request_counts is not None
        assert batch.request_counts.model_dump() == {
            "total": LINES + 1,
            "completed": LINES,
            "failed": 1,
        }
        output = read((await client.files.content(batch.output_file_id or "")).content)
        errors = read((await client.files.content(batch.error_file_id or "")).content)
        assert [each.id async for each in client.batches.list(limit=1)] == [batch.id]
    assert {line["custom_id"] for line in output} == {f"question {n}" for n in range(LINES)}
    assert all(line["response"]["body"]["model"].startswith(CLAUDE) for line in output)
    assert [line["error"]["code"] for line in errors] == ["invalid_json_line"]
    await the_command_tells_the_same(environment, batch.id)


async def the_command_tells_the_same(environment: Mapping[str, str], job: str) -> None:
    told = json.loads(await command(environment, "status", job, "--format", "json"))
    assert (told["answered"], told["wrong"], told["ended"]) == (LINES, 1, True)
    assert told["cost_so_far"].startswith("$")
    assert len(read((await command(environment, "results", job)).encode())) == LINES


async def test_the_command_submits_once_and_resumes(
    gateway: str, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    assert gateway
    path = input_file(tmp_path / "in.jsonl")
    shown = await command(environment, "submit", str(path), "--deadline", "24h")
    job = shown.split(":")[0]
    assert f"{LINES} lines" in await command(environment, "resume", job)
    async with asyncio.timeout(WITHIN_S):
        while True:
            told = json.loads(await command(environment, "status", job, "--format", "json"))
            if told["ended"]:
                break
    assert told["answered"] == LINES
    assert job in await command(environment, "list")


async def command(environment: Mapping[str, str], *arguments: str) -> str:
    """What `switchgear job …` prints."""
    tenant = ("--tenant", "team")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "switchgear", "job", *arguments, *tenant,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    shown, _ = await process.communicate()
    assert process.returncode == 0
    return shown.decode()


def read(content: bytes) -> list[dict[str, Any]]:
    """The lines of a result file."""
    return [json.loads(line) for line in content.split(b"\n") if line]
