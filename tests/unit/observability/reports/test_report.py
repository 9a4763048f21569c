import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from observability.__main__ import main
from observability.ledger.ledger import LedgerReader, UsageBatch
from observability.ledger.stores.selection import ledger_at
from observability.pricing.money import usd
from observability.reports import render_data, render_html, render_table
from observability.reports.chargeback import bills
from observability.reports.cost import (
    SAVINGS,
    CostReport,
    CostRow,
    UnknownDimensionError,
    cost_report,
)
from observability.reports.forecast import Forecast
from observability.reports.period import ReportPeriod
from observability.terminal import plain
from producers.contract import CacheOutcome, Usage, UsageEvent
from tests.unit.observability.usage_events import DAY_MS, START_MS, usage_event

MONTH = ReportPeriod(START_MS, START_MS + 30 * DAY_MS)
EVENTS = [usage_event(number * 1000) for number in range(500)]


NOTHING = CostRow(
    (), 0, 0, 0, 0, 0, 0, 0, Decimal(0), Decimal(0), None, dict.fromkeys(SAVINGS, Decimal(0))
)
EMPTY = CostReport(
    (), MONTH, (), NOTHING, (), Forecast(Decimal(0), Decimal(0), Decimal(0), Decimal(0), 0)
)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerReader]:
    ledger = ledger_at(tmp_path_factory.mktemp("ledger") / "ledger.duckdb")
    ledger.create()
    ledger.book(UsageBatch(EVENTS, {}))
    with ledger.reading() as connection:
        yield connection


def report_of(db: LedgerReader, *by: str) -> CostReport:
    return cost_report(db, by, MONTH, MONTH.end_ms - 1)


def cost_of(events: list[UsageEvent]) -> Decimal:
    return sum((e.cost_micro_usd for e in events if e.cost_micro_usd), Decimal(0))


def one(tmp_path: Path, *events: UsageEvent) -> CostReport:
    ledger = ledger_at(tmp_path / "one.duckdb")
    ledger.create()
    ledger.book(UsageBatch(events, {}))
    with ledger.reading() as db:
        return cost_report(db, [], MONTH, MONTH.end_ms - 1)


def test_groups_add_up_to_the_events(db: LedgerReader) -> None:
    made = report_of(db, "tenant", "model", "tag:team")
    assert sum(row.requests for row in made.rows) == len(EVENTS)
    assert sum((row.cost for row in made.rows), Decimal(0)) == cost_of(EVENTS) == made.total.cost
    acme = [e for e in EVENTS if e.tenant == "acme" and e.tags["team"] == "a"]
    rows = [row for row in made.rows if row.group[0] == "acme" and row.group[2] == "a"]
    assert sum((row.cost for row in rows), Decimal(0)) == cost_of(acme)
    assert [row.cost for row in made.rows] == sorted((r.cost for r in made.rows), reverse=True)


def test_savings_add_up_to_baseline_less_cost(db: LedgerReader) -> None:
    for row in report_of(db, "tenant").rows:
        assert row.saved_total == row.baseline - row.cost


def test_days_add_up_to_the_total(db: LedgerReader) -> None:
    made = report_of(db)
    assert sum((entry.cost for entry in made.days), Decimal(0)) == made.total.cost


def test_cost_per_1k_is_weighted_by_response_length(tmp_path: Path) -> None:
    base = usage_event(1)
    short = base.model_copy(
        update={
            "id": "short",
            "usage": Usage(input_uncached=900, output=100),
            "cost_micro_usd": Decimal(1000),
        }
    )
    long = base.model_copy(
        update={
            "id": "long",
            "usage": Usage(input_uncached=700, output=300),
            "cost_micro_usd": Decimal(5000),
        }
    )
    # 1000 per 1k with weight 100, 5000 per 1k with weight 300
    assert one(tmp_path, short, long).total.cost_per_1k == pytest.approx(4000)


def test_an_unpriced_answer_counts_apart_and_lowers_no_mean(tmp_path: Path) -> None:
    unpriced = usage_event(2).model_copy(update={"cost_micro_usd": None, "savings": None})
    total = one(tmp_path, usage_event(1), unpriced).total
    assert total.unpriced == 1
    alone = one(tmp_path / "b", usage_event(1)).total
    assert total.cost_per_1k == pytest.approx(alone.cost_per_1k)


def test_savings_that_nobody_split_are_not_lost(tmp_path: Path) -> None:
    call = usage_event(1).model_copy(update={"savings": None})
    hit = usage_event(2).model_copy(
        update={
            "savings": None,
            "cost_micro_usd": Decimal(0),
            "usage": Usage(),
            "cache": CacheOutcome(result="hit", saved_micro_usd=Decimal(7)),
        }
    )
    total = one(tmp_path, call, hit).total
    assert total.saved["cache"] == 7
    assert total.saved["unsplit"] > 0
    assert total.saved_total == total.baseline - total.cost


def test_an_unknown_dimension_is_told_the_known_ones(db: LedgerReader) -> None:
    with pytest.raises(UnknownDimensionError, match=r"'colour': choose from tenant.*tag:NAME"):
        report_of(db, "colour")


