"""The report's page, in a real browser: wide and narrow, light and dark."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from observability.ledger.ledger import UsageBatch
from observability.ledger.stores.selection import ledger_at
from observability.reports import cost, render_html
from observability.reports.chargeback import bills
from observability.reports.period import ReportPeriod
from tests.browser.chromium import tab
from tests.browser.page_checks import check_widths_and_schemes
from tests.unit.observability.usage_events import DAY_MS, START_MS, usage_event

pytestmark = pytest.mark.timeout(180)

MONTH = ReportPeriod(START_MS, START_MS + 30 * DAY_MS)
LONG = "a-department-with-a-rather-long-name-of-its-own"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    ledger = ledger_at(str(tmp_path / "ledger.duckdb"))
    ledger.create()
    events = [usage_event(number * 1_000) for number in range(600)]
    long = [
        e.model_copy(update={"tenant": LONG}) if n % 5 == 0 else e for n, e in enumerate(events)
    ]
    ledger.book(UsageBatch(long, {}))
    with ledger.reading() as db:
        made = cost.cost_report(db, ["tenant", "model"], MONTH, MONTH.end_ms - 1)
    path = tmp_path / "report.html"
    path.write_text(render_html.cost_html(made, bills(made.rows, Decimal(9_000_000))))
    return path


async def test_nothing_is_cut_off_at_any_width_and_dark_is_dark(page: Path, tmp_path: Path) -> None:
    async with tab(page.as_uri(), tmp_path / "profile") as opened:
        await opened.until("document.querySelectorAll('svg').length === 3")
        await check_widths_and_schemes(opened)
        await opened.screenshot(tmp_path / "report.png")
        assert opened.problems == []
    assert await asyncio.to_thread((tmp_path / "report.png").stat)
