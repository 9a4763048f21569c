"""ClickHouse's engine in process (chdb), behind its HTTP interface.

    python -m dev.clickhouse --port 8123 --data folder

The engine is ClickHouse's own; what stands in is the transport: one query at a time, one login,
no compression, no sessions.
"""

import argparse
import base64
import re
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from chdb.session import Session

from dev.clickhouse import PASSWORD, USER

_LOGIN: Final = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
_INSERT: Final = re.compile(rb"\s*INSERT INTO ([^(]+)\(([^)]+)\) FORMAT (\w+)\s*?\n", re.IGNORECASE)
_NO_SETTINGS: Final = frozenset(
    {"query", "query_id", "database", "client_protocol_version", "wait_end_of_query"}
)
_UNKNOWN: Final = 1002


class Engine:
    """One ClickHouse, one query at a time."""

    def __init__(self, data: Path) -> None:
        self._session = Session(str(data))  # type: ignore[no-untyped-call]
        self._one = threading.Lock()

    def answer(self, parameters: dict[str, str], body: bytes) -> bytes:
        """As to an HTTP request; RuntimeError: what the engine said."""
        text = b"\n".join([parameters.get("query", "").encode(), body]).strip(b"\n")
        settings = {name: parameters[name] for name in parameters.keys() - _NO_SETTINGS}
        with self._one:
            self._run(f"USE `{parameters.get('database', 'default')}`")
            for name, value in settings.items():
                self._run(f"SET {name} = {_quoted(value)}")
            try:
                return self._query(text)
            finally:
                for name in settings:
                    if not name.startswith("param_"):
                        self._run(f"SET {name} = DEFAULT")

    def _query(self, text: bytes) -> bytes:
        insert = _INSERT.match(text)
        if insert is None:
            return self._run(text.decode())
        with tempfile.NamedTemporaryFile() as file:
            file.write(text[insert.end() :])
            file.flush()
            table, columns, form = (part.decode() for part in insert.groups())
            rows = f"SELECT {columns} FROM file({_quoted(file.name)}, {form})"  # noqa: S608
            return self._run(f"INSERT INTO {table} ({columns}) {rows}")

    def _run(self, sql: str) -> bytes:
        return bytes(self._session.query(sql, "TabSeparated").bytes())  # type: ignore[no-untyped-call]


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Interface(ThreadingHTTPServer):
    """ClickHouse's port 8123."""

    def __init__(self, port: int, engine: Engine) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.engine = engine


class Handler(BaseHTTPRequestHandler):
    """POST with the query in the URL, the body, or both; what follows an INSERT is its data."""

    protocol_version = "HTTP/1.1"
    server: Interface

    def do_POST(self) -> None:
        """An answer, or the engine's complaint with its code."""
        body = b"".join(self._body())
        if self.headers.get("Authorization") != _LOGIN:
            self._answer(403, b"Code: 516. DB::Exception: Authentication failed", 516)
            return
        parameters = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        try:
            self._answer(200, self.server.engine.answer(parameters, body))
        except RuntimeError as error:
            code = re.search(r"Code: (\d+)", str(error))
            self._answer(500, str(error).encode(), int(code[1]) if code else _UNKNOWN)

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") != "chunked":
            yield self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _answer(self, status: int, body: bytes, code: int | None = None) -> None:
        self.send_response(status)
        if code is not None:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Only what went wrong is worth a line."""


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    Interface(options.port, Engine(options.data)).serve_forever()


if __name__ == "__main__":
    main()
