"""Runs the contract on every store."""

from pathlib import Path

import pytest

from tests.contract.ledger.places import Place, in_a_folder, in_clickhouse, in_postgres


@pytest.fixture(params=["duckdb", "postgres", "clickhouse"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    match request.param:
        case "duckdb":
            return in_a_folder(tmp_path)
        case "postgres":
            return in_postgres(request.getfixturevalue("postgres_server"))
        case _:
            return in_clickhouse(request.getfixturevalue("clickhouse_server"))
