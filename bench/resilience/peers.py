"""How are the peers installed, each in a Python of its own, and how is the load sent through them?

They pin other versions than we do, so nothing of theirs is imported here.
"""

import asyncio
import json
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias

from bench.resilience.load import Asked
from bench.resilience.scenario import DEADLINE_S, PER_S
from bench.resilience.stack import World

LITELLM: Final = "litellm==1.106.2"
_HERE: Final = Path(__file__).parent
_VENVS: Final = _HERE.parents[1] / "var" / "peers"
_LINE: Final = 64 * 1024 * 1024
Offered: TypeAlias = Callable[[], Awaitable[list[Asked]]]


def litellm_python() -> Path:
    """The Python that has litellm; built at the first call, which needs the package index."""
    venv = _VENVS / "litellm"
    python = venv / "bin" / "python"
    done = venv / ".installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", LITELLM, "redis"], check=True)
        done.write_text(LITELLM)
    return python


@asynccontextmanager
async def litellm_router(there: World, workers: int, seconds: float) -> AsyncIterator[Offered]:
    """`workers` processes of litellm's Router share the load; the call starts them together."""
    told = {
        "simulator": there.simulator.address,
        "redis": there.redis_url,
        "per_s": PER_S / workers,
        "seconds": seconds,
        "deadline_s": DEADLINE_S,
    }
    command = [str(litellm_python()), str(_HERE / "litellm_peer.py"), json.dumps(told)]
    processes = [
        await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=_LINE
        )
        for _ in range(workers)
    ]
    try:
        for process in processes:
            assert (await _line(process)).strip() == b"ready", "litellm did not start"

        async def offered() -> list[Asked]:
            for process in processes:
                assert process.stdin is not None
                process.stdin.write(b"\n")
            lines = await asyncio.gather(*(_line(process) for process in processes))
            return sorted(
                (one for line in lines for one in json.loads(line)), key=lambda one: one["sent"]
            )

        yield offered
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _line(process: Process) -> bytes:
    """The next line that isn't the peer's own chatter."""
    assert process.stdout is not None
    while line := await process.stdout.readline():
        if line.startswith((b"ready", b"[")):
            return line
    raise AssertionError("the peer ended before its time")
