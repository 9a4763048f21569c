"""`switchgear cache`, as a person runs it, with the real embedder, verifier and Redis."""

import asyncio
import json
from pathlib import Path

import pytest
from redis.asyncio import Redis

from cache.__main__ import main
from cache.lookup import CacheLookup
from cache.results.lookup_result import Hit, Miss
from runtime.config.sections.cache import CacheSettings
from tests.contract.cache.asking import NOW, ROUTE, done, request

USABLE = """
models: {small: {family: gpt-4o, context_window: 1000}}
deployments: {here: {model: small, provider: openai, base_url: "https://example.org", zone: eu}}
tiers: {economy: {deployments: [here]}}
default_baseline: here
"""
PAIRS: list[dict[str, object]] = [
    {"a": "How can I learn guitar?", "b": "What is the best way to learn guitar?", "id": 7},
    {"a": "How far is 5 km?", "b": "How far is 6 km?"},
    {"a": "What is a mutex?", "b": "Hi, what is a MUTEX"},
    {"a": "", "b": "Why?"},
]


@pytest.fixture
def embedder() -> None:
    if not Path("var/embedder").exists():
        pytest.fail("no embedder in var/embedder: build it with `make embedder`")


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.usefixtures("embedder")
def test_judge_answers_each_line_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [json.dumps(pair) for pair in PAIRS]
    source = write(tmp_path / "pairs.jsonl", [lines[0], "{oops", '{"a": 1}', "", *lines[1:]])
    output = tmp_path / "out.jsonl"
    arguments = ["judge", "--input", str(source), "--output", str(output), "--target", "0.05"]
    assert main(arguments) == 1
    told = [json.loads(line) for line in output.read_text().splitlines()]
    assert [one["hit"] for one in told] == [True, False, False, False, True, False]
    assert told[0].items() >= PAIRS[0].items()
    assert all(0 <= one["score"] <= 1 and one["reason"] for one in told)
    assert "number: 5 against 6" in told[3]["reason"]
    assert f"{source}:2: not JSON" in capsys.readouterr().err


@pytest.mark.usefixtures("embedder")
@pytest.mark.parametrize(
    ("lines", "target", "problem"),
    [(["{oops"], "0.05", "no line is a pair"), (['{"a":"x","b":"y"}'], "2", "--target must be")],
)
def test_judge_says_what_it_cannot_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[str], target: str, problem: str
) -> None:
    source = write(tmp_path / "pairs.jsonl", lines)
    arguments = ["judge", "--input", str(source), "--output", str(tmp_path / "o"), "--target"]
    assert main([*arguments, target]) == 2
    assert problem in capsys.readouterr().err


@pytest.mark.usefixtures("embedder")
def test_own_pairs_make_own_operating_points(tmp_path: Path) -> None:
    same = [{"a": f"How do I fix error {n}?", "b": f"how to fix error {n}", "same": 1}
            for n in range(20)]  # fmt: skip
    other = [{"a": f"How do I fix error {n}?", "b": f"Who wrote book {n}?", "same": 0}
             for n in range(220)]  # fmt: skip
    source = write(tmp_path / "labelled.jsonl", [json.dumps(pair) for pair in same + other])
    points = tmp_path / "points.json"
    assert main(["calibrate", "--input", str(source), "--output", str(points)]) == 0
    config = write(
        tmp_path / "switchgear.yaml",
        [USABLE, f"cache: {{operating_points: {json.dumps(str(points))}}}"],
    )
    pairs = write(tmp_path / "pairs.jsonl", [json.dumps(PAIRS[0])])
    output = tmp_path / "out.jsonl"
    judge = ["--config", str(config), "judge", "--input", str(pairs), "--output", str(output)]
    assert main(judge) == 0
    least = json.loads(points.read_text())["points"]["0.01"]
    assert f"{least:.3f}" in json.loads(output.read_text())["reason"]


@pytest.mark.redis
def test_stats_and_invalidate(redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def keep_one() -> None:
        async with Redis.from_url(redis_url) as redis:
            lookup = CacheLookup(CacheSettings(budget_ms=5000), redis)
            found = await lookup.find(request("What is a mutex?", tags=("os",)), ROUTE, NOW)
            assert isinstance(found, Miss)
            await lookup.store_answer(found, done())
            again = await lookup.find(request("What is a mutex?"), ROUTE, NOW)
            assert isinstance(again, Hit)
            await lookup.close()

    asyncio.run(keep_one())
    tenant = ["--tenant", "acme", "--redis", redis_url]
    assert main(["stats", *tenant]) == 0
    assert "acme: 1 entries" in capsys.readouterr().out
    assert main(["stats", *tenant, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == 1
    assert main(["invalidate", *tenant, "--tag", "os"]) == 0
    assert capsys.readouterr().out == "1 entries forgotten\n"
    assert main(["stats", *tenant, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == 0


def test_a_mistaken_configuration_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(tmp_path / "switchgear.yaml", [USABLE, "cache: {budgit_ms: 3}"])
    assert main(["--config", str(config), "stats", "--tenant", "acme"]) == 2
    assert "budgit_ms" in capsys.readouterr().err
