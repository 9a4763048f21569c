"""The official clients as oracles: pointed at the simulator, or at a recorder of what they send."""

import gc
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dev.simulator.process import Running, running

KEY = "sk-oracle-0123456789"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The clients leave sockets open, of errors inside of streams above all: that is theirs."""
    ignored = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(ignored)


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """What a test's client left behind is found in that test, not in a later one."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def process() -> Iterator[Running]:
    with running("--seed", "7") as simulator:
        yield simulator


@pytest.fixture
def simulator(process: Running) -> Running:
    process.control(reset=True)
    return process


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it came over the wire; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(slots=True)
class Recorder:
    """Keeps what it is sent and answers 418: no client retries that."""

    address: str = ""
    sent: list[Sent] = field(default_factory=list)

    def take(self) -> Sent:
        """The one request since the last taking."""
        (only,) = self.sent
        self.sent.clear()
        return only


@pytest.fixture(scope="session")
def recording() -> Iterator[Recorder]:
    recorder = Recorder()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            recorder.sent.append(Sent(self.path, headers, json.loads(body)))
            told = b'{"error":{"type":"teapot","message":"recorded"}}'
            self.send_response(418)
            self.send_header("content-length", str(len(told)))
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    recorder.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield recorder
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def recorder(recording: Recorder) -> Recorder:
    recording.sent.clear()
    return recording
