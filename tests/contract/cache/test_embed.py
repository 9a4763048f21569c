"""Both embedders: unit vectors with a version, and failures that the cache expects."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from aiohttp import web

from cache.semantic.embedder import LocalEmbedder, NoEmbedder, OpenAiEmbedder, endpoint_version


@pytest.fixture
async def endpoint() -> AsyncIterator[str]:
    """Speaks OpenAI's `POST /embeddings`; the text "down" makes it fail."""

    async def embeddings(request: web.Request) -> web.Response:
        asked = await request.json()
        if request.headers.get("authorization") != "Bearer key" or asked["input"] == "down":
            return web.json_response({"error": {"message": "no"}}, status=500)
        vector = [float(len(asked["input"])), 3.0, 0.0]
        return web.json_response({"data": [{"index": 0, "embedding": vector}]})

    app = web.Application()
    app.router.add_post("/v1/embeddings", embeddings)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/v1"
    await runner.cleanup()


async def test_an_endpoint_gives_vectors_of_unit_length(endpoint: str) -> None:
    async with aiohttp.ClientSession() as session:
        embedder = OpenAiEmbedder(session, endpoint, "m", "key")
        made = await embedder.embed("four")
        np.testing.assert_allclose(made.sentence, [0.8, 0.6, 0])
        assert embedder.version == endpoint_version(endpoint, "m")
        assert embedder.version != endpoint_version(endpoint, "n")
        with pytest.raises(OSError, match="ClientResponseError"):
            await embedder.embed("down")


@pytest.fixture
def local() -> LocalEmbedder:
    folder = Path("var/embedder")
    if not folder.exists():
        pytest.fail("no embedder in var/embedder: build it with `make embedder`")
    return LocalEmbedder(folder)


async def test_the_local_embedder_sees_likeness(local: LocalEmbedder) -> None:
    learn, study, paris = [
        (await local.embed(text)).sentence
        for text in ("How do I learn Python?", "The best way to learn Python", "Where is Paris?")
    ]
    assert float(np.linalg.norm(learn)) == pytest.approx(1, abs=1e-3)
    assert learn @ study > 0.8
    assert learn @ paris < 0.3
    local.close()


def test_a_missing_model_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(NoEmbedder, match="make embedder"):
        LocalEmbedder(tmp_path)
