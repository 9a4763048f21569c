"""A slow and a fast deployment: workers measure them, routers hear of it, requests feel it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from producers import ClientSettings, Done, Failed, RouterClient, chat
from producers.contract import Reply
from tests.integration.fleet_processes import fleet_processes

pytestmark = [pytest.mark.long, pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(180)]

CONFIG: Final = """
default_baseline: slow
deployments:
  slow: {model: gpt-4o-mini, provider: openai}
  fast: {model: mistral-small-3, provider: mistral, speed: {first_token_s: 0.1, tokens_per_s: 500}}
tiers:
  economy: {deployments: [slow, fast]}
policy: {min_quality: 0}
cache: {embedder: {kind: none}}
"""
_SLOW_MS: Final = 700
_MEASURES: Final = 8
_MOST_TRIES: Final = 60


@pytest.fixture
def settings(kafka: str, redis_url: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    config = tmp_path / "switchgear.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    told = {
        "SWITCHGEAR_KAFKA": kafka,
        "SWITCHGEAR_REDIS": redis_url,
        "SWITCHGEAR_CONFIG": str(config),
        "SWITCHGEAR_PARTITIONS": "2",
    }
    with fleet_processes(tmp_path, told) as fleet:
        fleet.simulator.control(target="gpt-4o-mini", latency_ms=_SLOW_MS)
        fleet.simulator.control(target="mistral-small-2501", latency_ms=5)
        yield told


async def asked(client: RouterClient, number: int, **options: Any) -> Reply:  # noqa: ANN401
    routing = {"cache": {"mode": "no-cache"}, **options.pop("routing", {})}
    prompt = f"What is {number} and {number}?"
    return await client.submit(chat(prompt, tenant="t", max_tokens=20, routing=routing, **options))


async def test_what_workers_measure_decides_where_the_next_requests_go(
    settings: dict[str, str],
) -> None:
    told = ClientSettings(kafka=settings["SWITCHGEAR_KAFKA"], timeout_s=60)
    async with RouterClient.connect(told) as client:
        for number in range(_MEASURES):
            done = await asked(client, number)
            assert isinstance(done, Done)
            assert done.route.deployment == "slow"  # the first that is listed

        quick = await asked(client, 100, routing={"objective": "latency"})
        assert isinstance(quick, Done)
        assert quick.route.deployment == "fast"

        for number in range(200, 200 + _MOST_TRIES):
            # only `slow` serves the model: once the router has heard how slow it is, it refuses
            pinned = await asked(
                client, number, model="gpt-4o-mini", routing={"max_ttft_ms": _SLOW_MS // 2}
            )
            if isinstance(pinned, Failed):
                break
        assert isinstance(pinned, Failed)
        assert pinned.code == "deadline_exceeded"
        assert "slow is its fastest (measured, " in pinned.message
