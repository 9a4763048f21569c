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
from tests.unit.observability.usage_events import DAY_MS, START_MS, usage_event

pytestmark = pytest.mark.timeout(180)

MONTH = ReportPeriod(START_MS, START_MS + 30 * DAY_MS)
LONG = "a-department-with-a-rather-long-name-of-its-own"
CLIPPED = """[...document.querySelectorAll('svg text')].filter(text => {
  const box = text.getBBox(), room = text.ownerSVGElement.viewBox.baseVal;
  return box.x < -1 || box.x + box.width > room.width + 1;
}).map(text => text.textContent)"""
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
COLOURS = """(() => { const style = getComputedStyle(document.body);
  return [style.color, style.backgroundColor]; })()"""


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
    seen = {}
    async with tab(page.as_uri(), tmp_path / "profile") as opened:
        await opened.until("document.querySelectorAll('svg').length === 3")
        for width in (1280, 390):
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
            await opened.call("Emulation.setDeviceMetricsOverride", **size)
            for scheme in ("light", "dark"):
                wanted = [{"name": "prefers-color-scheme", "value": scheme}]
                await opened.call("Emulation.setEmulatedMedia", features=wanted)
                await opened.until(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
                assert await opened.value(CLIPPED) == []
                assert await opened.value(OVERFLOW) <= 0
                seen[scheme] = await opened.value(COLOURS)
        await opened.screenshot(tmp_path / "report.png")
        assert opened.problems == []
    assert await asyncio.to_thread((tmp_path / "report.png").stat)
    assert seen["light"] != seen["dark"]
