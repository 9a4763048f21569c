"""The live page, in a real browser."""

import os
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from observability.live_page.server import application
from observability.live_page.sources import ProcessFigures
from observability.live_page.window import LiveWindow
from producers.contract import Attempt, CacheOutcome
from tests.browser.chromium import Tab, tab
from tests.unit.observability.usage_events import usage_event

pytestmark = pytest.mark.timeout(180)

EVIL = '<img src=x onerror="document.title=1">'
STARTED = f"rollout swap of {EVIL}: running, 1% of the tier; started"
ROLLED_BACK = (
    "rollout swap of anthropic-haiku-4.5-at-a-cloud-with-a-long-name: rolled back, 0% of the tier; "
    "9.8% of its answers are bad, the others' 3.1%: at 5 points worse than the control"
)
TRACE_URL = "http://jaeger.example/trace/{trace_id}"


def busy_state(now_ms: int) -> LiveWindow:
    """Half an hour of traffic, with hits, failures and a hostile tenant."""
    state = LiveWindow()
    for number in range(900):
        event = usage_event(number).model_copy(
            update={"at_ms": now_ms - (900 - number) * 2000, "trace_id": f"{number:032x}"}
        )
        if number % 3 == 0:
            hit = CacheOutcome(result="hit", step="semantic", saved_micro_usd=Decimal(900))
            changed: dict[str, Any] = {"cache": hit, "cost_micro_usd": Decimal(0), "attempts": ()}
            event = event.model_copy(update=changed | {"savings": None})
        if number % 50 == 49:
            failed = Attempt(deployment="openai-gpt-4o", outcome="Overloaded", status=529)
            event = event.model_copy(update={"outcome": "overloaded", "attempts": (failed,)})
        state.add(event, now_ms)
    state.add(usage_event(0).model_copy(update={"tenant": EVIL, "at_ms": now_ms}), now_ms)
    for number, words in enumerate((STARTED, ROLLED_BACK)):
        told = {"aside": "rollout", "summary": words, "at_ms": now_ms - 5_000 + number}
        state.add(usage_event(0).model_copy(update=told), now_ms)
    return state


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Tab]:
    state = busy_state(int(time.time() * 1000))
    scraped = ProcessFigures(
        lag={"llm.requests": 12.0, "llm.tier.economy": 340.0},
        breakers={"openai-gpt-4o": "open", "anthropic-opus-4.6": "half_open"},
        batches={
            "anthropic-haiku-4.5": {
                "waiting": 4321,
                "states": {"formed": 1, "submitting": 1, "submitted": 2, "ended": 0},
                "requests": 15_000,
                "oldest_s": 7_200.0,
                "slack_s": 600.0,
            }
        },
        unreachable=["workers-standard:9464"],
    )
    app = application(lambda now_ms: state.snapshot(now_ms, TRACE_URL) | scraped.snapshot())
    async with TestServer(app) as server, tab(str(server.make_url("/")), tmp_path / "b") as opened:
        await opened.until("document.getElementById('link')?.textContent === 'live'")
        yield opened


async def test_it_shows_flows_money_breakers_queues_and_traces(page: Tab, tmp_path: Path) -> None:
    await page.screenshot(Path(os.environ.get("SCREENSHOT", tmp_path / "live.png")))
    text = await page.value("document.body.innerText")
    for shown in (
        "economy",
        "llm.tier.economy",
        "340",
        "half-open",
        "workers-standard:9464",
        "4321",
        "2.0 h",
    ):
        assert shown in text
    assert await page.value("document.querySelectorAll('#minutes rect').length") == 60
    assert await page.value("document.querySelectorAll('#traces tr').length") == 20
    link = await page.value("document.querySelector('#traces a').href")
    assert link.startswith("http://jaeger.example/trace/")
    assert float(await page.value("document.getElementById('per-s').textContent")) > 0
    assert page.problems == []


async def test_decisions_about_rollouts_are_a_table_the_latest_first(page: Tab) -> None:
    assert not await page.value("document.getElementById('rollouts').hidden")
    rows = await page.value(
        "[...document.querySelectorAll('#decisions tr')].map(each => each.lastChild.textContent)"
    )
    assert rows == [ROLLED_BACK, STARTED]
    clipped = (
        "[...document.querySelectorAll('#decisions td')].some(d => d.scrollWidth > d.clientWidth)"
    )
    for width in (1280, 390):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        await page.call("Emulation.setDeviceMetricsOverride", **size)
        assert not await page.value(clipped)
        assert await page.value("document.documentElement.scrollWidth") <= width


async def test_names_from_outside_stay_text(page: Tab) -> None:
    assert EVIL in await page.value("document.querySelector('#traces').textContent")
    assert await page.value("document.querySelectorAll('img').length") == 0
    assert await page.value("document.title") == "Switchgear, live"


async def test_it_is_updated_without_a_reload(page: Tab) -> None:
    await page.value("window.seen = 0; source.addEventListener('message', () => window.seen++)")
    await page.until("window.seen >= 2")


async def test_a_screen_reader_gets_names_and_headings(page: Tab) -> None:
    tree = (await page.call("Accessibility.getFullAXTree"))["nodes"]
    nodes = [node for node in tree if not node["ignored"]]
    roles = [node["role"]["value"] for node in nodes]
    for node in nodes:
        if node["role"]["value"] in {"link", "table", "region", "image"} - {"table"}:
            assert node["name"]["value"], node
    assert roles.count("heading") == 8
    assert {"main", "status", "columnheader", "rowheader"} <= set(roles)
    plot = next(n for n in nodes if n["role"]["value"] in {"image", "img"})
    assert "cost $" in str(plot)
    assert await page.value("document.documentElement.lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_can_be_read_in_both_colour_schemes(page: Tab, scheme: str) -> None:
    """WCAG 2.1 AA: a contrast of 4.5 to 1."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    await page.call("Emulation.setEmulatedMedia", features=[feature])
    colours = await page.value(
        """['h1', '#link', 'dt', 'thead th', '.good', '.bad', '.warn', '.key'].map(s => [s,
        getComputedStyle(document.querySelector(s)).color,
        getComputedStyle(document.body).backgroundColor])"""
    )
    for selector, ink, ground in colours:
        assert contrast(ink, ground) >= 4.5, (selector, ink, ground)


async def test_it_fits_a_phone(page: Tab) -> None:
    await page.call(
        "Emulation.setDeviceMetricsOverride",
        width=390,
        height=800,
        deviceScaleFactor=1,
        mobile=True,
    )
    assert await page.value("document.documentElement.scrollWidth") <= 390


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Of `rgb(r, g, b)`, as WCAG defines it."""
    channels = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
