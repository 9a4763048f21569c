"""The key of a ledger's rows is (tenant, id, kind, at_ms), in new ledgers and in older ones."""

from contextlib import closing
from decimal import Decimal

import pytest
from clickhouse_connect.driver.httpclient import HttpClient

from dev import clickhouse
from dev.processes import Server
from observability.ledger.ledger import Booked, Ledger, LedgerError, UsageBatch
from observability.ledger.stores.clickhouse import ClickHouse
from observability.ledger.stores.selection import ledger_at
from observability.ledger.stores.store_url import parse_store_url
from observability.reports.cost import cost_report
from observability.reports.period import ReportPeriod
from observability.reports.waste_evidence import collect_waste
from producers.contract import UsageEvent
from tests.contract.ledger.older_ledger import write_ledger_without_time, write_older_ledger
from tests.contract.ledger.places import Place, in_clickhouse
from tests.unit.observability.usage_events import DAY_MS, START_MS, usage_event

MONTH = ReportPeriod(START_MS, START_MS + 30 * DAY_MS)


def owned(tenant: str, number: int, id_: str = "same", **changes: object) -> UsageEvent:
    return usage_event(number).model_copy(update={"id": id_, "tenant": tenant, **changes})


OLDER_EVENTS = [
    *(usage_event(number) for number in range(40)),
    owned("acme", 41, "r3:judge", aside="judge"),
    owned("acme", 42, "r4:cache", aside="cache"),
]


def cost_of(*events: UsageEvent) -> Decimal:
    return sum((e.cost_micro_usd for e in events if e.cost_micro_usd is not None), Decimal(0))


def figures(ledger: Ledger) -> object:
    with ledger.reading() as db:
        reports = [
            cost_report(db, by, MONTH, MONTH.end_ms - 1)
            for by in ([], ["tenant", "model"], ["tag:team", "day"])
        ]
        return ledger.totals(), reports, list(collect_waste(db, MONTH))


def test_tenants_with_one_id_and_a_call_named_like_a_request_each_have_their_bill(
    place: Place,
) -> None:
    ledger = place.empty()
    events = [owned("acme", 1), owned("globex", 2), owned("acme", 3, aside="judge")]
    again = [owned("globex", 4, at_ms=events[1].at_ms), owned("acme", 5, aside="cache")]
    assert ledger.book(UsageBatch(events, {})) == Booked(3, 0)
    assert ledger.book(UsageBatch([*again, *events], {})) == Booked(1, 4)
    assert ledger.totals().requests == 2
    assert ledger.totals().cost == cost_of(*events, again[1])


def test_an_id_that_is_used_again_has_each_of_its_bills(place: Place) -> None:
    ledger = place.empty()
    first = owned("acme", 1)
    later = owned("acme", 2, at_ms=first.at_ms + 3_600_001)
    at_once = owned("acme", 3, at_ms=first.at_ms + 1)
    assert ledger.book(UsageBatch([first, later, first], {})) == Booked(2, 1)
    assert ledger.book(UsageBatch([later, at_once], {})) == Booked(1, 1)
    assert ledger.totals().cost == cost_of(first, later, at_once)


def test_a_ledger_whose_key_had_no_time_is_migrated(place: Place) -> None:
    where = place.another()
    write_ledger_without_time(where, OLDER_EVENTS)
    ledger, fresh = ledger_at(where), place.empty()
    ledger.create()
    ledger.create()
    fresh.book(UsageBatch(OLDER_EVENTS, {}))
    assert figures(ledger) == figures(fresh)
    again = [e.model_copy(update={"at_ms": e.at_ms + 1}) for e in OLDER_EVENTS]
    both = UsageBatch([*OLDER_EVENTS, *again], {})
    assert ledger.book(both) == Booked(len(again), len(OLDER_EVENTS))


def test_a_ledger_of_before_is_migrated_with_the_same_figures(place: Place) -> None:
    where = place.another()
    write_older_ledger(where, OLDER_EVENTS)
    migrated, fresh = ledger_at(where), place.empty()
    with pytest.raises(LedgerError, match="earlier version, without kind"):
        migrated.totals()
    migrated.create()
    fresh.book(UsageBatch(OLDER_EVENTS, {}))
    assert figures(migrated) == figures(fresh)
    assert migrated.positions() == {("llm.usage", 0): 40}


def test_a_migrated_ledger_knows_its_rows_again_and_keeps_tenants_apart(place: Place) -> None:
    where = place.another()
    write_older_ledger(where, OLDER_EVENTS)
    ledger = ledger_at(where)
    ledger.create()
    ledger.create()
    assert ledger.book(UsageBatch(OLDER_EVENTS, {})) == Booked(0, len(OLDER_EVENTS))
    others = [event.model_copy(update={"tenant": "another"}) for event in OLDER_EVENTS]
    assert ledger.book(UsageBatch(others, {})) == Booked(len(others), 0)
    assert ledger.totals().cost == 2 * cost_of(*OLDER_EVENTS)


class DiedError(Exception):
    """Stands for a SIGKILL between two statements."""


@pytest.mark.parametrize("survived", range(9))
def test_a_migration_of_clickhouse_that_is_killed_anywhere_ends_well_the_next_time(
    clickhouse_server: Server, survived: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ClickHouse has no transaction around the statements; the two others have."""
    where = in_clickhouse(clickhouse_server).another()
    write_older_ledger(where, OLDER_EVENTS)
    store = ClickHouse(parse_store_url(where))
    statements: list[str] = []
    command = HttpClient.command

    def dies(client: HttpClient, statement: str, *args: object, **kwargs: object) -> object:
        if statement.startswith(("CREATE", "INSERT", "RENAME", "DROP")):
            if len(statements) == survived:
                raise DiedError
            statements.append(statement)
        return command(client, statement, *args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(HttpClient, "command", dies)
        if survived < 8:
            with pytest.raises(DiedError):
                store.create()
        else:
            store.create()
    ledger = Ledger(store)
    ledger.create()
    assert ledger.book(UsageBatch(OLDER_EVENTS, {})) == Booked(0, len(OLDER_EVENTS))
    assert ledger.totals().cost == cost_of(*OLDER_EVENTS)
    with closing(clickhouse.client(clickhouse_server, parse_store_url(where).database)) as db:
        names = {name for (name,) in db.query("SHOW TABLES").result_rows}
    assert names == {f"{table}{end}" for table in ("usage", "positions", "unreadable")
                     for end in ("", "_rows")}  # fmt: skip
