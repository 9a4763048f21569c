"""How is a ClickHouse started for a test? Its engine, in process, behind its HTTP interface."""

import sys
from pathlib import Path
from typing import Final

from clickhouse_connect import get_client
from clickhouse_connect.driver.client import Client

from dev.processes import Server, free_port

USER: Final = "switchgear"
PASSWORD: Final = "p@ss/w:rd"  # noqa: S105 (of a server on loopback that lives as long as a test)


def server(data: Path) -> Server:
    """Keeps its tables in `data`; not started."""
    port = free_port()
    here = ["--port", str(port), "--data", str(data.absolute())]
    return Server(
        name="clickhouse",
        argv=[sys.executable, "-m", "dev.clickhouse", *here],
        log=data.with_suffix(".log"),
        port=port,
    )


def url_of(running: Server, database: str = "default") -> str:
    """The URL that the ledger takes, with a password that has to be escaped in it."""
    password = "".join(f"%{ord(c):02X}" for c in PASSWORD)
    return f"clickhouse://{USER}:{password}@{running.address}/{database}"


def client(running: Server, database: str = "default") -> Client:
    """To look into it."""
    return get_client(
        host="127.0.0.1", port=running.port, username=USER, password=PASSWORD, database=database,
        compress=False, autogenerate_session_id=False,
    )  # fmt: skip
