"""Evaluation on real Kafka: recorded requests with consent, a run that is killed, and its rest."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis

from dev.processes import Child, Server
from dev.redis_server import url_of
from dev.simulator.ledger import question_name
from dev.simulator.process import Running, running
from observability.evaluation.results.evaluation_result import read_evaluation
from tests.waiting import blocking_until

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(240)]
CASES = 24
BEFORE = 8
"""Calls before the run is killed."""
WITHIN_S = 120.0


@pytest.fixture(scope="module")
def simulator() -> Iterator[Running]:
    with running("--seed", "3") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def environment(
    kafka: str, redis_server: Server, simulator: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    """Router and a tier's pool beside it; tenant `open` allows evaluation, others don't."""
    whole = yaml.safe_load(Path("switchgear.yaml").read_text(encoding="utf-8"))
    whole["tenants"] = {"open": {"evaluation": "allowed"}, "*": {}}
    folder = tmp_path_factory.mktemp("evaluation")
    config = folder / "switchgear.yaml"
    config.write_text(yaml.safe_dump(whole), encoding="utf-8")
    environment = {
        "SWITCHGEAR_KAFKA": kafka,
        "SWITCHGEAR_REDIS": url_of(redis_server),
        "SWITCHGEAR_CONFIG": str(config),
        "SWITCHGEAR_PARTITIONS": "4",
        "SWITCHGEAR_LOG_LEVEL": "WARNING",
        **simulator.environment,
    }
    # breakers, claims and budgets that other tests left
    with Redis.from_url(environment["SWITCHGEAR_REDIS"]) as left:
        left.flushall()
    switchgear(environment, "topics")
    with ExitStack() as stack:
        for name, arguments in {
            "router": ("router",),
            "economy": ("worker", "--tier", "economy"),
        }.items():
            command = [sys.executable, "-m", "switchgear", *arguments]
            child = Child(name, command, folder / f"{name}.log", environment)
            child.start()
            stack.callback(child.kill)
        yield environment


def switchgear(environment: Mapping[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "switchgear", *arguments]
    whole = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, env=whole, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def redelivered(journal: Path) -> list[str]:
    """The requests that a second worker took over, by the evaluation's own journal."""
    answers = [json.loads(line).get("answered", {}) for line in journal.read_text().splitlines()]
    return [each["request"] for each in answers if each.get("redelivered")]


def test_a_run_that_is_killed_goes_on_and_pays_nothing_twice(
    environment: Mapping[str, str], simulator: Running, tmp_path: Path
) -> None:
    folder, cases = tmp_path / "evaluations", tmp_path / "cases.jsonl"
    place = ("--folder", str(folder))
    lines = [{"prompt": f"Sort {n}", "reference": "b"} for n in range(CASES)]
    cases.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    script = [{"prompt": line["prompt"], "answer": "b", "wrong": ["a"]} for line in lines]
    simulator.control(script=script, qualities={"gpt-4o-mini": 0.0}, first_token_ms=300)
    switchgear(environment, "evaluate", "import", "set", str(cases), "--tenant", "open", *place)
    models = ("--baseline", "claude-haiku-4-5", "--candidate", "gpt-4o-mini")
    asked = ("evaluate", "run", "trial", *place)
    plan = ("--data", "set", *models, "--max-usd", "5", "--interactive", "--at-once", "2")
    command = [sys.executable, "-m", "switchgear", *asked, *plan]
    earlier = len(simulator.calls())
    # the topics are the session's: what others left in them is answered here, too
    prompts = {question_name(line["prompt"]) for line in lines}

    def paid() -> list[dict[str, Any]]:
        calls = simulator.calls()[earlier:]
        return [call for call in calls if call["status"] == 200 and call["question"] in prompts]

    with subprocess.Popen(command, env={**os.environ, **environment}) as begun:

        def has_paid(calls: int) -> bool:
            return len(paid()) >= calls or begun.poll() is not None

        try:
            blocking_until(partial(has_paid, BEFORE), within_s=WITHIN_S)
            # so slow that it dies with calls in flight, however long this process is kept waiting
            simulator.control(first_token_ms=3_000)
            blocking_until(partial(has_paid, BEFORE + 2), within_s=WITHIN_S)
        finally:
            begun.send_signal(signal.SIGKILL)
    simulator.control(first_token_ms=100)
    before = len(paid())
    assert BEFORE + 2 <= before < 2 * CASES
    switchgear(environment, *asked)
    paid_calls = Counter((call["question"], call["model"]) for call in paid())
    twice = {call: times for call, times in paid_calls.items() if times > 1}
    # a worker that this machine kept from its lease for too long has its requests taken over: that
    # is told with the answer, and booked; nothing else may be paid twice
    taken_over = redelivered(folder / "trial" / "calls.jsonl")
    assert len(twice) <= len(taken_over), (twice, taken_over)
    assert len(paid_calls) == 2 * CASES
    record = read_evaluation((folder / "trial" / "results.json").read_bytes())
    good = {each.candidate: (each.successes, each.cases) for each in record.results}
    assert good == {"claude-haiku-4-5": (CASES, CASES), "gpt-4o-mini": (0, CASES)}
    assert {each.outcome for each in record.verdicts} == {"worse"}
    costs = sum(each.cost_micro_usd or 0 for each in record.results if each.task == "*")
    assert record.spent_micro_usd >= costs > 0
    assert record.spent_micro_usd == costs or taken_over
    assert "Where one alone was right" in (folder / "trial" / "report.html").read_text()


def test_recorded_requests_of_those_who_allow_it_become_cases(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    mark = f"mark-{time.time_ns()}"
    place = ("--folder", str(tmp_path / "evaluations"))
    program = (
        "import asyncio, sys\n"
        "from producers import RouterClient, chat\n"
        "async def main(mark):\n"
        "    async with RouterClient.connect() as client:\n"
        "        routing = {'tags': {'app': mark}, 'tier': 'economy'}\n"
        "        for tenant in ('open', 'shut'):\n"
        "            for text in ('What is Kafka?', 'what is Kafka?', 'What is Redis?'):\n"
        "                request = chat(text, tenant=tenant, routing=routing)\n"
        "                await client.submit(request, timeout=100)\n"
        "asyncio.run(main(sys.argv[1]))\n"
    )
    command = [sys.executable, "-c", program, mark]
    subprocess.run(command, check=True, env={**os.environ, **environment})
    wanted = ("--tag", f"app={mark}")
    told = switchgear(environment, "evaluate", "sample", "recorded", *wanted, *place)
    assert "2 cases taken, which 1 more repeat" in told
    assert "3 without consent" in told
    (file,) = (tmp_path / "evaluations" / "data").glob("recorded@1.jsonl")
    head, *cases = map(json.loads, file.read_text().splitlines())
    assert head["cases"] == len(cases) == 2
    assert {case["tenant"] for case in cases} == {"open"}
    erased = switchgear(environment, "evaluate", "erase", "open", *place)
    assert "2 cases and 0 answers erased" in erased
    assert len(file.read_text().splitlines()) == 1
