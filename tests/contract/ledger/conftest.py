"""Runs the contract on every store."""

from pathlib import Path

import pytest

from tests.contract.ledger.places import Folder, Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Folder(tmp_path)
