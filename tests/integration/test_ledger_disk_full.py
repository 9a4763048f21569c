"""A ledger whose disk is full books nothing wrong, and everything once there is room again."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from observability.ledger.ledger import LedgerError
from observability.ledger.stores.selection import ledger_at
from tests.integration.test_ledger_killed import publish, usage_topic
from tests.unit.observability.usage_events import usage_event

__all__ = ["usage_topic"]
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]
EVENTS = 4_000
_LIMITED = "ulimit -f {blocks}; exec {python} -m switchgear ledger --once"


def booked(path: Path) -> int:
    try:
        return ledger_at(str(path)).totals().requests
    except LedgerError:
        return 0


def book(path: Path, kafka: str, *, blocks: str) -> int | None:
    """The exit status; None: it still ran after a while. blocks: of 1,024 bytes a file may have."""
    command = _LIMITED.format(blocks=blocks, python=sys.executable)
    settings = {"SWITCHGEAR_KAFKA": kafka, "SWITCHGEAR_LEDGER": str(path)}
    process = subprocess.Popen(["/bin/bash", "-c", command], env={**os.environ, **settings})
    try:
        return process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def test_what_had_no_room_is_booked_later_and_once(usage_topic: str, tmp_path: Path) -> None:
    path = tmp_path / "ledger.duckdb"
    events = [usage_event(number) for number in range(EVENTS)]
    asyncio.run(publish(usage_topic, events))
    assert book(path, usage_topic, blocks="600") != 0
    assert booked(path) < EVENTS
    assert book(path, usage_topic, blocks="unlimited") == 0
    assert booked(path) == EVENTS
