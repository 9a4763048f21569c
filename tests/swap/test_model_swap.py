"""A model swap on real Kafka: judge, labels, shadow, promotion, and rollouts on live traffic."""

import asyncio
import csv
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from redis import Redis

from dev.processes import Child, Server
from dev.redis_server import url_of
from dev.simulator.process import Running, running
from observability.evaluation.judging.pair_judgement import judge_messages
from observability.evaluation.results.evaluation_result import EvaluationRecord, read_evaluation
from producers import ClientSettings, RouterClient, chat
from producers.contract import Done, Failed, Request, UsageEvent, answer_text, topics
from producers.jobs.job_log import scan_topic
from tests.unit.observability.evaluation.evaluation_fakes import case
from tests.waiting import until

pytestmark = [pytest.mark.swap, pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(400)]
OPUS: Final = "anthropic-opus-4.6"
HAIKU: Final = "bedrock-haiku-4.5"
MINI: Final = "openai-gpt-4o-mini"
SMALL: Final = "mistral-small-3"
DEPLOYMENTS: Final = (OPUS, "anthropic-haiku-4.5", HAIKU, MINI, SMALL)
ALIKE_UNTIL, WORSE_UNTIL, FLIPPED_UNTIL = 2, 14, 17
CHECKS: Final = [{"kind": "contains", "texts": ["right"]}]
MONEY: Final = ("--max-usd", "5", "--max-tokens", "16")
CASES: Final = 24
CONVERSATIONS: Final = 200
AT_ONCE: Final = 8
PATIENCE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Installation:
    """Router, a pool and the rollouts' controller beside the session's servers."""

    environment: Mapping[str, str]
    simulator: Running
    folder: Path
    settings: ClientSettings

    @property
    def config(self) -> Path:
        """The file that the processes watch."""
        return self.folder / "switchgear.yaml"

    def run(self, *arguments: str) -> str:
        """What a command prints."""
        command = [sys.executable, "-m", "switchgear", *arguments]
        whole = {**os.environ, **self.environment}
        done = subprocess.run(command, capture_output=True, text=True, env=whole, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def evaluate(self, *arguments: str) -> str:
        """What an evaluation's command prints."""
        return self.run("evaluate", *arguments, "--folder", str(self.folder / "evaluations"))

    def record(self, name: str) -> EvaluationRecord:
        """What an evaluation measured."""
        place = self.folder / "evaluations" / name / "results.json"
        return read_evaluation(place.read_bytes())

    def knows(self, prompts: Sequence[str], *, right: str = "right") -> None:
        """The simulated models know the right answers, and a wrong one."""
        script = [{"prompt": each, "answer": right, "wrong": ["wrong"]} for each in prompts]
        self.simulator.control(script=script)


@pytest.fixture(scope="module")
def here(
    kafka: str, redis_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("swap")
    whole = yaml.safe_load(Path("switchgear.yaml").read_text(encoding="utf-8"))
    deployments = {name: whole["deployments"][name] for name in DEPLOYMENTS}
    config = folder / "switchgear.yaml"
    written = {
        "default_baseline": OPUS,
        "deployments": deployments,
        "tiers": {"economy": {"order": "listed", "deployments": list(DEPLOYMENTS)}},
        "tenants": {"open": {"evaluation": "allowed"}, "*": {}},
    }
    config.write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")
    with running("--seed", "3") as simulator, ExitStack() as parts:
        environment = {
            "SWITCHGEAR_KAFKA": kafka,
            "SWITCHGEAR_REDIS": url_of(redis_server),
            "SWITCHGEAR_CONFIG": str(config),
            "SWITCHGEAR_PARTITIONS": "4",
            "SWITCHGEAR_LOG_LEVEL": "WARNING",
            **simulator.environment,
        }
        with Redis.from_url(environment["SWITCHGEAR_REDIS"]) as left:
            left.flushall()
        made = Installation(environment, simulator, folder, ClientSettings(kafka=kafka))
        made.run("topics")
        services = {
            "router": ("router",),
            "economy": ("worker", "--tier", "economy"),
            "rollouts": ("rollout", "run"),
        }
        for name, arguments in services.items():
            command = [sys.executable, "-m", "switchgear", *arguments]
            child = Child(name, command, folder / f"{name}.log", environment)
            child.start()
            parts.callback(child.kill)
        yield made


def imported(here: Installation, name: str, prompts: Sequence[str]) -> None:
    """A data set of prompts whose reference is `right`."""
    lines = [
        {"prompt": each, "reference": "right", "id": f"c{n}"} for n, each in enumerate(prompts)
    ]
    file = here.folder / f"{name}.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    here.evaluate("import", name, str(file), "--tenant", "open")


def judged_script(number: int, prompt: str) -> Iterator[dict[str, Any]]:
    """Two pairs are alike, twelve the judge calls worse, of three it likes the first answer."""
    yield {"prompt": prompt, "answer": "good"}
    if number < ALIKE_UNTIL:
        return
    yield {"prompt": prompt, "answer": "poor", "models": ["gpt-4o-mini"]}
    body = chat(prompt, tenant="open").body
    asked = case("x", tenant="open", body=body, reference="right")
    for first, second, better in (("poor", "good", "2"), ("good", "poor", "1")):
        says = better if number < WORSE_UNTIL else "1" if number < FLIPPED_UNTIL else "tie"
        question = judge_messages(asked, first, second)[-1]["content"]
        yield {"prompt": question, "answer": json.dumps({"reason": "so", "better": says})}


def test_a_judge_hears_both_orders_and_is_held_against_people(here: Installation) -> None:
    """One cloud's deployment beside another model: twenty pairs, of each kind of verdict."""
    prompts = [f"Judge {number} {uuid.uuid4().hex}" for number in range(20)]
    here.simulator.control(
        script=[line for number, each in enumerate(prompts) for line in judged_script(number, each)]
    )
    imported(here, "pairs", prompts)
    models = ("--baseline", HAIKU, "--candidate", "gpt-4o-mini", "--interactive")
    judge = ("--metric", "judge:claude-opus-4-6", "--margin", "5")
    printed = here.evaluate("run", "judged", "--data", "pairs", *models, *judge, *MONEY)
    assert "took 17% of its verdicts back" in " ".join(printed.split())
    assert "No hand labels" in printed
    record = here.record("judged")
    (verdict,) = [each for each in record.verdicts if each.task == "*"]
    assert (verdict.only_candidate, verdict.only_baseline, verdict.pairs) == (0, 12, 20)
    assert verdict.outcome == "worse"
    assert {each.deployment for each in record.results} == {HAIKU, MINI}
    assert all(each.relative for each in record.results)
    sheet = here.folder / "sheet.csv"
    here.evaluate("label", "judged", "--export", str(sheet))
    with sheet.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(prompts)
    for row in rows:
        tied = int(row["prompt"].split()[1]) >= WORSE_UNTIL
        row["good"] = "1" if tied or row["answer"] == "good" else "0"
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    here.evaluate("label", "judged", "--import", str(sheet))
    again = " ".join(here.evaluate("report", "judged").split())
    assert "Judge and people agree on 100% of 20 labelled pairs, kappa 1.00" in again


async def test_a_promotion_moves_the_traffic_and_what_it_saves_is_reported(
    here: Installation,
) -> None:
    prompts = [f"Sort {number} {uuid.uuid4().hex}" for number in range(200)]
    live = [f"Live {number} {uuid.uuid4().hex}" for number in range(60)]
    here.knows([*prompts, *live])
    await asyncio.to_thread(imported, here, "sorting", prompts)
    models = ("--baseline", "claude-opus-4-6", "--candidate", MINI, "--candidate", SMALL)
    asked = ("run", "sorting", "--data", "sorting", *models, "--margin", "5", *MONEY)
    promote = ("promote", "sorting", "--task", "classification", "--config", str(here.config))
    async with RouterClient.connect(here.settings) as client:
        before = await answers(client, live[:20])
        assert {done.route.deployment for done in before} == {OPUS}
        printed = await asyncio.to_thread(here.evaluate, *asked)
        assert "at most 5 points worse" in " ".join(printed.split())
        chosen = here.record("sorting").chosen
        assert chosen in {MINI, SMALL}
        text = here.config.read_text(encoding="utf-8")
        diff = await asyncio.to_thread(here.evaluate, *promote)
        assert f"+    - {chosen}" in diff
        assert here.config.read_text(encoding="utf-8") == text
        await asyncio.to_thread(here.evaluate, *promote, "--apply")

        async def moved() -> bool:
            # router and worker take the file over each in its own time
            (done,) = await answers(client, [f"Probe {uuid.uuid4().hex}"], task="classification")
            told = any("sorting" in (each.origin or "") for each in done.route.candidates)
            return told and done.route.deployment == chosen

        await until(moved, within_s=PATIENCE_S, pause_s=0.2)
        after = await answers(client, live[20:], task="classification")
    assert {done.route.deployment for done in after} == {chosen}
    assert [answer_text(done.body) for done in after] == ["right"] * 40
    for done in after:
        assert done.cost_micro_usd is not None
        assert done.baseline_micro_usd is not None
        assert done.cost_micro_usd < done.baseline_micro_usd / 10
        assert "% less" in (done.summary or "")
        assert any("sorting" in (each.origin or "") for each in done.route.candidates)


async def test_a_shadow_asks_what_was_asked_on_its_own_budget_and_touches_no_caller(
    here: Installation,
) -> None:
    prompts = [f"Shadow {number} {uuid.uuid4().hex}" for number in range(CASES)]
    here.knows(prompts)
    task = f"shadow-{uuid.uuid4().hex}"
    shadow = ("shadow", "live", "--candidate", SMALL, "--baseline", "claude-opus-4-6")
    period = ("--every", "10m", "--rounds", "1", "--share", "1", "--task", task)
    async with RouterClient.connect(here.settings) as client:
        asked = await answers(client, prompts, task=task, validators=CHECKS)
        rounds = asyncio.create_task(
            asyncio.to_thread(here.evaluate, *shadow, *period, "--max-usd", "90")
        )
        while not rounds.done():
            await answers(client, [f"Beside {uuid.uuid4().hex}"])
        await rounds
    events = await usage_of(here, {done.id for done in asked})
    assert [len(event.attempts) for event in events] == [1] * CASES
    (folder,) = (here.folder / "evaluations").glob("live-*")
    record = here.record(folder.name)
    measured = {each.candidate: (each.cases, each.successes) for each in record.results}
    assert measured == dict.fromkeys((SMALL, "claude-opus-4-6"), (CASES, CASES))
    # the budget is that of all rounds together
    spent = record.spent_micro_usd / 1_000_000
    assert spent > 0
    less = ("--max-usd", f"{spent / 2:f}")
    printed = await asyncio.to_thread(here.evaluate, *shadow, *period, *less)
    assert "is spent" in printed


async def test_a_worse_canary_is_rolled_back_and_an_equal_one_promoted(here: Installation) -> None:
    here.simulator.control(qualities={"gpt-4o-mini": 0.0})
    whole = yaml.safe_load(here.config.read_text(encoding="utf-8"))
    whole["tiers"]["economy"]["deployments"] = list(DEPLOYMENTS)
    here.config.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
    rules = ("--min-requests", "10", "--min-minutes", "0", "--margin", "0.3", "--slow-factor", "99")
    place = ("--tier", "economy", "--steps", "0.09,1", *rules)
    arms: dict[str, set[str]] = {}
    async with RouterClient.connect(here.settings) as client:
        start = ("rollout", "start", "worse", "--candidate", MINI, *place)
        await asyncio.to_thread(here.run, *start)
        worse = await driven(here, client, "worse", arms)
        assert worse["status"] == "rolled back", worse["decisions"]
        assert "its answers are worse" in worse["decisions"][-1]["why"]
        start = ("rollout", "start", "equal", "--candidate", SMALL, *place)
        await asyncio.to_thread(here.run, *start)
        equal = await driven(here, client, "equal", {})
        assert equal["status"] == "promoted", equal["decisions"]
    # none where a conversation was drawn for nothing, before the router knew or after the step back
    assert max(map(len, arms.values())) == 1, "a conversation stays in its arm"
    assert set.union(*arms.values()) == {"control", "candidate"}
    shown = await asyncio.to_thread(here.run, "rollout", "status")
    assert "worse: rolled back, 0% of tier economy to openai-gpt-4o-mini" in shown
    assert "equal: promoted, 100% of tier economy to mistral-small-3" in shown
    words = [event.summary or "" for event in await usage_of(here, None)]
    assert any(
        each.startswith("rollout worse of openai-gpt-4o-mini: rolled back") for each in words
    )
    assert any(each.startswith("rollout equal of mistral-small-3: promoted") for each in words)
    stopped = await asyncio.to_thread(here.run, "rollout", "stop", "equal")
    assert "equal: stopped, 0% of tier economy" in stopped


async def answers(client: RouterClient, prompts: Sequence[str], **routing: object) -> list[Done]:
    """The answers to prompts of tenant `open`, a few at once."""
    requests = [chat(each, tenant="open", routing=routing) for each in prompts]
    # so few at once that the first deployment has room: a full one leaves them to the next
    turns = asyncio.Semaphore(AT_ONCE)

    async def answer(request: Request) -> Done | Failed:
        async with turns:
            return await client.submit(request, timeout=PATIENCE_S)

    replies = await asyncio.gather(*map(answer, requests))
    done = [reply for reply in replies if isinstance(reply, Done)]
    assert len(done) == len(replies), replies
    return done


async def driven(
    here: Installation, client: RouterClient, name: str, arms: dict[str, set[str]]
) -> dict[str, Any]:
    """The rollout when it has come to its end, on traffic of two hundred conversations.

    arms: gets those that each conversation was in.
    """

    async def ask(conversation: str, prompt: str) -> None:
        routing = {"task": "extraction", "conversation": conversation, "validators": CHECKS}
        asked = chat(prompt, tenant="open", routing=routing)
        async with turns:
            reply = await client.submit(asked, timeout=PATIENCE_S)
        if isinstance(reply, Done):
            said = [each for each in reply.route.reasons if each.startswith(f"rollout {name},")]
            arms.setdefault(conversation, set()).update(each.rpartition(" ")[2] for each in said)
        else:
            # no other model is asked where an answer fails its checks and there is no tier above
            assert reply.code == "validation_failed", reply
            arms.setdefault(conversation, set()).add("candidate")

    async def ended() -> bool:
        prompts = {f"{name}-{number}": f"Ask {uuid.uuid4().hex}" for number in range(CONVERSATIONS)}
        await asyncio.to_thread(here.knows, list(prompts.values()))
        await asyncio.gather(*(ask(*each) for each in prompts.items()))
        listed = await asyncio.to_thread(here.run, "rollout", "status", "--format", "json")
        state.update({each["name"]: each for each in json.loads(listed)}[name])
        return bool(state["status"] != "running")

    turns = asyncio.Semaphore(AT_ONCE)
    state: dict[str, Any] = {}
    await until(ended, within_s=PATIENCE_S)
    return state


async def usage_of(here: Installation, ids: set[str] | None) -> list[UsageEvent]:
    """The accounts of requests; None: of decisions about rollouts."""
    records = scan_topic(here.settings, topics.USAGE, 0)
    events = [UsageEvent.model_validate_json(record.value) async for record in records]
    return [each for each in events if (each.aside == "rollout" if ids is None else each.id in ids)]
