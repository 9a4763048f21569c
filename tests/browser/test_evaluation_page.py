"""An evaluation's page, in a real browser: wide and narrow, light and dark."""

from pathlib import Path

import pytest

from tests.browser.chromium import tab
from tests.browser.page_checks import check_widths_and_schemes
from tests.unit.observability.evaluation.report.test_evaluation_page import EVIL, page

pytestmark = pytest.mark.timeout(180)


async def test_its_pictures_and_disagreements_can_be_read_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "evaluation.html"
    path.write_text(page(EVIL), encoding="utf-8")
    async with tab(path.as_uri(), tmp_path / "profile") as opened:
        await opened.until("document.querySelectorAll('svg').length === 2")
        await check_widths_and_schemes(opened)
        text = await opened.value("document.body.innerText")
        assert "Cost and quality" in text
        assert await opened.value("document.querySelectorAll('polyline.front').length") == 1
        await opened.value("document.querySelectorAll('details').forEach(each => each.open = true)")
        sides = await opened.value(
            "[...document.querySelectorAll('details')[0].querySelectorAll('pre')]"
            ".map(each => each.innerText)"
        )
        assert EVIL in sides
        assert await opened.value("document.querySelectorAll('script').length") == 0
        await opened.screenshot(tmp_path / "evaluation.png")
        assert opened.problems == []