def test_a_tags_name_cannot_become_sql(db: LedgerReader) -> None:
    made = report_of(db, "tag:x') FROM usage; DROP TABLE usage; --")
    assert [row.group for row in made.rows] == [("(none)",)]


def test_csv_holds_exact_money(db: LedgerReader) -> None:
    lines = list(csv.DictReader(io.StringIO(render_data.cost_csv(report_of(db, "tenant")))))
    assert len(lines) == 3
    assert sum(Decimal(line["cost_micro_usd"]) for line in lines) == cost_of(EVENTS)


def test_json_holds_rows_total_days_and_forecast(db: LedgerReader) -> None:
    made = report_of(db, "tenant")
    whole = json.loads(render_data.cost_json(made, bills(made.rows, Decimal(10_000_000))))
    assert Decimal(whole["total"]["cost_micro_usd"]) == cost_of(EVENTS)
    assert whole["period"]["start"] == "2026-03-01T00:00:00Z"
    cents = sum(bill["total_cents"] for bill in whole["chargeback"])
    assert cents == round(cost_of(EVENTS) / 10_000) + 1000
    assert whole["forecast_micro_usd"]["days_of_history"] > 0


def test_payers_whose_names_read_alike_are_charged_apart(tmp_path: Path) -> None:
    groups = [{"a": "x", "b": "y / z"}, {"a": "x / y", "b": "z"}]
    events = [
        usage_event(number).model_copy(update={"tags": tags}) for number, tags in enumerate(groups)
    ]
    ledger = ledger_at(tmp_path / "alike.duckdb")
    ledger.create()
    ledger.book(UsageBatch(events, {}))
    with ledger.reading() as db:
        made = cost_report(db, ["tag:a", "tag:b"], MONTH, MONTH.end_ms - 1)
    charged = bills(made.rows, Decimal(10_000_000))
    whole = json.loads(render_data.cost_json(made, charged))["chargeback"]
    assert {(bill["tag:a"], bill["tag:b"]) for bill in whole} == {("x", "y / z"), ("x / y", "z")}
    lines = list(csv.DictReader(io.StringIO(render_data.cost_csv(made, charged))))
    in_csv = sum(int(line["total_cents"]) for line in lines)
    assert (
        in_csv == sum(bill["total_cents"] for bill in whole) == sum(b.total_cents for b in charged)
    )


def test_a_tag_is_shown_as_it_was_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tags.duckdb"
    ledger = ledger_at(path)
    ledger.create()
    tags = ({"a": "[/red]"}, {"a": "[bold]hi :smile:"})
    events = [usage_event(n).model_copy(update={"tags": told}) for n, told in enumerate(tags)]
    ledger.book(UsageBatch(events, {}))
    asked = ["report", "--ledger", str(path), "--by", "tag:a", "--since", "2026-03-01"]
    assert main(asked) == 0
    shown = capsys.readouterr().out
    assert "[/red]" in shown
    assert "[bold]hi :smile:" in shown


@given(st.text())
@example("\r")
@example("\t=1+1")
@example(" @SUM(A1)")
def test_no_cell_of_a_spreadsheet_is_a_formula(name: str) -> None:
    made = replace(EMPTY, by=("tag:a",), rows=(replace(EMPTY.total, group=(name,)),))
    ((shown, *_),) = list(csv.reader(io.StringIO(render_data.cost_csv(made), newline="")))[1:]
    assert not shown.strip().startswith(
        ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
    )
    assert not shown.startswith(("\t", "\r", "\n"))
    assert shown in {plain(name), f"'{plain(name)}"}


def test_money_in_a_spreadsheet_stays_a_number(db: LedgerReader) -> None:
    made = report_of(db, "tenant")
    saved = {**made.total.saved, "retries": Decimal("-1.5")}
    costly = replace(made, rows=[replace(made.total, group=("acme",), saved=saved)])
    (line,) = csv.DictReader(io.StringIO(render_data.cost_csv(costly)))
    assert line["saved_retries_micro_usd"] == "-1.5"


def test_an_escape_sequence_in_a_tag_is_shown_and_not_obeyed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "escapes.duckdb"
    ledger = ledger_at(path)
    ledger.create()
    evil = {"tags": {"a": "\x1b]0;owned\x07\u202e"}, "task": "\x1b[2J", "unsupported_share": 0.5}
    events = [
        usage_event(number).model_copy(update=evil | {"finish_reason": "length"})
        for number in range(5)
    ]
    ledger.book(UsageBatch(events, {}))
    for command in (["report", "--by", "tag:a,task"], ["waste"], ["quality"]):
        assert main([*command, "--ledger", str(path), "--since", "2026-03-01"]) == 0
        shown = capsys.readouterr().out
        assert not {"\x1b", "\x07", "\u202e"} & set(shown)
        assert command == ["waste"] or r"\x1b" in shown


