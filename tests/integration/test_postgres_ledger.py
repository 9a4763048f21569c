"""What the ledger in PostgreSQL does that a file can't, and when its server is away."""

import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import psycopg
import pytest

from dev.postgres_server import PASSWORD, url_of
from dev.processes import Server
from observability.ledger.ledger import Booked, Ledger, LedgerError, UsageBatch
from observability.ledger.stores.postgres import Postgres
from observability.ledger.stores.selection import ledger_at
from observability.ledger.stores.store_retry import StoreRetry
from observability.ledger.stores.store_url import parse_store_url
from tests.unit.observability.usage_events import usage_event

EVENTS = [usage_event(number) for number in range(400)]


@pytest.fixture
def url(postgres_server: Server) -> str:
    """Of an empty database."""
    with psycopg.connect(url_of(postgres_server), autocommit=True) as db:
        db.execute("DROP DATABASE IF EXISTS usage WITH (FORCE)")
        db.execute("CREATE DATABASE usage")
    return url_of(postgres_server, "usage")


def test_several_processes_make_the_tables_and_book_the_same_events_at_once(url: str) -> None:
    def book(turn: int) -> list[Booked]:
        """The same events as the others, each in an order of its own."""
        ledger = ledger_at(url)
        ledger.create()
        order = sorted(EVENTS, key=lambda event: hash((turn, event.id)))
        return [
            ledger.book(UsageBatch(order[n : n + 50], {("llm.usage", 0): n}))
            for n in range(0, 400, 50)
        ]

    with ThreadPoolExecutor(4) as pool:
        booked = [one for some in pool.map(book, range(4)) for one in some]
    assert sum(one.new for one in booked) == len(EVENTS)
    assert sum(one.duplicate for one in booked) == 3 * len(EVENTS)
    assert ledger_at(url).totals().requests == len(EVENTS)


def test_a_report_sees_one_moment_while_others_book(url: str) -> None:
    ledger = ledger_at(url)
    ledger.create()
    ledger.book(UsageBatch(EVENTS[:10], {}))
    with ledger.reading() as db:
        ledger.book(UsageBatch(EVENTS, {}))
        assert db.rows("SELECT count(*) FROM usage") == [(10,)]
    assert ledger.totals().requests == len(EVENTS)


def test_a_server_that_is_away_for_a_while_is_waited_for(
    url: str, postgres_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    ledger_at(url).create()
    postgres_server.stop()
    waits: list[float] = []
    back = threading.Event()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if not back.is_set():
            postgres_server.start()
            back.set()

    ledger = Ledger(Postgres(parse_store_url(url), StoreRetry(sleep=sleep)))
    assert ledger.book(UsageBatch(EVENTS, {("llm.usage", 0): 400})) == Booked(400, 0)
    assert waits
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize("reason", ["password", "database"])
def test_a_server_that_says_no_is_not_asked_again(
    url: str, postgres_server: Server, reason: str
) -> None:
    wrong = {
        "password": url.replace("%70%40", "wrong"),
        "database": url_of(postgres_server, "nowhere"),
    }[reason]
    waits: list[float] = []
    ledger = Ledger(Postgres(parse_store_url(wrong), StoreRetry(sleep=waits.append)))
    with pytest.raises(LedgerError, match=rf"postgresql://switchgear@127.*{reason}") as refused:
        ledger.totals()
    assert waits == []
    assert PASSWORD not in str(refused.value)
    assert quote(PASSWORD, safe="") not in str(refused.value)


def test_what_an_earlier_version_lacked_is_added(url: str) -> None:
    ledger = ledger_at(url)
    with pytest.raises(LedgerError, match="there is no ledger in postgresql://switchgear@"):
        ledger.totals()
    ledger.create()
    ledger.book(UsageBatch(EVENTS[:1], {}))
    with psycopg.connect(url) as db:
        db.execute("ALTER TABLE usage DROP COLUMN zone, DROP COLUMN judged_supported")
    with pytest.raises(LedgerError, match="earlier version, without zone, judged_supported"):
        ledger.totals()
    ledger.create()
    assert ledger.book(UsageBatch(EVENTS[:2], {})) == Booked(1, 1)


def test_a_role_that_only_reads_can_make_reports(url: str) -> None:
    ledger = ledger_at(url)
    ledger.create()
    ledger.book(UsageBatch(EVENTS, {}))
    with psycopg.connect(url) as db:
        db.execute("DROP ROLE IF EXISTS reader")
        db.execute("CREATE ROLE reader LOGIN PASSWORD 'r'")
        db.execute("GRANT SELECT ON usage, unreadable TO reader")
    host = url.rpartition("@")[2]
    reader = ledger_at(f"postgresql://reader:r@{host}")
    assert reader.totals() == ledger.totals()
    with pytest.raises(LedgerError, match="permission denied"):
        reader.book(UsageBatch(EVENTS, {}))
