"""What the ledger in ClickHouse must do by itself, for want of transactions."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from itertools import count

import pytest
from clickhouse_connect.driver.client import Client

from dev.clickhouse import PASSWORD, client, url_of
from dev.processes import Server
from observability.ledger.ledger import (
    Booked,
    Ledger,
    LedgerError,
    Unreadable,
    UsageBatch,
    UsagePartition,
)
from observability.ledger.stores.clickhouse import ClickHouse
from observability.ledger.stores.selection import ledger_at
from observability.ledger.stores.store_retry import StoreRetry
from observability.ledger.stores.store_url import parse_store_url
from tests.unit.observability.usage_events import usage_event

EVENTS = [usage_event(number) for number in range(40)]
P0: UsagePartition = ("llm.usage", 0)
_NAMES = (f"killed_{number}" for number in count())


@pytest.fixture
def url(clickhouse_server: Server) -> str:
    """Of an empty database."""
    name = next(_NAMES)
    with closing(client(clickhouse_server)) as db:
        db.command(f"CREATE DATABASE {name}")
    return url_of(clickhouse_server, name)


@pytest.fixture
def db(clickhouse_server: Server, url: str) -> Iterator[Client]:
    with closing(client(clickhouse_server, parse_store_url(url).database)) as inside:
        yield inside


@pytest.fixture
def store(url: str) -> ClickHouse:
    made = ClickHouse(parse_store_url(url))
    made.create()
    return made


def rows_of(db: Client, table: str) -> object:
    ((rows,),) = db.query(f"SELECT count(*) FROM {table}").result_rows  # noqa: S608
    return rows


def at(now_ns: int, store: ClickHouse) -> Ledger:
    """That books when its clock shows this."""
    return Ledger(replace(store, now_ns=lambda: now_ns))


class DiedError(Exception):
    """Stands for a SIGKILL between two inserts."""


class Dying(Mapping[UsagePartition, int]):
    """Positions that are never reached: the process dies when it comes to them."""

    def __getitem__(self, _key: UsagePartition) -> int:
        raise DiedError

    def __iter__(self) -> Iterator[UsagePartition]:
        raise DiedError

    def __len__(self) -> int:
        return 1


def test_a_death_between_data_and_positions_is_healed_by_the_replay(
    store: ClickHouse, db: Client
) -> None:
    ledger = Ledger(store)
    bad = Unreadable("llm.usage", 0, 3, "no", b"{\xff\0}")
    with pytest.raises(DiedError):
        ledger.book(UsageBatch(EVENTS, Dying(), [bad]))
    assert ledger.positions() == {}
    once = ledger.totals()
    assert (once.requests, once.unreadable) == (len(EVENTS), 1)
    assert ledger.book(UsageBatch(EVENTS, {P0: 41}, [bad])) == Booked(0, len(EVENTS))
    assert (ledger.positions(), ledger.totals()) == ({P0: 41}, once)
    assert db.query("SELECT hex(raw) FROM unreadable").result_rows == [("7BFF007D",)]


def test_two_ledgers_that_book_at_once_count_once_and_the_first_wins(
    store: ClickHouse, db: Client
) -> None:
    """Each looks which ids are new before the other has inserted them."""
    first = usage_event(1)
    same = {"id": first.id, "tenant": first.tenant, "at_ms": first.at_ms}
    again = usage_event(2).model_copy(update={**same, "tier": "the other's"})
    at(1_800_000_000_000_000_001, store).book(UsageBatch([again], {P0: 2}))
    db.command("CREATE TABLE other AS usage_rows")
    db.command("EXCHANGE TABLES usage_rows AND other")
    at(1_800_000_000_000_000_000, store).book(UsageBatch([first], {P0: 1}))
    db.command("INSERT INTO usage_rows SELECT * FROM other")
    assert rows_of(db, "usage_rows") == 2
    totals = Ledger(store).totals()
    assert (totals.requests, totals.cost) == (1, first.cost_micro_usd)
    with store.reading() as reading:
        query = "SELECT count(*) FROM usage WHERE tier = $tier"
        assert reading.rows(query, {"tier": again.tier}) == [(0,)]
    assert Ledger(store).positions() == {P0: 2}


def test_it_stays_so_when_the_engine_has_merged(store: ClickHouse, db: Client) -> None:
    ledger = Ledger(store)
    for at in range(4):
        ledger.book(UsageBatch(EVENTS[: 10 * (at + 1)], {P0: at}))
    before = (ledger.totals(), ledger.positions())
    for table in ("usage_rows", "positions_rows", "unreadable_rows"):
        db.command(f"OPTIMIZE TABLE {table} FINAL")
    assert (ledger.totals(), ledger.positions()) == before
    assert rows_of(db, "positions_rows") == 1


def test_what_an_earlier_version_lacked_is_added(url: str, db: Client) -> None:
    ledger = ledger_at(url)
    with pytest.raises(LedgerError, match="there is no ledger in clickhouse://switchgear@"):
        ledger.totals()
    ledger.create()
    ledger.book(UsageBatch(EVENTS[:1], {}))
    db.command("ALTER TABLE usage_rows DROP COLUMN zone, DROP COLUMN judged_supported")
    db.command("CREATE OR REPLACE VIEW usage AS SELECT * EXCEPT earliness FROM usage_rows FINAL")
    with pytest.raises(LedgerError, match="earlier version, without zone, judged_supported"):
        ledger.totals()
    ledger.create()
    assert ledger.book(UsageBatch(EVENTS[:2], {})) == Booked(1, 1)
    assert ledger.totals().requests == 2


def test_a_server_that_is_away_for_a_while_is_waited_for(
    store: ClickHouse, clickhouse_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    clickhouse_server.stop()
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        if not waits:
            clickhouse_server.start()
        waits.append(seconds)

    ledger = Ledger(replace(store, retry=StoreRetry(sleep=sleep)))
    assert ledger.book(UsageBatch(EVENTS, {P0: 40})) == Booked(40, 0)
    assert waits
    assert PASSWORD not in caplog.text


def test_a_server_that_says_no_is_not_asked_again(url: str) -> None:
    waits: list[float] = []
    wrong = replace(parse_store_url(url), password="wrong-s3cret")
    with pytest.raises(LedgerError, match=r"clickhouse://switchgear@127.*516") as refused:
        Ledger(ClickHouse(wrong, StoreRetry(sleep=waits.append))).totals()
    assert waits == []
    assert "wrong-s3cret" not in str(refused.value)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match="no option sslmode: there are secure, verify"):
        ledger_at("clickhouse://me:s3cret@host/usage?sslmode=require")
