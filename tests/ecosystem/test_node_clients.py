"""The official npm packages and the Vercel AI SDK, by changing the base address."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.flow.gateway_stage import Door

HERE = Path(__file__).parent / "node"
HOME = Path(__file__).parents[2] / "var" / "ecosystem"


@pytest.fixture(scope="module")
def installed() -> Path:
    """The packages of `node/package-lock.json`, once."""
    HOME.mkdir(parents=True, exist_ok=True)
    lock = (HERE / "package-lock.json").read_text("utf-8")
    stamp = HOME / ".installed"
    if not stamp.exists() or stamp.read_text("utf-8") != lock:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, HOME)
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(command, cwd=HOME, check=True, capture_output=True)
        stamp.write_text(lock, "utf-8")
    shutil.copy(HERE / "clients.mjs", HOME)
    return HOME


@pytest.mark.timeout(300)
async def test_every_client_of_npm_is_served(opened: Door, installed: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        "node",
        "clients.mjs",
        opened.address,
        cwd=installed,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()
    assert told.count(b"ok ") == 13
