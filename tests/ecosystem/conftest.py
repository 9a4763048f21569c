"""The gateway in front of the flow in one process, for clients of other people."""

from collections.abc import AsyncIterator

import pytest

from tests.ecosystem.tool_script import forty_two, weather_tool
from tests.flow.gateway_stage import Door, door
from tests.flow.stage import catalog
from tests.flow.test_gateway_embeddings import embeds


def _catalog() -> object:
    place = {"model": "small", "base_url": "http://x", "zone": "us"}
    models = {
        name: {"family": "f", "context_window": 100_000, "capabilities": ["tools", "json_schema"]}
        for name in ("small", "medium", "nobody-knows")
    }
    models["embedder"] = {
        "family": "f",
        "context_window": 8_192,
        "capabilities": ["embeddings"],
        "dimensions": 4,
    }
    tiers = {"economy": {"deployments": ["eco-a"]}, "tools": {"deployments": ["tool"]}}
    tiers["embeddings"] = {"deployments": ["embed"]}
    deployments = {"eco-a": {**place, "provider": "a"}, "tool": {**place, "provider": "b"}}
    deployments["embed"] = {**place, "model": "embedder", "provider": "c"}
    return catalog(models=models, tiers=tiers, deployments=deployments, default_baseline="eco-a")


@pytest.fixture
async def opened() -> AsyncIterator[Door]:
    """Tier `economy` says 42, tier `tools` calls a tool first; `embedder` embeds."""
    scripts = {"eco-a": forty_two, "tool": weather_tool, "embed": embeds}
    async with door(scripts, catalog=_catalog()) as gateway:
        yield gateway
