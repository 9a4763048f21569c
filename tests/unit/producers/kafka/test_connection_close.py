"""Does a connection over TLS close without its peer's leave?"""

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection

from producers.kafka.connection import connection_options
from producers.settings import KafkaSettings
from tests.secure_kafka import make_certificates

pytestmark = pytest.mark.timeout(60)
WAIT_S = 10.0
"""Far above what a close takes, and far below the 30 s for which a peer would be waited for."""
API_VERSIONS = 18


@contextmanager
def silent_broker(folder: Path) -> Iterator[tuple[int, threading.Event]]:
    """A port that says which versions it knows, then reads and says nothing; an event ends it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    over = threading.Event()
    with socket.create_server(("localhost", 0)) as listener:
        listener.settimeout(WAIT_S)

        def serve() -> None:
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as peer:
                _size, _kind, _version, correlation = struct.unpack(">ihhi", peer.recv(4096)[:12])
                body = struct.pack(">ihihhhi", correlation, 0, 1, API_VERSIONS, 0, 0, 0)
                peer.sendall(struct.pack(">i", len(body)) + body)
                over.wait()

        server = threading.Thread(target=serve)
        server.start()
        try:
            yield listener.getsockname()[1], over
        finally:
            over.set()
            server.join()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("tls")
    make_certificates(made)
    return made


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_nobody_waits_for_a_silent_peer(folder: Path, run: Callable[..., None]) -> None:
    settings = KafkaSettings(kafka_security_protocol="SSL", kafka_ssl_ca=folder / "ca.pem")
    context = connection_options(settings)["ssl_context"]

    async def connect_and_close() -> None:
        connection = AIOKafkaConnection(
            "localhost", port, ssl_context=context, security_protocol="SSL"
        )
        await connection.connect()
        async with asyncio.timeout(WAIT_S):
            await connection.close()
        assert not over.is_set()
        assert not connection.connected()
        # a second close, as at the end of a client whose broker left
        async with asyncio.timeout(WAIT_S):
            await connection.close()

    with silent_broker(folder) as (port, over):
        run(connect_and_close())
