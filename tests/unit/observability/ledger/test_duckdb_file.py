from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from observability.ledger.ledger import Ledger, LedgerError, UsageBatch
from observability.ledger.schema import tags_json
from observability.ledger.stores.duckdb_file import DuckDbFile
from observability.ledger.stores.store_retry import StoreRetry
from tests.unit.observability.usage_events import usage_event

OF_AN_EARLIER_VERSION = (
    "CREATE TABLE usage (id VARCHAR, tenant VARCHAR, at_ms BIGINT, outcome VARCHAR, tags JSON,"
    " cost DECIMAL(38,6), PRIMARY KEY (id))"
)
BOOKED_BY_IT = "INSERT INTO usage VALUES ('r1', 'globex', ?, 'done', '{}', 2.5)"


@pytest.fixture
def store(tmp_path: Path) -> DuckDbFile:
    made = DuckDbFile(tmp_path / "ledger.duckdb")
    made.create()
    return made


def test_a_ledger_waits_for_its_turn_and_then_says_who_was_in_the_way(store: DuckDbFile) -> None:
    waits: list[float] = []
    impatient = DuckDbFile(store.path, StoreRetry(wait_s=0, sleep=waits.append))
    with store.reading(), pytest.raises(LedgerError, match=r"ledger\.duckdb"):
        impatient.book(UsageBatch([usage_event(1)], {}))


def test_a_file_that_is_no_ledger_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"there is no .*absent\.duckdb"):
        Ledger(DuckDbFile(tmp_path / "absent.duckdb")).totals()
    (tmp_path / "text.duckdb").write_text("hello" * 1000)
    with pytest.raises(LedgerError, match=r"cannot open .*text\.duckdb"):
        Ledger(DuckDbFile(tmp_path / "text.duckdb")).totals()
    duckdb.connect(str(tmp_path / "other.duckdb")).close()
    with pytest.raises(LedgerError, match=r"no ledger in .*other\.duckdb yet"):
        Ledger(DuckDbFile(tmp_path / "other.duckdb")).totals()


def test_a_file_of_an_earlier_version_is_told_apart_and_taken_over(tmp_path: Path) -> None:
    ledger = Ledger(DuckDbFile(tmp_path / "old.duckdb"))
    with duckdb.connect(str(tmp_path / "old.duckdb")) as db:
        db.execute(OF_AN_EARLIER_VERSION)
        db.execute(BOOKED_BY_IT, [usage_event(1).at_ms])
    with pytest.raises(LedgerError, match="earlier version, without kind, tier, zone, deployment"):
        ledger.totals()
    ledger.create()
    ledger.book(UsageBatch([usage_event(1), usage_event(2)], {}))
    assert ledger.totals().requests == 2
    assert ledger.totals().cost == Decimal("2.5") + (usage_event(2).cost_micro_usd or 0)


def test_what_is_forgotten_is_in_no_block_of_the_file_and_everything_else_stays(
    store: DuckDbFile,
) -> None:
    """DuckDB keeps what a row held before in blocks that are free."""
    tags = {"person": "jane-of-the-free-blocks"}
    told = {"tenant": "acme", "tags": tags, "prompt_hash": "of-the-free-blocks"}
    batch = UsageBatch([usage_event(1).model_copy(update=told)], {("llm.usage", 3): 7})
    store.book(batch)
    assert b"of-the-free-blocks" in store.path.read_bytes()
    store.forget("acme", {tags_json(tags): tags_json({})}, [usage_event(1).id])
    assert b"of-the-free-blocks" not in store.path.read_bytes()
    assert [path.name for path in store.path.parent.iterdir()] == [store.path.name]
    assert Ledger(store).positions() == {("llm.usage", 3): 7}
    store.book(batch)  # the key is still one
    with store.reading() as db:
        assert db.rows("SELECT count(*) FROM usage") == [(1,)]
