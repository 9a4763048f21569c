"""Readiness of a process: what its port for metrics says, and waiting until it says yes."""

import json
from typing import Final
from urllib.error import HTTPError
from urllib.request import urlopen

from dev.processes import Child
from tests.waiting import blocking_until

_START_S: Final = 120.0
_ASK_S: Final = 10.0


def fetched(port: int, path: str) -> tuple[int, str]:
    """Status and body; a status of 0 where nobody answers."""
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=_ASK_S) as response:
            return response.status, response.read().decode()
    except HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()
    except OSError as error:
        return 0, str(error)


def problems(port: int) -> list[str]:
    """Why the process isn't ready; empty when it is."""
    status, body = fetched(port, "/readyz")
    if status == 0:
        return [body]
    listed: list[str] = json.loads(body)["problems"]
    assert (status == 200) == (not listed), body
    return listed


def blocking_until_ready(child: Child, port: int) -> None:
    """Once the process may be sent work. Fails with its log when it has ended."""

    def ready() -> bool:
        assert child.alive, f"{child.name} has ended: {child.tail()}"
        return not problems(port)

    blocking_until(ready, within_s=_START_S, unmet=lambda: f"{child.name}: {problems(port)}")
