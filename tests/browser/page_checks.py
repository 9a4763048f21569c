"""Checks of a page at every width, light and dark."""

from typing import Any, Final

from tests.browser.chromium import Tab

_CLIPPED: Final = """[...document.querySelectorAll('svg text')].filter(text => {
  const box = text.getBBox(), room = text.ownerSVGElement.viewBox.baseVal;
  return box.x < -1 || box.x + box.width > room.width + 1;
}).map(text => text.textContent)"""
_OVERFLOW: Final = "document.documentElement.scrollWidth - innerWidth"
_COLOURS: Final = """(() => { const style = getComputedStyle(document.body);
  return [style.color, style.backgroundColor]; })()"""


async def check_widths_and_schemes(opened: Tab) -> None:
    """Nothing is cut off at any width, and dark is unlike light."""
    seen: dict[str, Any] = {}
    for width in (1280, 390):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        await opened.call("Emulation.setDeviceMetricsOverride", **size)
        for scheme in ("light", "dark"):
            wanted = [{"name": "prefers-color-scheme", "value": scheme}]
            await opened.call("Emulation.setEmulatedMedia", features=wanted)
            await opened.until(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
            assert await opened.value(_CLIPPED) == []
            assert await opened.value(_OVERFLOW) <= 0
            seen[scheme] = await opened.value(_COLOURS)
    assert seen["light"] != seen["dark"]
