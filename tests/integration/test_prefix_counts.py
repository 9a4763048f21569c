"""The fleet's counts in a real Redis agree with those of one process."""

from pathlib import Path

import pytest

from dev.redis_server import redis_server, url_of
from runtime.redis.connection import RedisLink, connect_redis
from workers.calling.prefix_counts import LocalCounts, SharedCounts


@pytest.mark.redis
async def test_shared_counts_agree_with_local_ones_and_outlive_redis(tmp_path: Path) -> None:
    server = redis_server(tmp_path)
    server.start()
    link = RedisLink(connect_redis(url_of(server)))
    shared, other, local = SharedCounts(link), SharedCounts(link), LocalCounts()
    try:
        for counts in (shared, local):
            for _ in range(3):
                await counts.count_uses(["p", "q"], ["p"])
        told, alone = await other.count_uses(["p", "q"], []), await local.count_uses(["p", "q"], [])
        assert told["q"] == alone["q"]
        assert told["p"].last_5m == pytest.approx(alone["p"].last_5m, abs=0.05)
        assert told["p"].last_1h == pytest.approx(alone["p"].last_1h, abs=0.05)
        server.stop()
        assert (await shared.count_uses(["p"], []))["p"].last_5m == pytest.approx(3, abs=0.05)
        assert not link.up
    finally:
        await link.redis.aclose()
        server.stop()