@pytest.mark.parametrize("command", ["report", "waste", "quality"])
@pytest.mark.parametrize("form", ["table", "csv", "json", "html"])
def test_every_report_has_every_form_on_the_terminal_and_in_a_file(
    command: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "forms.duckdb", tmp_path / "out"
    ledger = ledger_at(path)
    ledger.create()
    cut = {"finish_reason": "length", "unsupported_share": 0.5, "tenant": "<i>&co", "model": "m"}
    events = [usage_event(number).model_copy(update=cut) for number in range(5)]
    ledger.book(UsageBatch(events, {}))
    asked = [command, "--ledger", str(path), "--since", "2026-03-01", "--format", form]
    assert main(asked) == 0
    shown = capsys.readouterr().out
    assert main([*asked, "--out", str(out)]) == 0
    written = out.read_text()
    match form:
        case "table":
            assert written
        case "csv":
            heads, *lines = csv.reader(io.StringIO(written))
            assert lines
            assert {len(line) for line in lines} == {len(heads)}
        case "json":
            assert json.loads(written)
        case _:
            checked = Checked()
            checked.feed(written)
            assert checked.open == []
            assert checked.seen.count("table") >= 1
            assert "<i>" not in written
            assert not {"script", "link", "img"} & set(checked.seen)
    if form in {"csv", "json"}:
        assert shown.splitlines()[0] == written.splitlines()[0]


@pytest.mark.parametrize("amount", ["abc", "nan", "-inf"])
def test_what_is_no_amount_is_refused_in_words(
    amount: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", f"--shared-usd={amount}"]) == 2
    assert "is no amount: write it as 1200.50" in capsys.readouterr().err


def test_the_terminal_shows_groups_savings_and_forecast(db: LedgerReader) -> None:
    console = Console(record=True, width=160, file=io.StringIO())
    made = report_of(db, "tenant", "model")
    render_table.print_cost(made, bills(made.rows, Decimal(0)), console, limit=5)
    text = console.export_text()
    assert "acme" in text
    assert "- routing" in text
    assert usd(made.total.cost) in text
    assert "… and 7 more" in text
    assert "by its end" in text


class Checked(HTMLParser):
    """Every element that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_loads_nothing(db: LedgerReader) -> None:
    made = report_of(db, "tenant", "tag")
    page = render_html.cost_html(made, bills(made.rows, Decimal(5)))
    checked = Checked()
    checked.feed(page)
    assert checked.open == []
    assert checked.seen.count("svg") == 3
    assert "script" not in checked.seen
    assert "http" not in page


def test_the_heading_of_a_number_is_marked_as_one(db: LedgerReader) -> None:
    page = render_html.cost_html(report_of(db, "tenant", "tag"))
    head, body = page.partition("<thead>")[2].split("</thead>")
    line = body.partition("<tr>")[2].partition("</tr>")[0]
    assert head.count('<th scope="col">') == line.count('<th scope="row">') == 2
    assert head.count('<th scope="col" class="number">') == line.count("<td>") > 2


def test_names_from_outside_are_escaped(tmp_path: Path) -> None:
    ledger = ledger_at(tmp_path / "x.duckdb")
    ledger.create()
    evil = usage_event(1).model_copy(update={"tags": {"team": "<script>alert(1)</script>"}})
    ledger.book(UsageBatch([evil], {}))
    with ledger.reading() as db:
        page = render_html.cost_html(cost_report(db, ["tag:team"], MONTH, MONTH.end_ms - 1))
    assert "<script" not in page


def test_bills_add_up_to_the_cent(db: LedgerReader) -> None:
    made = report_of(db, "tenant")
    charged = bills(made.rows, Decimal(1_234_567))
    assert sum(b.shared_cents for b in charged) == 123
    assert sum(b.own_cents for b in charged) == round(cost_of(EVENTS) / 10_000)


@pytest.mark.parametrize(
    ("micro", "shown"),
    [
        (0, "$0.00"),
        (1_234_500_000, "$1,234.50"),
        (1230, "$0.00123"),
        (-2_500_000, "-$2.50"),
        (99_999, "$0.1000"),
        (15, "$0.0000150"),
    ],
)
def test_dollars_are_shown_to_what_matters(micro: int, shown: str) -> None:
    assert usd(Decimal(micro)) == shown


def test_an_empty_ledger_makes_an_empty_report(tmp_path: Path) -> None:
    made = one(tmp_path)
    assert made.total.requests == 0
    assert made.total.cost_per_1k is None
    assert "$0.00" in render_html.cost_html(made)


def test_groups_that_read_alike_are_billed_apart(tmp_path: Path) -> None:
    made = one(tmp_path, usage_event(1))
    alike = [
        replace(made.total, group=("a / b", "c"), cost=Decimal(30_000)),
        replace(made.total, group=("a", "b / c"), cost=Decimal(50_000)),
    ]
    assert [bill.own_cents for bill in bills(alike, Decimal(0))] == [3, 5]


def test_days_without_cost_are_shown_between_those_with(tmp_path: Path) -> None:
    first = usage_event(1).model_copy(update={"at_ms": START_MS})
    third = usage_event(2).model_copy(update={"at_ms": START_MS + 2 * DAY_MS})
    page = render_html.cost_html(one(tmp_path, first, third))
    assert "2026-03-02: $0.00" in page
    assert "2026-03-01 to 2026-03-03: $0.00 to " in page
