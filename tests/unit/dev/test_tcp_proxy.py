import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from dev.processes import free_port
from dev.tcp_proxy import Network


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that says again what one caller says."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            caller, _ = listener.accept()
            with closing(caller):
                while said := caller.recv(100):
                    caller.sendall(said)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


def test_a_network_leaves_neither_a_loop_nor_a_socket(echo: int) -> None:
    network = Network(echo, free_port())
    network.start()
    with socket.create_connection(("127.0.0.1", network.port), 10) as caller:
        caller.sendall(b"?")
        assert caller.recv(100) == b"?"
        network.stop()
    network.stop()
    network.cut()
    del network
    gc.collect()  # what is left open is told here, and a warning is an error


def test_one_that_never_began_can_be_stopped() -> None:
    network = Network(1, free_port())
    network.stop()
    del network
    gc.collect()
